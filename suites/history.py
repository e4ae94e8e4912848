"""Where a series of past results changed its level. Pure, but for the library that finds it."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from ..errors import UsageError

LEAST_LEVEL = 3  # results that make a level
PENALTY = 5.0  # times the log of the length: 200 series of 60 without a change had 4 changes at 4.0
LEAST_CHANGE = 0.02  # a smaller step is of no interest


def change_points(values: Sequence[float]) -> list[int]:
    """Positions of the first results of new levels; values are positive, oldest first.

    PELT (Killick, Fearnhead and Eckley 2012) on the logs, in units of the noise, which is the median
    step from one result to the next.

    Raises:
        UsageError: the library is not installed.
    """
    if len(values) < 2 * LEAST_LEVEL:
        return []
    try:
        import numpy as np
        import ruptures
    except ImportError:
        raise UsageError(
            "marking change points needs ruptures; `pip install 'loadstone[history]'` brings it."
        ) from None
    logs = np.log(np.asarray(values, float))
    noise = float(np.median(np.abs(np.diff(logs)))) * 1.48 / math.sqrt(2) or 1e-6
    model = ruptures.Pelt(model="l2", min_size=LEAST_LEVEL, jump=1).fit(logs / noise)
    found = [int(at) for at in model.predict(pen=PENALTY * math.log(len(values)))[:-1]]
    ends = [0, *found, len(values)]
    levels = [statistics.median(logs[a:b].tolist()) for a, b in itertools.pairwise(ends)]
    steps = zip(found, levels, levels[1:], strict=False)
    return [at for at, before, after in steps if abs(after - before) >= math.log1p(LEAST_CHANGE)]


def level_change(values: Sequence[float], at: int, before: int, after: int) -> float:
    """How far the level rose at a change, as a share: medians of ``before:at`` and ``at:after``."""
    return statistics.median(values[at:after]) / statistics.median(values[before:at]) - 1
