"""Where documents meet inside a row, and what stands between them there."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..loaders.corpus_writer import turn_cuts
from ..loaders.tokenizer import specials
from .evidence import Bools, Cells, Evidence, Ints


@dataclasses.dataclass(frozen=True)
class Gap:
    """Two ordinary inputs that follow each other in a row, and the ids of the specials between.

    ``left`` is -1 where the row begins with the specials.
    """

    left: int
    right: int
    between: Ints
    cell: int  # flat index of the right one


def gaps(cells: Cells) -> list[Gap]:
    """Every place in a row where the next ordinary input is not the next position.

    A row that begins with an ordinary input has no gap there: nothing is known of what was before.
    """
    known = np.flatnonzero(cells.x >= 0)
    first = known - cells.column[known]  # where the row of each begins
    before = np.concatenate([[-1], known[:-1]]).astype(np.int64)
    inside = before >= first
    begin = np.where(inside, before + 1, first)
    left = np.where(inside, cells.x[before], -1)
    goes_on = (known == begin) & (~inside | (cells.x[known] == left + 1))
    chosen = np.flatnonzero(~goes_on)
    rows = zip(*(part[chosen].tolist() for part in (left, cells.x[known], begin, known)), strict=True)
    return [Gap(gone, came, cells.x_id[low:cell], cell) for gone, came, low, cell in rows]


def documents_of(positions: Ints, cuts: Ints) -> Ints:
    """Index of the document that each position lies in; documents of no tokens hold none."""
    found: Ints = np.searchsorted(cuts[:, 1], positions, "right")
    return found


def starts(cuts: Ints) -> set[int]:
    """First positions of all documents that hold a token."""
    return set(cuts[cuts[:, 1] > cuts[:, 0], 0].tolist())


def last_positions(cuts: Ints) -> Ints:
    """Last positions of all documents that hold a token."""
    last: Ints = cuts[cuts[:, 1] > cuts[:, 0], 1] - 1
    return last


def turn_edges(evidence: Evidence, name: str) -> set[int]:
    """Positions at which a turn of a conversation begins."""
    edges: set[int] = set()
    for index, (start, end) in enumerate(evidence.source(name).of_split(evidence.split(name))):
        edges.update(int(start) + low for _, low, _ in turn_cuts(index, int(end - start)))
    return edges


def special(evidence: Evidence, name: str, token: str) -> int:
    """The id of a special token in the corpus of a scenario."""
    return specials(evidence.source(name).names.first_special)[f"<|{token}|>"]


def join_gaps(cells: Cells, cuts: Ints) -> list[Gap]:
    """The gaps in which one document ends (or is left) and another begins."""
    found = gaps(cells)
    left, right = (np.array([getattr(gap, side) for gap in found], np.int64) for side in ("left", "right"))
    other: Bools = (left >= 0) & (documents_of(left, cuts) != documents_of(right, cuts))
    chosen = other & np.isin(right, list(starts(cuts)))
    return [found[i] for i in np.flatnonzero(chosen)]
