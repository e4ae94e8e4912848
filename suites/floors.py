"""The rule on one series: does its level rise in every round, and evenly? Pure.

A stretch of batches is cut into eight equal rounds; the lowest sample of a round is its floor. A leak
lifts every floor, and by about the same each time. A cache that fills, a buffer that swings or a list
that is cleared now and then does not. The same rule judges bytes and counts.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec

ROUNDS = 8
RATIO = 3.0  # the largest rise of a leak is at most so many times its smallest
LEAST_SAMPLES = 5  # in a round
WARM_UP = 0.25
WARM_UP_BATCHES = 500
TURNOVERS = 3  # a buffer holds what a start left in it until it was turned over so often
AGREEMENT = 1.5  # two stretches of one leak agree within this factor
RISING_PAIRS = 24  # of the 28 pairs of floors: chance brings that about once in 140 (Kendall's tau, n = 8)

State = Literal["even", "uneven", "level", "short"]


class Trend(msgspec.Struct, frozen=True):
    """What one stretch of a series shows.

    Attributes:
        state: ``even``: every floor is higher than the last, by about the same, as of a leak;
            ``uneven``: it rises, but not so; ``level``: it does not keep rising; ``short``: too few
            samples for eight rounds.
        floors: the lowest value of each round.
        per_round: batches in a round.
        rate: growth per batch, the median over all pairs of floors (Theil and Sen).
        visible: the smallest growth per batch that, added to this stretch's own ups and downs, the
            rule would call; 0 where there was nothing to judge.
    """

    state: State
    floors: tuple[int, ...] = ()
    per_round: float = 0.0
    rate: float = 0.0
    visible: float = 0.0


def warm_up(batches: int, turnover: float = 0.0) -> int:
    """Batches that are not judged: a quarter, at least 500, and three turnovers of a declared buffer."""
    return int(max(batches * WARM_UP, WARM_UP_BATCHES, TURNOVERS * turnover))


def trend(batches: Sequence[int], levels: Sequence[int], after: int, smallest: float) -> Trend:
    """Judge the samples taken past ``after`` batches; nothing below ``smallest`` a batch can be kept."""
    kept = [(batch, level) for batch, level in zip(batches, levels, strict=True) if batch > after]
    per_round = (kept[-1][0] - after) / ROUNDS if kept else 0.0
    rounds: list[list[int]] = [[] for _ in range(ROUNDS)]
    for batch, level in kept:
        rounds[min(ROUNDS - 1, int((batch - after - 1) / per_round))].append(level)
    if min(map(len, rounds)) < LEAST_SAMPLES:
        return Trend("short")
    floors = tuple(min(one) for one in rounds)
    rises = [after - before for before, after in itertools.pairwise(floors)]
    rate = slope(floors) / per_round
    seen = max(smallest, visible(rises) / per_round)
    if min(rises) > 0 and max(rises) <= RATIO * min(rises):
        return Trend("even", floors, per_round, rate, seen)
    up = sum(low < high for low, high in itertools.combinations(floors, 2))
    still = up >= RISING_PAIRS and rate >= smallest
    return Trend("uneven" if still else "level", floors, per_round, rate, seen)


def visible(rises: Sequence[float]) -> float:
    """The smallest rise a round that, added to this stretch's own ups and downs, the rule would call.

    With r the rises less their mean, a leak of x a round is called when
    ``max(r) + x <= RATIO * (min(r) + x)``.
    """
    mean = statistics.fmean(rises)
    uneven = [rise - mean for rise in rises]
    return (max(uneven) - RATIO * min(uneven)) / (RATIO - 1)


def slope(floors: Sequence[float]) -> float:
    """Growth a round: the median over all pairs of floors."""
    pairs = itertools.combinations(enumerate(floors), 2)
    return statistics.median((high - low) / (after - before) for (before, low), (after, high) in pairs)


def agree(first: float, second: float) -> bool:
    """Whether two rates can be those of one leak."""
    low, high = sorted((first, second))
    return 0 < high <= AGREEMENT * low
