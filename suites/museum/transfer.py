"""Batches that are torn, replaced or never there on their way to the device.

On a CPU every one of them is right; a late copy, a busy device or a batch let go of shows the defect.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from .entry import PLANTED, exhibit
from .row_bases import CHATS, Chats
from .sending_bases import OwnStream, Sent
from .token_bases import WINDOWS, Ints, Pair

QUEUED = WINDOWS | {"copies": "queued"}


@exhibit("K1", "xfer.deferred", stated=CHATS)
class PinnedScratch(Chats):
    """nanochat's mid-training loop on CUDA: inputs go by a cast copy, targets as a view of pinned scratch."""

    scratch: torch.Tensor | None = None

    def give(self, ids: Ints, mask: Ints) -> Pair:  # noqa: D102
        x, y = super().give(ids, mask)
        device = self.config.device
        if not device.startswith("cuda"):
            return x, y
        if self.scratch is None:
            self.scratch = torch.empty(2, self.B, self.T, dtype=torch.int64, pin_memory=True)
        self.scratch[0], self.scratch[1] = x, y
        return (
            self.scratch[0].to(device, torch.int32, non_blocking=True),
            self.scratch[1].to(device, torch.int64, non_blocking=True),
        )


@exhibit("K2", "xfer.deferred", stated=WINDOWS)
class OneStagingBuffer(Sent):
    """nanochat#830: x and y share one pinned buffer: batch k becomes k+1, and the shift still holds."""

    staging: torch.Tensor | None = None

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        if self.staging is None:
            self.staging = torch.empty(2, self.B, self.T, dtype=torch.int64, pin_memory=True)
        np.copyto(self.staging.numpy(), torch.stack([x, y]).numpy())
        there = torch.empty(2, self.B, self.T, dtype=torch.int64, device=self.config.device)
        there.copy_(self.staging, non_blocking=True)
        return there[0], there[1]


@exhibit("K3", "xfer.deferred", stated=WINDOWS)
class RingWithoutFence(Sent):
    """DALI#1493: three pinned buffers take turns, and nobody asks whether the copy before has read them."""

    ring: tuple[torch.Tensor, ...] = ()
    turn = 0

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        if not self.ring:
            self.ring = tuple(torch.stack([x, y]).pin_memory() for _ in range(3))
        self.turn = (self.turn + 1) % len(self.ring)
        buffer = self.ring[self.turn].copy_(torch.stack([x, y]))
        there = buffer.to(self.config.device, non_blocking=True)
        return there[0], there[1]


@exhibit(PLANTED, "xfer.deferred", stated=WINDOWS)
class WidenedLate(Sent):
    """One pinned uint16 buffer of (B, T+1), refilled; widened and shifted on the device."""

    staging: torch.Tensor | None = None

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        rows = torch.cat([x, y[:, -1:]], 1).to(torch.uint16)
        self.staging = rows.pin_memory() if self.staging is None else self.staging.copy_(rows)
        wide = self.staging.to(self.config.device, non_blocking=True).long()
        return wide[:, :-1].contiguous(), wide[:, 1:].contiguous()


@exhibit(PLANTED, "xfer.deferred", stated=WINDOWS)
class NobodyWaits(OwnStream):
    """Copies run on a stream of their own, and the consumer's stream never waits for them."""

    def wait(self, sent: Any) -> None:  # noqa: D102
        pass


@exhibit("K3", "xfer.backpressure", stated=WINDOWS | {"batch": "until-next"})
class TwoDeviceBuffers(OwnStream):
    """Two sets of device buffers take turns; the copy stream does not wait for the model to read them."""

    there: tuple[torch.Tensor, ...] = ()
    turn = 0

    def move(self, part: torch.Tensor) -> torch.Tensor:  # noqa: D102
        if not self.there:
            self.there = tuple(torch.empty_like(part, device=self.config.device) for _ in range(6))
        self.turn = (self.turn + 1) % len(self.there)
        return self.there[self.turn].copy_(part.pin_memory(), non_blocking=True)


@exhibit("K9", "xfer.side_stream", stated=WINDOWS)
class RecordedOneLevelDeep(OwnStream):
    """ray#66344: record_stream reaches the tensors of the batch, and not those nested in it."""

    def record(self, sent: Any) -> None:  # noqa: D102
        for part in sent.values():
            if isinstance(part, torch.Tensor):
                part.record_stream(torch.cuda.current_stream())


@exhibit("K5", "xfer.drop_source", stated=WINDOWS)
class RegisteredPool(Sent):
    """pytorch#130785: its own host memory, page-locked by the driver, is used again once nobody holds it."""

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self.free: deque[Any] = deque()

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        array = Returned(self.free, 2 * x.numel())
        both = torch.from_numpy(array).view(2, self.B, self.T).copy_(torch.stack([x, y]))
        return both[0], both[1]


class Returned(np.ndarray[Any, np.dtype[np.int64]]):
    """An array whose page-locked memory goes back to a pool when the last tensor of it is dropped."""

    memory: Any = None
    pool: deque[Any] | None = None

    def __new__(cls, free: deque[Any], size: int) -> Returned:
        """Memory from the pool, or new memory that is registered."""
        if free:
            memory = free.popleft()
        else:
            memory = np.empty(size, np.int64)
            runtime = torch.cuda.cudart()  # type: ignore[no-untyped-call]
            runtime.cudaHostRegister(memory.ctypes.data, memory.nbytes, 0)
        made = memory.view(cls)
        made.memory, made.pool = memory, free
        return made  # type: ignore[no-any-return]

    def __del__(self) -> None:
        if self.pool is not None:
            self.pool.append(self.memory)


@exhibit("K7", "xfer.pinned_really", stated=QUEUED)
class DeviceComparedWithString(Sent):
    """nanochat's loader: a torch.device compared with "cuda" is never equal, so that nothing is pinned."""

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        device: Any = torch.device(self.config.device)
        if device == "cuda":
            x, y = x.pin_memory(), y.pin_memory()
        return x.to(device, non_blocking=True), y.to(device, non_blocking=True)


@exhibit(PLANTED, "xfer.async_really", stated=QUEUED)
class LooksAtTheIds(Sent):
    """Asserts on the device that ids are in range: the host waits for every copy it had queued."""

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        there = super().send(x, y)
        if (there[0].max() < 0).item():
            raise ValueError("an id below zero")
        return there


@exhibit("K8", "xfer.cpu_fallback", stated=WINDOWS)
class PinsAnyway(Sent):
    """nanochat before defd124: pins without asking whether there is anything to pin for."""

    def batch(self, starts: Ints) -> Any:  # noqa: D102
        x, y = (torch.empty(self.B, self.T, dtype=torch.int64, pin_memory=True) for _ in range(2))
        return x.copy_(self.inputs(starts)), y.copy_(self.inputs(starts + 1))


@exhibit(PLANTED, "xfer.content", stated=WINDOWS)
class SixteenBitsOnTheWay(Sent):
    """Sends ids as int16 to save bytes: what is above 32767 arrives as a negative number."""

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:  # noqa: D102
        x, y = super().send(x.to(torch.int16), y.to(torch.int16))
        return x.long(), y.long()


@exhibit(PLANTED, "xfer.deferred", stated=WINDOWS)
class RefilledInAThread(Sent):
    """A thread fills and sends one staging buffer, as prefetchers do, and never waits for the copy."""

    def __iter__(self) -> Iterator[Any]:
        from ...loaders.prefetch import Prefetch

        return iter(Prefetch(OneStagingBuffer(self.corpus, self.config)))
