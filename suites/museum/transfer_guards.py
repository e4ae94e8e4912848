"""Right ways to the device, none of which may be accused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from ...loaders.device_prefetcher import DevicePrefetcher
from .entry import PLANTED, guard
from .sending_bases import OwnStream, Sent
from .token_bases import SEQUENTIAL, WINDOWS, Pair, Sequential, Windows
from .transfer import QUEUED


@guard("K1", stated=QUEUED)
class FreshPinned(Sent):
    """Pinned memory of its own for each batch: the allocator gives it again only after the copy has run."""


@guard("K2", stated=QUEUED)
class SlotsWithEvents(Sent):
    """Three pinned slots, each with an event after its copy that is waited for before it is refilled."""

    slots: tuple[tuple[torch.Tensor, Any], ...] = ()
    turn = 0

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        if not self.slots:
            event: Any = torch.cuda.Event
            self.slots = tuple((torch.stack([x, y]).pin_memory(), event()) for _ in range(3))
        self.turn = (self.turn + 1) % len(self.slots)
        buffer, event = self.slots[self.turn]
        event.synchronize()
        there = buffer.copy_(torch.stack([x, y])).to(self.config.device, non_blocking=True)
        event.record()
        return there[0], there[1]


@guard("K2", stated=WINDOWS | {"copies": "waits"})
class BlockingCopy(Sent):
    """One pinned buffer for all, and a copy that waits."""

    staging: torch.Tensor | None = None

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        both = torch.stack([x, y])
        self.staging = both.pin_memory() if self.staging is None else self.staging.copy_(both)
        there = self.staging.to(self.config.device)
        return there[0], there[1]


@guard("K4", stated=WINDOWS, source="https://github.com/pytorch/pytorch/issues/126946")
class PageableBuffer(Sent):
    """One pageable buffer, refilled after copies that need not wait: pageable memory is staged at once."""

    staging: torch.Tensor | None = None

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        both = torch.stack([x, y])
        self.staging = both if self.staging is None else self.staging.copy_(both)
        there = self.staging.to(self.config.device, non_blocking=True)
        return there[0], there[1]


@guard("K9", stated=QUEUED)
class RecordedThroughout(OwnStream):
    """One batch ahead on a stream of its own, waited for on the device and recorded at every level."""


@guard("K3", stated=QUEUED)
class DeviceBuffersThatWait(OwnStream):
    """Buffers on the device take turns, and the copy stream waits for the model before it writes."""

    there: tuple[torch.Tensor, ...] = ()
    turn = 0

    def move(self, part: torch.Tensor) -> torch.Tensor:  # noqa: D102
        if not self.there:
            self.there = tuple(torch.empty_like(part, device=self.config.device) for _ in range(6))
        self.turn = (self.turn + 1) % len(self.there)
        self.stream.wait_stream(torch.cuda.default_stream())
        return self.there[self.turn].copy_(part.pin_memory(), non_blocking=True)


@guard(PLANTED, stated=QUEUED)
class WidenedOnTheDevice(Sent):
    """uint16 sent once as (B, T+1) from pinned memory of its own, widened and shifted on the device."""

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        rows = torch.cat([x, y[:, -1:]], 1).to(torch.uint16).pin_memory()
        wide = rows.to(self.config.device, non_blocking=True).long()
        return wide[:, :-1].contiguous(), wide[:, 1:].contiguous()


@guard("K5", stated=WINDOWS)
class PinnedAndDropped(Windows):
    """Gives page-locked host batches of torch's own: they may be dropped while they are copied."""

    def __iter__(self) -> Iterator[Any]:
        for x, y in super().__iter__():
            yield (x.pin_memory(), y.pin_memory()) if torch.cuda.is_available() else (x, y)


@guard("K2", stated=SEQUENTIAL | {"copies": "queued"})
def prefetched_to_device(corpus: Corpus, config: LoaderConfig) -> DevicePrefetcher:
    """A plain loader behind the DevicePrefetcher."""
    return DevicePrefetcher(Sequential(corpus, config), config.device)


@guard("I2", stated=WINDOWS | {"batch": "until-next"})
class OneBufferPrefetched(Windows):
    """A loader with one buffer for all batches, behind the DevicePrefetcher, which copies what it sends."""

    def __iter__(self) -> Iterator[Any]:
        return iter(DevicePrefetcher(self.refilled(), self.config.device))

    def refilled(self) -> Iterator[Pair]:
        """Batches in the same memory."""
        held = torch.empty(2, self.B, self.T, dtype=torch.int64)
        for x, y in super().__iter__():
            yield held[0].copy_(x), held[1].copy_(y)
