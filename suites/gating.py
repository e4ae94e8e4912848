"""Did it get slower? Ratios of pairs of processes, judged after every pair without crying wolf. Pure.

A pair is one process of the base and one of the head that took turns; it gives one number, the log
of head over base (above 0 is worse). Pairs are independent: each has processes of its own.

The rule is a sign test that may be looked at after every pair. If the ratio is no worse than some
value m, at least half of all pairs fall at or below m. Betting on "above m" at odds fair for one half
then never grows in expectation, so with probability 1 - alpha the wealth stays below 1 / alpha at all
looks together (Ville 1939); the stakes are a mixture over all shares from 1/2 to 1 (Robbins 1970).
All m that are not refuted make the interval, whose ends are samples: a confidence sequence for the
median (Howard and Ramdas 2022, Bernoulli 28(3); Ramdas et al. 2023, Statistical Science 38(4)).
Nothing is assumed of the shape, the spread or the constancy of the noise. A bootstrap would want more
pairs than are needed here, and none of its looks but the last would be honest.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from .statistics import median_interval

Verdict = Literal["fine", "regressed", "inconclusive"]
CONFIDENCE = 0.99  # of a whole gate, both sides and all that it judges together
SLOT_US = 10_000.0  # a turn holds this much work at least, microseconds
LONGEST_SLOT_US = 40_000.0
SLICE_US = 2_500.0  # a turn is taken in slices of this much work, so that noise of some ms hits both sides
STEADY = 0.15  # spread of the work from turn to turn, as a share, below which a turn holds whole cycles
LEAST_ROUNDS, MOST_ROUNDS = 6, 24  # turns of each process in a pair
PAIR_ERROR = 0.015  # of one pair's median; once it is this good, more pairs tell more than longer ones
LEAST_BATCHES = 4  # in a turn, unless a single one takes longer than the longest turn


class Turn(msgspec.Struct):
    """One turn of one process: tokens delivered and the seconds it took.

    ``waited_s`` is not among them: in it the process was ready and others had its core.
    """

    tokens: int
    seconds: float
    waited_s: float = 0.0

    def __add__(self, other: Turn) -> Turn:
        """Both, one after the other."""
        return Turn(self.tokens + other.tokens, self.seconds + other.seconds, self.waited_s + other.waited_s)


class Interval(NamedTuple):
    """Median of the pairs and its interval at this look, as logs; infinite ends are not known yet."""

    middle: float
    low: float
    high: float


def alpha_each(confidence: float, judged: int) -> float:
    """Error allowed for one end of one interval when ``judged`` of them must all hold (Bonferroni)."""
    return (1.0 - confidence) / 2 / max(1, judged)


def wealth(pairs: int, above: int) -> float:
    """What 1 has become, bet on "above" at every pair, when ``above`` of ``pairs`` were.

    The mixture of (2p)^above (2(1-p))^(pairs-above) over p, uniform from 1/2 to 1, which in whole
    numbers is the sum of C(pairs+1, j) for j up to ``above``, over (pairs+1) C(pairs, above).

    >>> wealth(1, 1), wealth(1, 0)
    (1.5, 0.5)
    """
    total = sum(math.comb(pairs + 1, j) for j in range(above + 1))
    return total / ((pairs + 1) * math.comb(pairs, above))


@functools.lru_cache(maxsize=100_000)
def needed(pairs: int, alpha: float) -> int | None:
    """How many of so many pairs must lie on one side to refute the other; None if all are too few.

    >>> needed(10, 0.005), needed(11, 0.005), needed(40, 0.005)
    (None, 11, 32)
    """
    low, high = pairs // 2, pairs + 1
    while low < high:  # the wealth grows with the number above
        middle = (low + high) // 2
        if wealth(pairs, min(middle, pairs)) >= 1 / alpha and middle <= pairs:
            high = middle
        else:
            low = middle + 1
    return low if low <= pairs else None


def fewest_pairs(alpha: float) -> int:
    """How many pairs can decide at all, when they agree.

    >>> fewest_pairs(0.005)
    11
    """
    return next(pairs for pairs in range(1, 10_000) if needed(pairs, alpha) is not None)


def interval(samples: Sequence[float], alpha: float) -> Interval:
    """The interval that holds at this look and at all others; ``alpha`` is allowed for each end."""
    ordered = sorted(samples)
    count = needed(len(ordered), alpha)
    middle = statistics.median(ordered)
    if count is None:
        return Interval(middle, -math.inf, math.inf)
    return Interval(middle, ordered[-count], ordered[count - 1])


def judge(samples: Sequence[float], limit: float, alpha: float) -> Verdict:
    """Whether the head is worse than the base by more than ``limit`` (0.02 is 2 %).

    Regressed when the whole interval lies above the limit, fine when it lies below, else
    inconclusive: more pairs are needed.
    """
    return verdict_of(interval(samples, alpha), limit) if samples else "inconclusive"


def pair_ratio(base: Sequence[Turn], head: Sequence[Turn]) -> float:
    """The log of the head's time for a token over the base's: the median over turns next to each other."""
    return statistics.median(
        math.log(theirs.seconds / theirs.tokens) - math.log(ours.seconds / ours.tokens)
        for ours, theirs in zip(base, head, strict=True)
    )


def rounds_wanted(base: Sequence[Turn], head: Sequence[Turn]) -> int:
    """How many turns the next pair should have, so that its median is good to about 1.5 %.

    On a quiet machine few do; on a busy one some more turns cost less than more pairs.
    """
    ratios = sorted(pair_ratio([one], [other]) for one, other in zip(base, head, strict=True))
    middle = statistics.median(ratios)
    spread = 1.48 * statistics.median(abs(one - middle) for one in ratios)  # a normal's deviation
    wanted = (1.25 * spread / PAIR_ERROR) ** 2  # the error of a median of so many
    return max(LEAST_ROUNDS, min(MOST_ROUNDS, math.ceil(wanted)))


def floored_ratio(base: float, head: float, floor: float) -> float:
    """The log of head over base of a positive quantity; what is small beside ``floor`` does not count."""
    return math.log((head + floor) / (base + floor))


def stored_interval(stored: Sequence[float], now: Sequence[float], confidence: float) -> Interval:
    """How much worse a rate became since it was stored, from the rounds of two runs; logs.

    The ends put the far ends of both medians' intervals against each other, which asks for more than
    either alone. It cannot know how two processes of identical code differ; the limit has to.

    Raises:
        ValueError: no rounds on one side.
    """
    before, after = median_interval(stored, confidence), median_interval(now, confidence)
    ends = (before[0] / after[0], before[1] / after[2], before[2] / after[1])
    return Interval(*map(math.log, ends))


def verdict_of(found: Interval, limit: float) -> Verdict:
    """Regressed when the whole interval lies above the limit, fine when it lies below."""
    edge = math.log1p(limit)
    if found.low > edge:
        return "regressed"
    return "fine" if found.high <= edge else "inconclusive"


def slot_batches(batch_us: Sequence[float]) -> int:
    """How many batches make a turn, from the CPU times of single ones.

    Enough for 10 ms and several batches; and where the work goes in cycles (a row group is decoded,
    a buffer refilled), so many that turns hold about as much work, up to 40 ms.

    >>> slot_batches([100.0] * 400)
    100

    Raises:
        ValueError: no times.
    """
    if not batch_us:
        raise ValueError("a turn of no batches")
    mean = max(statistics.fmean(batch_us), 1e-3)
    size = max(LEAST_BATCHES, round(SLOT_US / mean))
    longest = max(1, int(LONGEST_SLOT_US / mean))
    while size < longest and unsteadiness(batch_us, size) > STEADY:
        size *= 2
    return max(1, min(size, longest))


def sliced(batches: int, batch_us: float) -> list[int]:
    """The batches of a turn cut into slices of at least 2.5 ms of work, which the two sides take by turns.

    >>> sliced(100, 100.0), sliced(5, 9000.0)
    ([25, 25, 25, 25], [1, 1, 1, 1, 1])
    """
    count = max(1, min(batches, int(batches * batch_us / SLICE_US)))
    return [(at + 1) * batches // count - at * batches // count for at in range(count)]


def unsteadiness(batch_us: Sequence[float], size: int) -> float:
    """Spread of the work of turns of ``size`` batches, as a share of their median.

    Half the way from the lowest tenth to the highest: a lone spike is not a cycle.
    """
    turns = sorted(sum(batch_us[i : i + size]) for i in range(0, len(batch_us) - size + 1, size))
    if len(turns) < 3:
        return math.inf
    edge = len(turns) // 10
    return (turns[-1 - edge] - turns[edge]) / 2 / statistics.median(turns)
