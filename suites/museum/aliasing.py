"""Batches that change after they were given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from .entry import PLANTED, exhibit
from .row_bases import CHATS, Chats
from .token_bases import SEQUENTIAL, WINDOWS, Ints, Pair, Sequential, Windows


@exhibit("I2", "alias.hold", stated=WINDOWS)
class OneBufferForAll(Windows):
    """DALI#1375: x and y are made once and refilled, so a list of batches is the last one many times."""

    def __iter__(self) -> Iterator[Any]:
        x, y = (torch.empty(self.B, self.T, dtype=torch.int64) for _ in range(2))
        for fresh_x, fresh_y in super().__iter__():
            yield x.copy_(fresh_x), y.copy_(fresh_y)


@exhibit("K1", "alias.hold", stated=CHATS)
class TargetsFromScratch(Chats):
    """nanochat's mid-training loop: inputs are copies, targets a view of a scratch that is refilled."""

    scratch: torch.Tensor | None = None

    def give(self, ids: Ints, mask: Ints) -> Pair:  # noqa: D102
        x, y = super().give(ids, mask)
        self.scratch = torch.empty_like(y) if self.scratch is None else self.scratch
        return x, self.scratch.copy_(y)


@exhibit(PLANTED, "alias.hold", stated=WINDOWS)
class PoolOfThree(Windows):
    """Three buffers take turns: a consumer that keeps four batches sees the first one change."""

    def __iter__(self) -> Iterator[Any]:
        pool = [torch.empty(2, self.B, self.T, dtype=torch.int64) for _ in range(3)]
        for number, (x, y) in enumerate(super().__iter__()):
            buffer = pool[number % 3]
            yield buffer[0].copy_(x), buffer[1].copy_(y)


@exhibit("I2", "alias.storage", stated=SEQUENTIAL)
class ViewsOfTheSource(Sequential):
    """Batches are views of the tokens in memory: whoever masks a target in place changes the data."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        if not hasattr(self, "held"):
            self.held = torch.from_numpy(np.asarray(self.ids).astype(np.int64))
        x, y = (self.held[start + shift :][: rows * self.T] for shift in (0, 1))
        return x.view(rows, self.T), y.view(rows, self.T)
