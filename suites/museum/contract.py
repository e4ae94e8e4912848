"""Strides, types, lengths and indices that are not what was promised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .entry import PLANTED, exhibit
from .token_bases import SEQUENTIAL, WINDOWS, Ints, Pair, Sequential, Windows


@exhibit("A8", "stride.declared", stated=SEQUENTIAL | {"short_last": False, "ranks": "none"})
class AdvanceOneTooFar(Sequential):
    """llm.c#321 the other way: reads B*T+1 tokens and advances by as many, losing a pair at each cut."""

    def start(self, index: int) -> int:  # noqa: D102
        return super().start(index) + index

    def count_rows(self) -> int:  # noqa: D102
        return len(self.ids) // (self.B * self.T + 1) * self.B


@exhibit(PLANTED, "stride.declared", stated=SEQUENTIAL | {"short_last": False, "ranks": "none"})
class RowsApart(Sequential):
    """Rows of T+1 tokens at stride T+1, declared to overlap: a pair is lost at each row's end."""

    def count_rows(self) -> int:  # noqa: D102
        return len(self.ids) // (self.B * (self.T + 1)) * self.B

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        width = self.T + 1
        flat = self.row(start // self.T * width, rows * width).view(rows, width)
        return flat[:, :-1].contiguous(), flat[:, 1:].contiguous()


@exhibit("D8", "batch.type", stated=WINDOWS)
class NothingForWideIds(Windows):
    """RWKV-LM#296: the branch for one storage width has no return."""

    def batch(self, starts: Ints) -> Pair | None:  # noqa: D102
        if self.corpus.token_dtype.itemsize == 2:
            return self.inputs(starts), self.inputs(starts + 1)
        return None


@exhibit(PLANTED, "batch.type", stated=WINDOWS)
class ArraysNotTensors(Windows):
    """NumPy arrays where every training loop calls tensor methods."""

    def batch(self, starts: Ints) -> Any:  # noqa: D102
        return self.inputs(starts).numpy(), self.inputs(starts + 1).numpy()


@exhibit("B6", "len.honest", stated=SEQUENTIAL | {"short_last": False})
class LengthOfSomethingElse(Sequential):
    """alignment-handbook#61: the length counts samples, while batches of packed rows are given."""

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Pair]:
        for index in range(self.rows // self.B):
            yield self.cut(self.start(index), self.B)


@exhibit(PLANTED, "index.meaning", stated=SEQUENTIAL)
class IndexIgnored(Sequential):
    """An item is whatever comes next, whatever index a sampler asks for."""

    asked = -1

    def __getitem__(self, index: int) -> Pair:
        self.asked += 1
        return self.cut(self.start(self.asked % len(self)), self.B)


@exhibit(PLANTED, "index.meaning", stated=SEQUENTIAL)
class OneItemForAll(Sequential):
    """Every index is the same item: the index never reaches the slice."""

    def __getitem__(self, index: int) -> Pair:
        return self.cut(self.start(0), self.B)
