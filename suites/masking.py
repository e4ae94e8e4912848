"""Which targets are left out of the loss, and by what sign, as batches show it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..loaders.corpus_writer import turn_cuts
from .evidence import Bools, Cells, Evidence, Ints, Missing
from .reading import Reading

MOST = 0.95
EDGES = 0.2  # of the cells without a target: where a turn ends, the next position is the next speaker's


def masking(evidence: Evidence, paired: bool) -> dict[str, Any]:
    """The mask, the value of an ignored target, and the side of the padding."""
    view = Reading(evidence)
    seen: dict[str, Any] = {"ignore_index": ignored_value(evidence), "padding_side": padding_side(view)}
    try:
        seen["mask"] = mask_of_pairs(evidence, view) if paired else mask(evidence, view)
    except Missing:
        seen["mask"] = None
    return seen


def ignored_value(evidence: Evidence) -> int | None:
    """The negative value that stands in most targets that name nothing."""
    negative = [b.y.array()[b.y.array() < 0] for b in evidence.trace("pass").good if b.y is not None]
    values = np.concatenate(negative) if negative else np.empty(0, np.int64)
    if not len(values):
        return None
    kinds, counts = np.unique(values.astype(np.int64), return_counts=True)
    return int(kinds[counts.argmax()])


def padding_side(view: Reading) -> str | None:
    """Where rows are padded; None if none is, or some on either side."""
    pad = view.special["<|pad|>"]
    sides = set()
    for _, ids, _, _ in view.rows:
        first, last = ids[0] == pad, ids[-1] == pad
        if first != last:
            sides.add("left" if first else "right")
    return sides.pop() if len(sides) == 1 else None


def mask_of_pairs(evidence: Evidence, view: Reading) -> str | None:
    """Whether the padding of responses is masked; None where none is padded."""
    batches = [batch for batch in evidence.trace("pass").good if batch.y is not None]
    if ignored_value(evidence) is not None:
        return "padding"
    if any(batch.mask is not None and not batch.mask.array().all() for batch in batches):
        return "padding"
    pad = view.special["<|pad|>"]
    return "none" if any((batch.y.array() == pad).any() for batch in batches if batch.y) else None


def mask(evidence: Evidence, view: Reading) -> str | None:
    """Which targets do not count; None for those that no rule we know explains."""
    cells = evidence.cells("pass", 0)
    off = ~cells.supervised
    if not off.any():
        return "none"
    if _habit((cells.x_id == view.special["<|pad|>"])[off]):
        return "padding"
    if _by_role(cells, view):
        return "assistant"
    ends = (cells.x == -2) | np.isin(cells.x, view.cuts[:, 1] - 1) | (cells.y == -2)
    return "end-of-document" if _habit(ends[off]) else None


def _by_role(cells: Cells, view: Reading) -> bool:
    """Whether the loss falls on what the assistant says, and on little else."""
    said = spoken(view.cuts)
    told = cells.y[cells.supervised & (cells.y >= 0)]
    following = cells.x[~cells.supervised & (cells.x >= 0)] + 1
    return _habit(np.isin(told, said)) and not (np.isin(following, said).sum() > EDGES * len(following))


def _habit(flags: Bools) -> bool:
    return len(flags) > 0 and float(flags.mean()) >= MOST


def spoken(cuts: Ints) -> Ints:
    """Positions of what the assistant says, when the documents are read as conversations."""
    parts = [np.empty(0, np.int64)]
    for index, (start, end) in enumerate(cuts):
        turns = turn_cuts(index, int(end - start))
        parts += [np.arange(start + low, start + high) for role, low, high in turns if role == "assistant"]
    return np.concatenate(parts)
