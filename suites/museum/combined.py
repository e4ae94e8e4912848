"""Two defects in one loader: both must be named, and neither hide the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .aliasing import TargetsFromScratch
from .entry import PLANTED, exhibit
from .pairs import EndCutOff
from .row_bases import CHATS, DOCUMENTS, PAIRS, Documents
from .shift import DoubleShift
from .token_bases import SEQUENTIAL, WINDOWS, Ints, Pair, Sequential


@exhibit(PLANTED, "shift.exact", "seed.diff", stated=WINDOWS)
class ShiftedTwiceAndUnseeded(DoubleShift):
    """Targets are two on, and the seed does nothing."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.rng = np.random.default_rng(config.rank)


@exhibit(PLANTED, "mask.roles", "alias.hold", stated=CHATS)
class UnmaskedFromScratch(TargetsFromScratch):
    """The mask is dropped, and what is left lies in a scratch that the next batch refills."""

    def targets(self, ids: Ints, mask: Ints) -> Ints:  # noqa: ARG002, D102
        return ids[1:]


@exhibit(PLANTED, "shift.row_edge", "coverage.tail", stated=SEQUENTIAL | {"short_last": False})
class RolledAndCutShort(Sequential):
    """Rows are rolled, and the last batch of the file is never read."""

    def count_rows(self) -> int:  # noqa: D102
        batches = super().count_rows() // self.B
        return max(1, batches - 1) * self.B

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        x, _ = super().cut(start, rows)
        return x, torch.roll(x, -1, dims=1)


@exhibit(PLANTED, "order.canonical", "epoch.reshuffle", "len.honest", stated=DOCUMENTS)
class ThreeThingsAboutOrder(Documents):
    """Shards are sorted as text, every epoch has one order, and the length is that of the rows."""

    def files(self) -> list[Path]:  # noqa: D102
        return sorted(super().files(), key=str)

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        rng = np.random.default_rng(self.config.seed)
        return [documents[i] for i in rng.permutation(len(documents))] if self.config.shuffle else documents

    def __len__(self) -> int:
        return len(self.documents())


@exhibit(PLANTED, "pairs.end", "mask.padding", stated=PAIRS)
class EndAndMaskWrong(EndCutOff):
    """The end is cut off, and the mask is one cell too long."""

    def padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: D102
        ids, mask = super().padded(rows)
        return ids, torch.cat([mask[:, :1], mask[:, :-1]], dim=1)


@exhibit(PLANTED, "alias.storage", "end.reiterate", stated=SEQUENTIAL)
class ViewsOnce(Sequential):
    """Views of the tokens in memory, from an iterator that is used up after one pass."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.kept = super().__iter__()
        self.held: torch.Tensor | None = None

    def __iter__(self) -> Iterator[Any]:
        return self.kept

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        if self.held is None:
            self.held = torch.from_numpy(np.asarray(self.ids).astype(np.int64))
        x, y = (self.held[start + shift :][: rows * self.T] for shift in (0, 1))
        return x.view(rows, self.T), y.view(rows, self.T)
