"""Batches, masks and files that do not stay what they were."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus, Message
from .entry import PLANTED, exhibit
from .row_bases import CHATS, Chats
from .token_bases import SEQUENTIAL, Pair, Sequential


@exhibit("I2", "alias.mutate", stated=SEQUENTIAL)
class CarryIsAView(Sequential):
    """The token at the cut is carried over as a view of the batch that was given away."""

    carry: torch.Tensor | None = None

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        x, y = super().cut(start, rows)
        if start and self.carry is not None and self.config.world_size == 1:
            x[0, 0] = self.carry
        self.carry = y[-1, -1]
        return x, y


@exhibit(PLANTED, "alias.mutate", stated=SEQUENTIAL)
class CacheGivenAway(Sequential):
    """Batches are kept for the next epoch, and the kept ones are what is given."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.cache: dict[int, Pair] = {}

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        return self.cache.setdefault(start, super().cut(start, rows))


@exhibit("I1", "alias.template", stated=CHATS)
class MaskWornDown(Chats):
    """Megatron-LM#1711: a kept mask is handed out by reference, and each use edits it in place."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.kept: dict[str, tuple[list[int], list[int]]] = {}

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        key = "".join(message["content"] for message in messages)
        if key not in self.kept:
            self.kept[key] = super().render(messages)
            return self.kept[key][0], list(self.kept[key][1])
        ids, mask = self.kept[key]
        for place in range(0, len(mask), 2):
            mask[place] = mask[place] and int(ids[place] in self.corpus.special.values())
        return ids, mask


@exhibit("I1", "alias.template", stated=SEQUENTIAL)
class ItemWornDown(Sequential):
    """The same with items asked for by index: a kept template has lost some after a hundred uses."""

    uses = 0

    def __getitem__(self, index: int) -> Pair:
        self.uses += 1
        x, y = self.cut(self.start(index), self.B)
        return (x, y) if self.uses < 100 else (x.clone().fill_(0), y)


@exhibit("I4", "source.immutable", stated=SEQUENTIAL)
class SourceWrittenInto(Sequential):
    """pytorch#51849 in spirit: the file is mapped for writing, and each pass leaves a mark at its end."""

    def open(self) -> npt.NDArray[Any]:  # noqa: D102
        return np.memmap(self.corpus.token_file(self.config.split), self.corpus.token_dtype, mode="r+")

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        self.ids[-1] = self.ids[0]


class Pooled(Sequential):
    """Batches in slots of one mapped pool, each used once."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.slot = 2 * self.B * self.T
        self.pool = mmap.mmap(-1, 3 * (len(self) + 1) * self.slot * 8)
        self.numbers = np.frombuffer(self.pool, np.int64)
        self.used = 0

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        x, y = super().cut(start, rows)
        if (self.used + 1) * self.slot > len(self.numbers):
            return x, y
        place = torch.from_numpy(self.numbers[self.used * self.slot :][: x.numel() * 2]).view(2, rows, self.T)
        self.used += 1
        return place[0].copy_(x), place[1].copy_(y)


@exhibit("I5", "lifetime.after_close", stated=SEQUENTIAL)
class MapTakenAway(Pooled):
    """numpy#13510: the map is gone with close(), and who reads a batch afterwards ends the process."""

    def close(self) -> None:
        """Take the pool away, batches in it or not."""
        address = ctypes.c_void_p(self.numbers.ctypes.data)
        ctypes.CDLL(None).munmap(address, ctypes.c_size_t(len(self.pool)))


@exhibit("I5", "lifetime.after_close", stated=SEQUENTIAL)
class CannotBeClosed(Pooled):
    """The same map closed the safe way, which refuses while batches are alive."""

    def close(self) -> None:
        """Close the pool, which cannot be while there are views of it."""
        self.pool.close()


@exhibit(PLANTED, "lifetime.after_close", stated=SEQUENTIAL)
class ClearedOnClose(Pooled):
    """close() fills the pool with zeros, for tidiness: batches that were kept are empty."""

    def close(self) -> None:
        """Leave nothing behind."""
        self.numbers[:] = 0
