"""Which lines made what is kept: lines whose objects survive, as many of every generation. Pure.

Batches are taken in generations of equal length, each under a code name of its own, so that the stack
of a traced object tells when it was born. Of a leak as many are left of every old generation. A shuffle
buffer or a cache of the last ones keeps the young, a cache that fills keeps the old, and a list that is
cleared now and then keeps nothing of most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..reports.document import Survivor

GENERATIONS = 8  # whose objects are judged, and one before them that is not
COOL_DOWN = 2  # generations after them, so that what a buffer still holds has left it
FLAT = 0.25  # the halves of a leak differ by no more, or by what chance allows where there are few
MOST_NAMED = 3


def survivors(sites: Mapping[str, tuple[Sequence[int], int]], batches: int) -> list[Survivor]:
    """The lines that leak, those with most bytes first.

    Args:
        sites: for each ``file:line`` the objects still alive by the generation they were born in
            (the first one and the cool-down included), and their bytes altogether.
        batches: in a generation.
    """
    found = []
    for where, (counts, size) in sites.items():
        judged = counts[1 : 1 + GENERATIONS]
        if not flat(judged):
            continue
        rate = sum(judged) / (len(judged) * batches)
        found.append(
            Survivor(
                where=where,
                objects_per_batch=rate,
                bytes_per_batch=rate * size / max(1, sum(counts)),
                by_generation=list(counts),
                batches=batches,
            )
        )
    found.sort(key=lambda one: -one.bytes_per_batch)
    return found[:MOST_NAMED]


def flat(counts: Sequence[int]) -> bool:
    """Whether about as many are left of every generation."""
    if len(counts) < GENERATIONS or min(counts) < 1 or max(counts) > 2 * min(counts) + 2:
        return False
    half = len(counts) // 2
    low, high = sorted((sum(counts[:half]), sum(counts[-half:])))
    chance = 3 * math.sqrt(high) if high < 40 else 0.0
    return high - low <= max(FLAT * high, chance)
