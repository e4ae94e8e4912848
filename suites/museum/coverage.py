"""Passes that lose tokens, pairs or rows, or show some twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .entry import PLANTED, exhibit
from .row_bases import BUFFERED, DOCUMENTS, PAIRS, Buffered, Documents, Pairs
from .token_bases import SEQUENTIAL, WINDOWS, Pair, Sequential, Windows


@exhibit("B1", "coverage.tail", stated=SEQUENTIAL | {"short_last": False})
class BatchLeftAtTheEnd(Sequential):
    """build-nanogpt#105: the test for the end counts a share too many, so a whole batch is skipped."""

    def count_rows(self) -> int:  # noqa: D102
        batches = super().count_rows() // self.B
        return max(1, batches - 1) * self.B


@exhibit("B3", "coverage.multiset", stated=DOCUMENTS)
class LeftoverCleared(Documents):
    """trl#1621: only full chunks of each buffer of documents are given; the rest is not carried over."""

    def batches(self, pieces: Iterable[list[int]]) -> Iterator[Pair]:  # noqa: D102
        held: list[int] = []
        for number, piece in enumerate(pieces):
            held += piece
            if number % 8 == 7:
                yield from super().batches([held])
                held = []
        yield from super().batches([held])


@exhibit("B5", "coverage.boundary_lengths", "coverage.multiset", stated=DOCUMENTS)
class ShortOnesFiltered(Documents):
    """trl#483: documents shorter than a row are left out, and of a corpus of short ones little stays."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        return (piece for piece in super().pieces() if len(piece) > self.T)


@exhibit("A11", "coverage.boundary_lengths", stated=DOCUMENTS)
class ExactFitDropped(Documents):
    """torchtitan 6b36b52: a document that fits a row exactly falls between `<` and `>`."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        for piece in super().pieces():
            if len(piece) < self.T + 1 or len(piece) > self.T + 1:
                yield piece


@exhibit(PLANTED, "coverage.boundary_lengths", stated=DOCUMENTS)
class LengthIn16Bits(Documents):
    """The lengths of documents are kept in 16 bits: of one with 65,537 tokens a single one is read."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        return ([self.bos, *ids[: len(ids) & 0xFFFF]] for ids in self.order(self.documents()))


@exhibit("B7", "coverage.buffer_flush", stated=BUFFERED, options={"buffer_size": 1000})
class RowInHandForgotten(Buffered):
    """Seen in a taught loop: a full buffer is handed out and emptied, and the row in hand put nowhere."""

    def through(self, rows: Iterable[Any], size: int, rng: np.random.Generator) -> Iterator[Any]:  # noqa: D102
        buffer: list[Any] = []
        for row in rows:
            if len(buffer) < size:
                buffer.append(row)
            else:
                yield from (buffer[i] for i in rng.permutation(size))
                buffer = []
        yield from (buffer[i] for i in rng.permutation(len(buffer)))


@exhibit("B3", "coverage.buffer_flush", stated=BUFFERED, options={"buffer_size": 8})
class BufferLeftFull(Buffered):
    """What is still in the shuffle buffer when the source ends is never given."""

    def through(self, rows: Iterable[Any], size: int, rng: np.random.Generator) -> Iterator[Any]:  # noqa: D102
        buffer: list[Any] = []
        for row in rows:
            buffer.append(row)
            if len(buffer) > size:
                yield buffer.pop(int(rng.integers(len(buffer))))


@exhibit("G9", "coverage.multiset", stated=SEQUENTIAL | {"ranks": "none"})
class ToppedUpFromTheFront(Sequential):
    """accelerate#961: the last batch is filled up with rows of the first, told to drop it or not."""

    def count_rows(self) -> int:  # noqa: D102
        rows = (len(self.ids) - 1) // self.T
        return rows + -rows % self.B

    def start(self, index: int) -> int:  # noqa: D102
        return min(super().start(index), (len(self.ids) - 1) // self.T * self.T - self.B * self.T)


@exhibit("B3", "coverage.multiset", stated=PAIRS)
class PairsOfTheNextPass(Pairs):
    """A pass is as long as the rows are many, but rows are drawn from them with replacement."""

    def rows(self) -> list[tuple[str, str]]:  # noqa: D102
        rows = super().rows()
        rng = np.random.default_rng([self.config.seed, self.epoch])
        return [rows[i] for i in rng.integers(0, len(rows), len(rows))] if self.config.shuffle else rows


@exhibit(PLANTED, "coverage.transitions", stated=SEQUENTIAL | {"short_last": False, "ranks": "none"})
class BlocksApart(Sequential):
    """The file is read in blocks of three batches, and the pair across two blocks is never made."""

    def start(self, index: int) -> int:  # noqa: D102
        return super().start(index) + index // 3

    def count_rows(self) -> int:  # noqa: D102
        blocks, rest = divmod(len(self.ids) - 1, 3 * self.B * self.T + 1)
        return (3 * blocks + rest // (self.B * self.T)) * self.B


@exhibit("A5", "coverage.last_token", stated=WINDOWS)
class BoundMendedAfterAll(Windows):
    """ng-video-lecture#56: a right bound is "mended", and the final token is never a target again."""

    def starts(self) -> npt.NDArray[np.int64]:  # noqa: D102
        return self.rng.integers(0, max(1, len(self.ids) - self.T - 1), self.B)


@exhibit(PLANTED, "split.disjoint", stated=WINDOWS)
class SplitIgnored(Windows):
    """Whatever split is asked for, the training file is opened: the validation loss is a training loss."""

    def open(self) -> npt.NDArray[Any]:  # noqa: D102
        return np.memmap(self.corpus.token_file("train"), self.corpus.token_dtype, mode="r")


@exhibit(PLANTED, "split.disjoint", stated=SEQUENTIAL)
class CutStraddled(Sequential):
    """One array is cut by rows, and the last training row reaches into the validation part."""

    def open(self) -> npt.NDArray[Any]:  # noqa: D102
        mine = super().open()
        if self.config.split == "val" or "val" not in self.corpus.manifest.token_files:
            return mine
        after = np.fromfile(self.corpus.token_file("val"), self.corpus.token_dtype)
        return np.concatenate([mine, after[: self.T * self.B]])


@exhibit("B8", "drop_last.honoured", stated=SEQUENTIAL)
class AlwaysDropped(Sequential):
    """grain 5bad1a2: the wish to keep the remainder is not passed down."""

    def count_rows(self) -> int:  # noqa: D102
        return super().count_rows() // self.B * self.B


@exhibit("B8", "drop_last.honoured", stated=PAIRS)
class NeverDropped(Pairs):
    """The same flag the other way: a short last batch although told to drop it."""

    def __iter__(self) -> Iterator[Any]:
        rows, size = self.rows(), self.config.batch_size
        return (self.collate(rows[start : start + size]) for start in range(0, len(rows), size))


@exhibit(PLANTED, "order.canonical", stated=DOCUMENTS)
class ShardsSortedAsText(Documents):
    """Shards are sorted by name: train-10 comes before train-2."""

    def files(self) -> list[Path]:  # noqa: D102
        return sorted(super().files(), key=str)


@exhibit(PLANTED, "order.canonical", stated=DOCUMENTS)
class ShuffledAllTheSame(Documents):
    """The switch that turns shuffling off is not looked at."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        rng = np.random.default_rng([self.config.seed, self.epoch])
        return [documents[i] for i in rng.permutation(len(documents))]
