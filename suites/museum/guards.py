"""Correct loaders that look suspicious, or that reports called wrong: none may be accused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from .entry import PLANTED, guard
from .row_bases import BUFFERED, CHATS, DOCUMENTS, PAIRS, Buffered, Chats, Documents, Pairs
from .token_bases import SEQUENTIAL, WINDOWS, Ints, Pair, Sequential, Windows


@guard("A5", stated=WINDOWS)
class OriginalBound(Windows):
    """ng-video-lecture#56: the exclusive bound len-T is right; its last target is the final token."""


@guard("A8", stated=SEQUENTIAL)
class OverlapByOne(Sequential):
    """llm.c#321: reads B*T+1 tokens and advances by B*T; the shared one is a target, then an input."""


@guard("A8", stated=SEQUENTIAL | {"overlap": 0})
class NoOverlap(Sequential):
    """Advances by B*T+1 tokens, and says so."""

    def start(self, index: int) -> int:  # noqa: D102
        return super().start(index) + index * self.config.world_size + self.config.rank

    def count_rows(self) -> int:  # noqa: D102
        size = self.B * self.T + 1
        whole, rest = divmod(len(self.ids), size * self.config.world_size)
        return whole * self.B + (0 if self.config.drop_last else max(0, rest - 1) // self.T)


@guard("A8", stated=SEQUENTIAL | {"overlap": 0, "row_overlap": 0, "ranks": "none"})
class RowsOfTPlusOne(Sequential):
    """Rows of T+1 tokens at stride T+1, and says so."""

    def count_rows(self) -> int:  # noqa: D102
        rows = len(self.ids) // (self.T + 1)
        return rows // self.B * self.B if self.config.drop_last else rows

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        width = self.T + 1
        flat = self.row(start // self.T * width, rows * width).view(rows, width)
        return flat[:, :-1].contiguous(), flat[:, 1:].contiguous()


@guard("A2", stated=WINDOWS | {"targets": "same"})
class ModelShifts(Windows):
    """transformers#35066: labels equal inputs, and it is stated that the model shifts."""

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        x = self.inputs(starts)
        return x, x.clone()


@guard("I2", stated=WINDOWS | {"batch": "until-next"})
class ValidUntilNext(Windows):
    """One buffer for all batches, and stated as valid only until the next one is asked for."""

    def __iter__(self) -> Iterator[Any]:
        held = torch.empty(2, self.B, self.T, dtype=torch.int64)
        for x, y in super().__iter__():
            yield held[0].copy_(x), held[1].copy_(y)


@guard("D9", stated=SEQUENTIAL | {"batch": "view"})
class StatedViews(Sequential):
    """Slices of one (B, T+1) tensor, stated as views."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        wide = torch.stack([self.row(start + row * self.T, self.T + 1) for row in range(rows)])
        return wide[:, :-1], wide[:, 1:]


@guard("F8", stated=WINDOWS | {"rng": "global"})
class StatedGlobalDraws(Windows):
    """nanoGPT's get_batch: draws from the global generator, and says so."""

    def __iter__(self) -> Iterator[Any]:
        torch.manual_seed(self.config.seed + self.config.epoch + self.config.rank)
        return super().__iter__()

    def starts(self) -> Ints:  # noqa: D102
        return torch.randint(len(self.ids) - self.T, (self.B,)).numpy()


@guard("H17", stated=SEQUENTIAL | {"reads": "documents", "ranks": "none"})
class StartsMidDocument(Documents):
    """Megatron-LM#1145: continuous windows do not align to documents; rows begin in their middle."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        return documents


@guard(PLANTED, stated=SEQUENTIAL | {"reads": "documents", "order": None, "ranks": "none"})
class ShortestLast(Documents):
    """Longest documents first: the last batch, which is dropped, holds most of the short ones."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        return sorted(documents, key=len, reverse=True)


CROPPED = {"joins": "aligned", "loss": "crop", "overlap": None, "row_overlap": None, "short_last": False}


@guard("B12", stated=DOCUMENTS | CROPPED)
class CroppedRows(Documents):
    """Rows begin at a BOS, and what does not fit is cropped, as stated."""

    def __iter__(self) -> Iterator[Any]:
        rows: list[list[int]] = []
        row: list[int] = []
        for piece in self.pieces():
            row += piece
            if len(row) > self.T:
                rows, row = [*rows, row[: self.T + 1]], []
            if len(rows) == self.B:
                wide = torch.tensor(rows)
                yield wide[:, :-1].contiguous(), wide[:, 1:].contiguous()
                rows = []
        self.epoch += 1


@guard("D1", stated=WINDOWS)
class RefusesWideIds(Windows):
    """Reads sixteen bits only, and refuses what is wider in so many words."""

    def open(self) -> Any:  # noqa: D102
        if self.corpus.token_dtype.itemsize != 2:
            raise ValueError(f"token files of {self.corpus.token_dtype} are not supported; write uint16")
        return super().open()


@guard(PLANTED, stated=SEQUENTIAL | {"passes": "endless", "short_last": False})
class AroundAndAround(Sequential):
    """Sequential without end: each pass begins at the front again."""

    def count_rows(self) -> int:  # noqa: D102
        return super().count_rows() // self.B * self.B

    def __iter__(self) -> Iterator[Any]:
        if not self.rows:
            raise ValueError(f"{len(self.ids)} tokens give no batch of {self.B} x {self.T}")
        while True:
            yield from super().__iter__()


@guard(PLANTED, stated=SEQUENTIAL | {"x_dtype": "int32"})
class NarrowInputs(Sequential):
    """Inputs in 32 bits, targets in 64, as embedding and loss accept them."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        x, y = super().cut(start, rows)
        return x.int(), y


@guard(PLANTED, stated=SEQUENTIAL | {"ranks": "none"})
class EveryRankReadsAll(Sequential):
    """Sequential, and stated as not shared among ranks."""

    def start(self, index: int) -> int:  # noqa: D102
        return index * self.B * self.T

    def count_rows(self) -> int:  # noqa: D102
        rows = (len(self.ids) - 1) // self.T
        return rows // self.B * self.B if self.config.drop_last else rows


@guard(PLANTED, stated=SEQUENTIAL | {"loss": None, "overlap": None, "row_overlap": None, "short_last": None})
class SaysLittle(Sequential):
    """States an order and no more: what is not promised is not judged."""


@guard(PLANTED, stated=DOCUMENTS)
class PlainDocuments(Documents):
    """The base of the defects beside it."""


@guard(PLANTED, stated=BUFFERED, options={"buffer_size": 1000})
class PlainBuffer(Buffered):
    """The base of the defects beside it."""


@guard(PLANTED, stated=PAIRS)
class PlainPairs(Pairs):
    """The base of the defects beside it."""


@guard(PLANTED, stated=CHATS)
class PlainChats(Chats):
    """The base of the defects beside it."""
