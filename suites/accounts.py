"""Accounts of one pass: which positions and rows it showed, and what it may leave out."""

from __future__ import annotations

import numpy as np

from .evidence import Bools, Cells, Evidence, Ints, Missing
from .observe import shift

PASSES = ("exact-1", "exact+0", "exact+1", "exact+2", "pass")


def one_pass(evidence: Evidence, name: str) -> Cells:
    """Cells of the first pass of a loader that promises every item once.

    Raises:
        Missing: no such promise, or the pass did not end.
    """
    traits = evidence.traits
    if traits.order == "windows":
        raise Missing("windows are drawn with replacement: a pass has no fixed content")
    if traits.order is None:
        raise Missing("`order` is not stated, so nothing is promised about one pass")
    if traits.targets == "paired":
        raise Missing("pairs are accounted for row by row; see coverage.multiset")
    if traits.passes == "one" and evidence.trace(name).ends[0].how != "stop":
        raise Missing("the pass did not end by itself; see end.finite")
    cells = evidence.cells(name, 0)
    return first_lap(cells) if traits.passes == "endless" and traits.order == "sequential" else cells


def first_lap(cells: Cells) -> Cells:
    """The cells of an endless sequential stream before it begins anew: before its first step back."""
    known = np.flatnonzero(cells.x >= 0)
    back = np.flatnonzero(np.diff(cells.x[known]) < 0)
    return cells.take(slice(0, int(known[back[0]]) + 1)) if len(back) else cells


def unit(evidence: Evidence, name: str) -> int:
    """Tokens that one batch consumes under the stated overlaps; where unstated, under the widest."""
    config, traits = evidence.traces[name].scenario.config, evidence.traits
    rows, width = int(config["batch_size"]), int(config["seq_len"])
    if traits.row_overlap == 1:
        return rows * width + (traits.overlap != 1)
    return rows * (width + 1)


def allowance(evidence: Evidence, name: str) -> int:
    """Tokens that one pass may leave out: the tail promises less than one batch on every rank.

    Cropped rows take up to twice what they hold: documents that fit, and one that is cut.
    """
    if evidence.traits.loss == "none":
        return 0
    ranks = int(evidence.traces[name].scenario.config.get("world_size", 1))
    return unit(evidence, name) * ranks * (1 + cropping(evidence))


def cropping(evidence: Evidence) -> bool:
    """Whether documents may be cut at a limit."""
    return evidence.traits.loss in (None, "crop", "truncation")


def beyond_promise(evidence: Evidence, name: str, cells: Cells) -> Ints:
    """Positions never seen in a pass, save what a crop may leave out."""
    wanted, cuts = required(evidence, name), evidence.source(name).of_split(evidence.split(name))
    seen = np.add(*counted(cells, len(wanted))) > 0
    missed = wanted & ~seen
    if cropping(evidence):
        missed &= ~past_limit(seen, cuts)
        width = int(evidence.traces[name].scenario.config["seq_len"]) + 1
        for start, end in cuts:  # of a document no row would have held more
            missed[start + width : end] = False
    return np.flatnonzero(missed)


def lone(lost: Ints, cuts: Ints) -> int:
    """How many losses stand alone: a dropped tail is lost in runs, a cut loses one here, one there.

    Documents of one token do not count, since each is all of a run.
    """
    lost = lost[~np.isin(lost, cuts[cuts[:, 1] - cuts[:, 0] == 1, 0])]
    gaps = np.diff(lost, prepend=-9, append=np.iinfo(np.int64).max)
    return int(((gaps[:-1] > 1) & (gaps[1:] > 1)).sum())


def past_limit(seen: Bools, cuts: Ints) -> Bools:
    """Positions after the last one seen of a document that was begun: what a crop leaves out."""
    beyond = np.zeros(len(seen), bool)
    for start, end in cuts:
        known = np.flatnonzero(seen[start:end])
        if len(known):
            beyond[start + known[-1] + 1 : end] = True
    return beyond


def counted(cells: Cells, size: int) -> tuple[Ints, Ints]:
    """How often each position was an input, and how often a supervised target, (size,) each."""
    x = cells.x[(cells.x >= 0) & (cells.x < size)]
    # A target that does not follow its input is told by shift.exact, and shows nothing of the source.
    right = cells.supervised & ((cells.y == cells.x + 1) | (cells.x < 0)) & (shift(cells) == 1)
    y = cells.y[(cells.y >= 0) & (cells.y < size) & right]
    return np.bincount(x, minlength=size), np.bincount(y, minlength=size)


def required(evidence: Evidence, name: str) -> Bools:
    """Which positions belong to the split that was read."""
    cuts = evidence.source(name).of_split(evidence.split(name))
    wanted = np.zeros(int(cuts.max(initial=0)), bool)
    for start, end in cuts:
        wanted[start:end] = True
    return wanted


def all_positions(evidence: Evidence, name: str) -> list[Ints]:
    """Positions of inputs and targets of every batch, whatever their widths."""
    names = evidence.source(name).names
    parts = [part for b in evidence.trace(name).good for part in (b.x, b.y) if part is not None]
    return [names.locate(np.maximum(part.array().astype(np.int64), -1)) for part in parts]


def row_counts(evidence: Evidence, name: str) -> Ints:
    """How often each source row (document or pair) appeared in the first iteration."""
    trace = evidence.trace(name)
    cuts, names = evidence.source(name).of_split(evidence.split(name)), evidence.source(name).names
    if evidence.traits.targets == "paired":
        counts = np.zeros(len(cuts), np.int64)
        for batch in trace.run(0):
            prompt, response = (
                names.locate(part.array()).max(axis=1) if part else np.array([-1])
                for part in (batch.x, batch.y)
            )
            # A row is known by its prompt; where that is empty, by its response.
            counts += _rows_in(np.where(prompt >= 0, prompt, response), cuts)
        return counts
    seen = np.concatenate([names.locate(b.x.array()).ravel() for b in trace.run(0) if b.x])
    # A document is seen as often as its middle token is an input.
    inputs: Ints = np.bincount(seen[seen >= 0], minlength=int(cuts.max()))
    return np.take(inputs, (cuts[:, 0] + cuts[:, 1]) // 2)


def _rows_in(firsts: Ints, cuts: Ints) -> Ints:
    which = np.searchsorted(cuts[:, 0], firsts, "right") - 1
    known = (firsts >= 0) & (which >= 0)
    return np.bincount(which[known], minlength=len(cuts))
