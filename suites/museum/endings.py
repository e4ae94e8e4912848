"""Passes that end too early, never, or by taking the process with them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from .entry import PLANTED, exhibit
from .row_bases import CHATS, DOCUMENTS, Chats, Documents
from .token_bases import SEQUENTIAL, Pair, Sequential

ALONE = SEQUENTIAL | {"ranks": "none"}


@exhibit(PLANTED, "end.finite", stated=ALONE)
class RaisesMidPass(Sequential):
    """An index runs over in the middle of a pass."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        if start == 9 * self.B * self.T:
            raise IndexError(f"index {start} is out of bounds")
        return super().cut(start, rows)


@exhibit(PLANTED, "end.finite", stated=ALONE)
class ExitsTheProcess(Sequential):
    """A library's fatal error handler ends the process without a word."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        if start == 9 * self.B * self.T:
            os._exit(3)
        return super().cut(start, rows)


@exhibit(PLANTED, "end.finite", stated=ALONE)
class CrashesInNativeCode(Sequential):
    """A wild pointer: the process is killed by a signal."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        if start == 9 * self.B * self.T:
            ctypes.string_at(0)
        return super().cut(start, rows)


@exhibit(PLANTED, "end.finite", stated=ALONE, hangs=True)
class WaitsForEver(Sequential):
    """A helper's result is waited for without a limit, and the helper is gone."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        while start == 9 * self.B * self.T:
            pass
        return super().cut(start, rows)


@exhibit(PLANTED, "end.finite", stated=ALONE | {"short_last": False})
class NeverEnds(Sequential):
    """Stated as one pass, but the loop around it begins again by itself."""

    def count_rows(self) -> int:  # noqa: D102
        return super().count_rows() // self.B * self.B

    def __iter__(self) -> Iterator[Pair]:
        while True:
            yield from super().__iter__()


@exhibit("C1", "end.infinite", stated=DOCUMENTS | {"passes": "endless"}, hangs=True)
class SpinsAfterOnePass(Documents):
    """nanochat#360: the file index is not reset inside the endless loop, so next() never returns."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        documents, index = list(self.order(self.documents())), 0
        while True:
            while index < len(documents):
                yield [self.bos, *documents[index]]
                index += 1


@exhibit("C1", "end.infinite", stated=DOCUMENTS | {"passes": "endless"})
class EndlessThatEnds(Documents):
    """Stated as endless, but the source is not begun again: training stops after a pass."""


@exhibit("C4", "end.reiterate", stated=SEQUENTIAL)
class OneShot(Sequential):
    """data#825: the iterator is made once and kept, so the second epoch is empty."""

    kept: Iterator[Pair] | None = None

    def __iter__(self) -> Iterator[Pair]:
        self.kept = self.kept or super().__iter__()
        return self.kept


@exhibit("B13", "liveness.progress", stated=CHATS | {"order": None, "overlap": None, "row_overlap": None})
class CloggedPacker(Chats):
    """nanochat#590: what is too long for a row stays in the packing buffer, until nothing else is there."""

    def __iter__(self) -> Iterator[Any]:
        buffer: list[tuple[list[int], list[int]]] = []
        source = self.endless()
        while True:
            rows = []
            for _ in range(self.B):
                while len(buffer) < 16:
                    buffer.append(next(source))
                fits = [i for i, (ids, _) in enumerate(buffer) if len(ids) <= self.T + 1]
                rows.append(self.padded(*buffer.pop(fits[0])) if fits else self.padded([], []))
            yield torch.stack([x for x, _ in rows]), torch.stack([y for _, y in rows])

    def endless(self) -> Iterator[tuple[list[int], list[int]]]:
        """Conversations, rendered, without end."""
        while True:
            yield from (self.render(m) for m in self.corpus.iter_conversations(self.config.split))

    def padded(self, ids: list[int], mask: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """One row: a conversation, and padding."""
        missing = self.T + 1 - len(ids)
        flat = np.array(ids + [self.corpus.special["<|pad|>"]] * missing)
        y = self.targets(flat, np.array(mask + [0] * missing))
        return torch.tensor(flat[:-1]), torch.tensor(y)


@exhibit("B13", "liveness.progress", stated=CHATS | {"loss": None})
class FrozenBatch(Chats):
    """nanochat#811: progress is frozen, tokens per second look healthy, and every batch is the same."""

    def __iter__(self) -> Iterator[Any]:
        source = super().__iter__()
        for _ in range(5):
            batch = next(source)
            yield batch
        while True:
            yield tuple(part.clone() for part in batch)
