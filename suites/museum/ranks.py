"""Ranks that read the same, leave some to nobody, go short, or run ahead of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .entry import PLANTED, exhibit, guard
from .row_bases import DOCUMENTS, Documents
from .token_bases import SEQUENTIAL, WINDOWS, Sequential, Windows

SHARED = DOCUMENTS | {"ranks": "disjoint", "rank_batches": "may-differ"}


class Shared(Documents):
    """Every world_size-th document of an order that all ranks agree on."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:
        """The documents of this rank in this epoch."""
        return list(super().order(documents))[self.config.rank :: self.config.world_size]


@guard(PLANTED, stated=SHARED)
class SharedInTurns(Shared):
    """The base of the defects beside it."""


@exhibit("G1", "rank.disjoint", stated=SEQUENTIAL)
class RankIgnored(Sequential):
    """datasets#5360: an iterable source knows nothing of ranks, and all of them train on the same rows."""

    def start(self, index: int) -> int:  # noqa: D102
        return index * self.B * self.T


@exhibit("G3", "rank.disjoint", "rank.union", stated=SHARED)
class ShuffledByRank(Documents):
    """TinyLlama#67: each rank shuffles with a seed of its own and then takes its share of that."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        rank = self.config.rank
        rng = np.random.default_rng([self.config.seed, self.epoch, rank])
        order = rng.permutation(len(documents)) if self.config.shuffle else range(len(documents))
        return [documents[i] for i in order][rank :: self.config.world_size]


@exhibit("G4", "rank.starved", stated=SHARED)
class OneShardForMost(Shared):
    """datasets#8669: the shard count collapses, and all but the first rank get next to nothing."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        rest = self.config.world_size - 1
        every = list(Documents.order(self, documents))
        mine = slice(self.config.rank - 1, self.config.rank) if self.config.rank else slice(rest, None)
        return every[mine]


@exhibit("G5", "rank.equal_batches", stated=SEQUENTIAL)
class UnevenShares(Sequential):
    """litData#233: batches are dealt out in turns and nobody trims, so some ranks wait for ever."""

    def count_rows(self) -> int:  # noqa: D102
        batches, world = (len(self.ids) - 1) // self.T // self.B, self.config.world_size
        if world == 1:
            return super().count_rows()
        return len(range(self.config.rank, batches, world)) * self.B


@exhibit("G8", "rank.token_balance", stated=SHARED)
class CutInOne(Documents):
    """torchtitan a3a0160: data sorted by length is cut into one piece a rank; one has all the long ones."""

    def documents(self) -> list[list[int]]:  # noqa: D102
        rows, world = super().documents(), self.config.world_size
        edges = np.linspace(0, len(rows), world + 1).astype(int)
        return rows[edges[self.config.rank] : edges[self.config.rank + 1]]


@exhibit("E1", "rank.rng_distinct", stated=WINDOWS)
class AStepApart(Windows):
    """fairseq#1383 in spirit: all ranks are seeded alike, and each begins one batch later in one stream."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.rng = np.random.default_rng([config.seed, config.epoch])

    def __iter__(self) -> Iterator[Any]:
        for _ in range(self.config.rank):
            self.starts()
        return super().__iter__()
