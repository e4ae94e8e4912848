"""Scenarios at the extremes: a document past 16 bits, shared shards, weights, a worker held back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from .corpora import corpus_of
from .scenario import Scenario

if TYPE_CHECKING:
    from .scenarios import Planner

LONG = 65_537  # one more than 16 bits count, as it comes out as 1
LONG_OTHERS = (3000,) * 4  # documents that fill a batch, should nothing be left of the long one
LONG_WIDTH = 2048  # so that it takes only a few batches, of one row, which leaves nothing to a tail
LONG_BATCHES = 2 * (LONG + sum(LONG_OTHERS)) // LONG_WIDTH + 8
SHARDS = 5  # an odd number, which no two ranks can deal out whole
SHARED_DOCUMENTS = 16  # in a shard: as many in each row group, and row groups, for both ranks
SHARED_BATCHES = 13  # in a shard: an odd number, so that dealt in turns one is left over
MOST_TOKENS = 800  # in each of them, so that all have a position
LOCKSTEP = ("rank/lockstep/0", "rank/lockstep/1")
SHARE = "blend/share"
WEIGHTS = {
    "blend/first": [1.0, 1e-6, 1e-6],
    "blend/tiny": [1e-6, 1e-6, 1.0],
    SHARE: [0.9, 0.05, 0.05],
}
BLENDS = tuple(WEIGHTS)
BLENDED = (20,) * 6 + (2,) * 3  # three shards of three documents, the last one tiny
DRAWN = 400  # documents; one of twenty is missing among them once in 10**9


def promised(planner: Planner) -> Iterator[Scenario]:
    """What is asked of loaders of documents, and of those with workers."""
    if planner.traits.reads == "documents":
        lengths = corpus_of(kind="keyed", documents=(9, LONG, *LONG_OTHERS))
        yield planner.ask(
            "lengths/long", lengths, batches=LONG_BATCHES, hold=1, batch_size=1, seq_len=LONG_WIDTH
        )
        if planner.traits.ranks == "disjoint":
            yield from lockstep(planner)
        if "weights" in planner.known:
            yield from blends(planner)
    if planner.traits.workers:
        main = planner.main()
        asked = planner.ask("probe/slow-worker", main, batches=planner.batches(main, 3), num_workers=2)
        yield msgspec.structs.replace(asked, probe="slow-worker")


def lockstep(planner: Planner) -> Iterator[Scenario]:
    """Two ranks, shuffling off, and shards whose documents could be shared out evenly."""
    length = SHARED_BATCHES * planner.shape.tokens // SHARED_DOCUMENTS + 1
    documents = (min(length, MOST_TOKENS),) * SHARDS * SHARED_DOCUMENTS
    shared = corpus_of(documents=documents, shards=SHARDS, row_group=4)
    for rank, name in enumerate(LOCKSTEP):
        batches = planner.batches(shared, 1)
        yield planner.ask(
            name,
            shared,
            batches=batches,
            hold=1,
            rank=rank,
            world_size=2,
            shuffle=False,
            together=LOCKSTEP[0],
        )


def blends(planner: Planner) -> Iterator[Scenario]:
    """All weight on the first shard, all on a tiny one, and little on two of three."""
    sources = corpus_of(documents=BLENDED, shards=3)
    for name, weights in WEIGHTS.items():
        batches = 12 + (DRAWN * (BLENDED[0] + 1) // planner.shape.tokens if name == SHARE else 0)
        yield planner.ask(name, sources, batches=batches, hold=1, options={"weights": weights})
