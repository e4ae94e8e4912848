"""What other ways of telling a leak say of the same samples: the figures users know."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from loadstone.reports.document import MemorySeries

FIRST = 2000  # batches: of a longer run the same part is looked at
RSS_GROWN = 1 << 20  # bytes between the first sample after a tenth of the run and the last
SLOPE = 64.0  # bytes a batch that a regression must exceed, at 99 %
NORMAL_99 = 2.58
# psleak 0.1.6, its defaults: calls before the first measurement, calls of one, retries, and bytes a call
# below which growth is noise.
PSLEAK_WARM_UP, PSLEAK_TIMES, PSLEAK_RETRIES, PSLEAK_NOISE = 10, 200, 10, 16


def others(series: MemorySeries) -> dict[str, bool]:
    """Which of them would call a leak."""
    kept = [place for place, batch in enumerate(series.batch) if batch <= FIRST]
    batches = [series.batch[place] for place in kept]
    kinds = (series.rss_anon_bytes, series.rss_file_bytes, series.rss_shmem_bytes)
    rss = [sum(kind[place] for kind in kinds) for place in kept]
    live = [series.live_bytes[place] for place in kept]
    if len(kept) < 20:
        return {}
    return {
        "rss": rss[-1] - rss[len(rss) // 10] > RSS_GROWN,
        "rss_slope": sloped(batches, rss),
        "live_slope": sloped(batches, live),
        "psleak": psleak(batches, live),
    }


def sloped(batches: Sequence[int], values: Sequence[int]) -> bool:
    """Least squares past the first fifth: is the lower end of the 99 % interval of the slope above 64 B?"""
    start = len(batches) // 5
    x, y = np.array(batches[start:], float), np.array(values[start:], float)
    x -= x.mean()
    spread = float((x * x).sum())
    slope = float((x * y).sum()) / spread
    rest = y - y.mean() - slope * x
    error = math.sqrt(float((rest * rest).sum()) / (len(x) - 2) / spread)
    return slope - NORMAL_99 * error > SLOPE


def psleak(batches: Sequence[int], values: Sequence[int]) -> bool:
    """psleak's policy, replayed: measure, and measure longer as long as memory grew.

    No leak when it did not grow, or when twice in a row growth a call was noise or fell by a fifth.
    A series that ends before that counts as not passed.
    """
    place = int(np.searchsorted(batches, PSLEAK_WARM_UP))
    times, before, streak, used = PSLEAK_TIMES, 0.0, 0, 0
    while used < PSLEAK_RETRIES:
        end = int(np.searchsorted(batches, batches[place] + times))
        if end >= len(batches):
            break
        grown = values[end] - values[place]
        each = grown / (batches[end] - batches[place])
        used += 1
        if grown <= 0:
            return False
        streak = streak + 1 if each <= PSLEAK_NOISE or each <= before * 0.8 else 0
        if streak >= 2:
            return False
        before, times, place = each, int(times * 1.5), end
    return used > 0
