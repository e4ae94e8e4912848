"""Two relations of positions that judges ask of: from input to target, and across a cut."""

from __future__ import annotations

import numpy as np

from .evidence import Cells, Ints

MOST = 0.9  # a behaviour is a habit when it holds in nine of ten cases


def shift(cells: Cells) -> int | None:
    """The usual distance from x to y in source positions; None where there is no usual one."""
    deltas = (cells.y - cells.x)[cells.ordinary]
    if not len(deltas):
        return None
    values, counts = np.unique(deltas, return_counts=True)
    return int(values[counts.argmax()]) if counts.max() >= MOST / 2 * len(deltas) else None


def cuts(cells: Cells, what: str) -> Ints:
    """Distances from the last input before each cut to the first after it, where both are known."""
    ends = np.flatnonzero((cells.column == cells.width - 1)[:-1])
    last = cells.row[ends + 1] == 0
    chosen = ends[last] if what == "batch" else ends[~last]
    known = (cells.x[chosen] >= 0) & (cells.x[chosen + 1] >= 0)
    steps: Ints = (cells.x[chosen + 1] - cells.x[chosen])[known]
    return steps
