"""Which target may follow which input, wherever a judge asks."""

from __future__ import annotations

import numpy as np

from .evidence import Bools, Cells, Ints, Source


def legal(cells: Cells, source: Source, split: str) -> Bools:
    """Which cells pair an input with its successor.

    Ordinary to ordinary: the next position, or from the end of a document to the start of one.
    To a special token only from the end of a document; from one only to the start of one.
    Conversations change turns inside a document, so there any place may be a turn's edge.
    """
    follows = cells.y == cells.x + 1
    starts, ends = edges(source, split)
    at_end, at_start = np.isin(cells.x, ends), np.isin(cells.y, starts)
    special_x, special_y = cells.x == -2, cells.y == -2
    with_special = (special_x & (cells.y >= 0)) | (special_y & (cells.x >= 0)) | (special_x & special_y)
    # A document that was cropped ends early, but then the stream itself goes on with the target
    # (of the very last cell nobody knows).
    goes_on = np.append(cells.y_id[:-1] == cells.x_id[1:], True)
    allowed: Bools = follows | (at_start & (at_end | goes_on)) | with_special
    return allowed


def edges(source: Source, split: str) -> tuple[Ints, Ints]:
    """First and last positions of the documents of a split."""
    cuts_ = source.of_split(split)
    full = cuts_[cuts_[:, 1] > cuts_[:, 0]]
    return full[:, 0], full[:, 1] - 1


def in_vocabulary(cells: Cells, source: Source) -> Bools:
    """Cells whose ids are ids at all; vocab.range speaks of the others."""
    size = source.names.first_special + 15
    inside: Bools = (cells.x_id >= 0) & (cells.x_id < size) & (cells.y_id >= 0) & (cells.y_id < size)
    return inside


def located(cells: Cells, source: Source, split: str) -> float:
    """Share of the ordinary inputs that stand in the split that was read."""
    known = cells.x[cells.x != -2]
    return float(source.holds(known, split).mean()) if len(known) else 1.0
