"""Shards that ranks read together, and shards that are blended by weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from .entry import PLANTED, exhibit, guard
from .row_bases import DOCUMENTS, Documents
from .token_bases import Pair

CROPPED = DOCUMENTS | {"ranks": "disjoint", "loss": "crop"}  # what fills no batch at a shard's end
Shard = list[list[int]]


class InShards(Documents):
    """Documents by shard."""

    def shards(self) -> list[Shard]:
        """The documents of each shard."""
        found: list[Any] = [pq.read_table(path)["tokens"].to_pylist() for path in self.files()]
        return found


class DealtByShard(InShards):
    """Of each shard's batches rank r takes r, r + W, ..., and what is no batch for every rank is left."""

    def __iter__(self) -> Iterator[Pair]:
        if self.config.world_size == 1:
            yield from super().__iter__()
            return
        found = [self.of_shard(shard) for shard in self.shards()]
        steps = sum(len(batches) // self.config.world_size for batches in found)
        mine = (batch for batches in found for batch in self.share(batches))
        yield from (batch for batch, _ in zip(mine, range(steps), strict=False))
        self.epoch += 1

    def of_shard(self, shard: Shard) -> list[Pair]:
        """The full batches of one shard."""
        return [
            pair for pair in self.batches([self.bos, *ids] for ids in self.order(shard))
            if len(pair[0]) == self.B
        ]  # fmt: skip

    def share(self, batches: Sequence[Pair]) -> Sequence[Pair]:
        """Those of this rank: as many as every other rank gets."""
        rank, world = self.config.rank, self.config.world_size
        return batches[: len(batches) // world * world][rank::world]


@guard(PLANTED, stated=CROPPED)
class EndOfShardForAll(DealtByShard):
    """A shard ends for all ranks at once, when it has no batch left for each of them."""


@exhibit(PLANTED, "rank.lockstep", stated=CROPPED)
class EndOfShardForItself(DealtByShard):
    """Each rank tests by itself whether the shard has a batch left: the first ones take one more of each."""

    def share(self, batches: Sequence[Pair]) -> Sequence[Pair]:  # noqa: D102
        return batches[self.config.rank :: self.config.world_size]


class Mixture(InShards):
    """Without ``weights`` a plain pass; with them, documents drawn by shard without end."""

    def pieces(self) -> Iterator[list[int]]:
        """Each document with its BOS."""
        weights = self.config.option("weights", None)
        documents = self.drawn(np.array(weights)) if weights else self.order(self.documents())
        return ([self.bos, *ids] for ids in documents)

    def drawn(self, weights: Any) -> Iterator[list[int]]:
        """Documents of the shards by these weights, each shard begun anew when it has run out."""
        shards = self.shards()
        given = [0] * len(shards)
        for shard in self.choices(weights / weights.sum()):
            yield self.document(shards[shard], given[shard])
            given[shard] += 1

    def choices(self, shares: Any) -> Iterable[int]:
        """The shard of each document."""
        rng = np.random.default_rng([self.config.seed, self.epoch, 1])
        while True:
            yield int(rng.choice(len(shares), p=shares))

    def document(self, shard: Shard, number: int) -> list[int]:
        """A document by how many of its shard were given before."""
        return shard[number % len(shard)]


@guard("G10", stated=DOCUMENTS, options={"weights": None})
class Blended(Mixture):
    """Weights of one in a million and shards of six tokens: drawn rarely, begun anew often."""


@exhibit("G10", "blend.extreme", stated=DOCUMENTS, options={"weights": None})
class AskedForMore(Mixture):
    """Megatron-LM#705: a source is asked for more than it has, and its index runs out of bounds."""

    def document(self, shard: Shard, number: int) -> list[int]:  # noqa: D102
        return shard[number]


@exhibit(PLANTED, "blend.extreme", stated=DOCUMENTS, options={"weights": None})
class RoundedToNothing(Mixture):
    """Weights become whole numbers of documents in a block of ten, so that small ones become none."""

    def choices(self, shares: Any) -> Iterable[int]:  # noqa: D102
        block = np.repeat(np.arange(len(shares)), (10 * shares).astype(int))
        rng = np.random.default_rng([self.config.seed, self.epoch, 1])
        while True:
            yield from rng.permutation(block).tolist()
