"""Small, exact statistics for measurements: medians with intervals that assume no distribution."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

CONFIDENCE = 0.95


def median_interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Median of independent samples with its order-statistic interval: (median, low, high).

    The interval between the k-th smallest and the k-th largest of n samples misses the median
    only if fewer than k fall on one side of it, with a chance of 2 * P(Binomial(n, 1/2) < k).
    Below six samples no 95 % interval exists; the whole range is given then.

    >>> median_interval([3.0, 1.0, 2.0, 5.0, 4.0, 6.0, 7.0, 8.0, 9.0])
    (5.0, 2.0, 8.0)

    Raises:
        ValueError: no samples.
    """
    if not samples:
        raise ValueError("the median of no samples")
    ordered = sorted(samples)
    size = len(ordered)
    rank, missed = 0, 0.0
    while rank < size // 2:
        missed += math.comb(size, rank) / 2**size
        if 2 * missed > 1 - confidence:
            break
        rank += 1
    rank = max(rank, 1)
    return statistics.median(ordered), ordered[rank - 1], ordered[-rank]


def percentile(samples: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest sample that ``share`` of them do not exceed."""
    return percentiles(samples, [share])[0]


def percentiles(samples: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Several nearest-rank percentiles of the same samples.

    >>> percentiles([3.0, 1.0, 2.0, 4.0], [0.5, 1.0])
    [2.0, 4.0]
    """
    ordered = sorted(samples)
    return [ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in shares]
