"""Targets that are not what their inputs are followed by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from .entry import PLANTED, exhibit
from .row_bases import DOCUMENTS, Documents
from .token_bases import SEQUENTIAL, WINDOWS, Ints, Pair, Sequential, Windows


@exhibit("A1", "shift.exact", stated=WINDOWS)
class DoubleShift(Windows):
    """LlamaFactory#10457: the loader shifts, and so does its caller; the loss sits too high."""

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        later = np.minimum(starts + 2, len(self.ids) - self.T)  # kept inside the file
        return self.inputs(starts), self.inputs(later)


@exhibit("A1", "shift.exact", stated=DOCUMENTS)
class DoubleShiftOfDocuments(Documents):
    """amber-train#6: a collator shifts labels that were shifted when the row was made."""

    def pair(self, ids: list[int]) -> Pair:  # noqa: D102
        x, y = super().pair(ids)
        return x, torch.cat([y.view(-1)[1:], y.view(-1)[-1:]]).view_as(y)


@exhibit("A2", "shift.owner", stated=WINDOWS)
class NoShift(Windows):
    """alpaca-lora#171: inputs and labels are identical, though the loader says that it shifts."""

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        x = self.inputs(starts)
        return x, x.clone()


@exhibit("A2", "shift.owner", stated=WINDOWS | {"targets": "same"})
class ShiftedAfterAll(Windows):
    """transformers#35066 turned round: stated as left to the model, yet shifted here as well."""


@exhibit("A3", "shift.exact", stated=WINDOWS)
class WrongWay(Windows):
    """The roll's sign is wrong: the target is visible, and the loss falls to nearly nothing."""

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        x = self.inputs(starts)
        return x, torch.cat([x[:, :1], x[:, :-1]], dim=1)


@exhibit(PLANTED, "shift.row_edge", stated=WINDOWS)
class RolledRow(Windows):
    """Targets rolled within the row: the last of each is the row's own first token."""

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        x = self.inputs(starts)
        return x, torch.roll(x, -1, dims=1)


@exhibit(PLANTED, "shift.row_edge", stated=SEQUENTIAL)
class RepeatedEdge(Sequential):
    """No token past the row was kept, so its last input is repeated as target."""

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        x, y = super().cut(start, rows)
        return x, torch.cat([y[:, :-1], x[:, -1:]], dim=1)


@exhibit("A4", "shift.last_window", stated=WINDOWS)
class OneStartTooMany(Windows):
    """OpenVerifiableLLM#92: the largest start is len-T, and the slice comes out one token short."""

    def starts(self) -> Ints:  # noqa: D102
        return self.rng.integers(0, len(self.ids) - self.T + 1, self.B)

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        rows = [self.row(int(start), self.T + 1) for start in starts]
        width = min(map(len, rows)) - 1  # the collator cuts to the shortest
        return torch.stack([row[:width] for row in rows]), torch.stack([row[1 : width + 1] for row in rows])


@exhibit("A4", "shift.last_window", stated=WINDOWS)
class WrappedLastTarget(Windows):
    """The same start, but indexing wraps: once in a while the last target is the file's first token."""

    def starts(self) -> Ints:  # noqa: D102
        return self.rng.integers(0, len(self.ids) - self.T + 1, self.B)

    def inputs(self, starts: Ints) -> torch.Tensor:  # noqa: D102
        places = (starts[:, None] + np.arange(self.T)) % len(self.ids)
        return torch.from_numpy(self.ids[places].astype(np.int64))


JOINED = {"order": "sequential", "row_overlap": None, "overlap": None, "short_last": False}


@exhibit("A7", "shift.packed", stated=DOCUMENTS | JOINED)
class ShiftedThenJoined(Documents):
    """torchtitan#3130: each document is shifted by itself, then both sides are laid end to end."""

    def __iter__(self) -> Iterator[Any]:
        size, eos = self.B * self.T, self.corpus.special["<|eos|>"]
        xs: list[int] = []
        ys: list[int] = []
        for ids in self.documents():
            whole = [self.bos, *ids, eos]
            xs, ys = xs + whole[:-1], ys + whole[1:]
            while len(xs) >= size:
                yield torch.tensor(xs[:size]).view(-1, self.T), torch.tensor(ys[:size]).view(-1, self.T)
                xs, ys = xs[size:], ys[size:]


@exhibit(PLANTED, "shift.row_edge", stated=DOCUMENTS)
class LastTargetMadeUp(Documents):
    """With drop_last off a row that ends with the corpus is kept, and its missing last target made up."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        last: list[int] = []
        for piece in super().pieces():
            last = piece
            yield piece
        if not self.config.drop_last:
            yield last[-1:]
