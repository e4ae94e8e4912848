"""Shapes, types and layouts that the next step of training refuses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from .entry import PLANTED, exhibit
from .token_bases import SEQUENTIAL, WINDOWS, Ints, Pair, Sequential, Windows


@exhibit("A10", "shape.bt", stated=WINDOWS)
class Untrimmed(Windows):
    """Megatron-LM#399: the raw sample of T+1 tokens is taken for the model's window."""

    def inputs(self, starts: Ints) -> torch.Tensor:  # noqa: D102
        kept = np.minimum(starts, len(self.ids) - self.T - 1)
        return torch.stack([self.row(int(start), self.T + 1) for start in kept])

    def starts(self) -> Ints:  # noqa: D102
        return self.rng.integers(0, max(1, len(self.ids) - self.T - 1), self.B)


@exhibit("A10", "shape.bt", stated=SEQUENTIAL | {"row_overlap": None, "overlap": None, "order": None})
class OneShort(Sequential):
    """A window of T tokens is cut into inputs and targets of T-1 each."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        x, y = super().cut(start, rows)
        return (x[:, :-1].contiguous(), x[:, 1:].contiguous()) if self.T > 1 else (x, y)


@exhibit(PLANTED, "dtype.declared", stated=WINDOWS)
class FloatIds(Windows):
    """The cast to the model's type was applied to the ids as well."""

    def inputs(self, starts: Ints) -> torch.Tensor:  # noqa: D102
        return super().inputs(starts).float()


@exhibit("D3", "dtype.declared", stated=WINDOWS)
class NarrowTargets(Windows):
    """llm-foundry#321: one width is written down and another one delivered; cross_entropy refuses it."""

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        return self.inputs(starts), self.inputs(starts + 1).int()


@exhibit("D9", "layout.contiguous", stated=SEQUENTIAL)
class SlicesOfOneBuffer(Sequential):
    """nanochat#569: x and y are slices of one (B, T+1) tensor, and y.view(-1) raises."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        wide = torch.stack([self.row(start + row * self.T, self.T + 1) for row in range(rows)])
        return wide[:, :-1], wide[:, 1:]


@exhibit("G9", "batch.nonempty", stated=SEQUENTIAL | {"short_last": False})
class EmptyLastBatch(Sequential):
    """accelerate#209: the last round has nothing left to give, and gives that."""

    def __iter__(self) -> Iterator[Pair]:
        for index in range(len(self)):
            yield self.cut(self.start(index), self.B if index < self.rows // self.B else 0)

    def __len__(self) -> int:
        return self.rows // self.B + 1
