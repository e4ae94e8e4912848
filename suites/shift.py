"""Shift: is y what x is followed by, in the inside of rows, at their edges and from batch to batch?"""

from __future__ import annotations

from typing import Any

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .evidence import Cells, Evidence, Ints, Missing
from .observe import cuts, shift
from .scenarios import KEEP_LAST
from .successors import in_vocabulary, legal, located

CAUSES = {
    0: ("targets are the inputs themselves: nobody shifted them", "A2"),
    2: ("targets are two positions on: shifted by the loader and again by its caller", "A1"),
    -1: ("targets are one position back: shifted the wrong way, so the answer is visible", "A3"),
}
EDGES = ("pass", "keep-last", *KEEP_LAST)
SCENARIOS = ("pass", "one", "separators", "wide", "val", "keep-last", *KEEP_LAST)


@check(
    "shift.exact", "contract",
    "For every supervised cell the source position of y is that of x plus one.", *SCENARIOS,
)  # fmt: skip
def shift_exact(evidence: Evidence) -> Opinion:
    stated = evidence.traits.targets
    if stated == "paired":
        return skip("pairs: prompt and response are matched instead of shifted")
    cells = evidence.cells("pass")
    distance = shift(cells)
    if stated is None and distance == 0:
        return skip("y equals x; without a stated `targets` the model may well do the shift", observed="same")
    if stated == "same":
        same = (cells.x_id == cells.y_id)[cells.supervised]
        if same.all():
            return ok(f"y equals x in all {same.size} supervised cells, as stated", cells=int(same.size))
        return bad(
            f"{int((~same).sum())} of {same.size} targets differ from their inputs",
            "stated as unshifted (`same`), but the loader shifts" if distance == 1 else "targets are not x",
        )
    return _every(evidence)


def _every(evidence: Evidence) -> Opinion:
    total, at_edges = 0, False
    for name, run in _runs(evidence):
        cells, source, split = evidence.cells(name, run), evidence.source(name), evidence.split(name)
        if name == "wide" and located(cells, source, split) < 1.0:
            continue  # ids that stand nowhere: dtype.edges speaks of those
        wrong = cells.supervised & ~legal(cells, source, split) & in_vocabulary(cells, source)
        inner = wrong & (cells.column < cells.width - 1)
        if wrong.any() and not inner.any() and (at_edges or cells.width.max() > 1):
            at_edges = True  # only last columns (all there is at T = 1): shift.row_edge speaks of those
            continue
        if wrong.any():
            return _wrong(cells, wrong, name)
        total += int(cells.supervised.sum())
    if not total:
        raise Missing("no target is supervised")
    return ok(f"y is one position on from x in {total} supervised cells", cells=total)


def _runs(evidence: Evidence) -> list[tuple[str, int]]:
    """Each iteration of each scenario that gave batches, apart: between two the stream is cut."""
    there = [name for name in SCENARIOS if name in evidence.traces]
    return [(name, run) for name in there for run in sorted({b.run for b in evidence.traces[name].good})]


def _wrong(cells: Cells, wrong: Any, name: str) -> Opinion:
    distance = shift(cells)
    cause, entry = CAUSES.get(
        distance if distance is not None else 1,
        (f"targets are {distance} positions from their inputs", ""),
    )
    if distance == 1:
        cause, entry = "most targets are right, these are not: look at where rows are cut or joined", ""
    if distance is None:
        cause = "targets have no fixed distance from their inputs: x and y come from different places"
    first = int(np.flatnonzero(wrong)[0])
    count = int(wrong.sum())
    return bad(
        f"{count} of {len(cells)} targets are not the successor of their input "
        f"(first: x at position {cells.x[first]}, y at {cells.y[first]})",
        cause,
        entry,
        delta=distance,
        scenario=name,
        wrong=count,
        cells=len(cells),
        counterexample=cells.where(first),
    )


@check(
    "shift.owner", "contract",
    "The loader declares whether targets are pre-shifted and the data agrees.",
)  # fmt: skip
def shift_owner(evidence: Evidence) -> Opinion:
    stated = evidence.traits.targets
    if stated == "paired":
        return skip("pairs are not shifted")
    distance = shift(evidence.cells("pass"))
    seen = {0: "same", 1: "shifted"}.get(-9 if distance is None else distance, f"{distance} positions on")
    if stated is None:
        return skip(f"`targets` is not stated; observed: {seen}", observed=seen)
    if seen == stated:
        return ok(f"stated and observed: {stated}")
    if distance not in (0, 1):
        return skip("neither owner can be right at this distance; see shift.exact", observed=seen)
    return bad(
        f"stated `{stated}`, observed `{seen}`",
        "the loader shifts although it says the model does: the model would shift again"
        if seen == "shifted"
        else "nobody shifts: the loader says it does, and the training loop will rely on it",
        "A1" if seen == "shifted" else "A2",
        observed=seen,
    )


@check(
    "shift.row_edge", "contract",
    "The last target of every row is the true successor, not a wrapped or repeated token.", *EDGES,
)  # fmt: skip
def shift_row_edge(evidence: Evidence) -> Opinion:
    if evidence.traits.targets in ("paired", "same"):
        return skip("targets are not shifted by this loader")
    first = _row_edge(evidence, "pass")
    if first.verdict != "pass":
        return first
    there = [name for name in EDGES[1:] if name in evidence.traces and evidence.traces[name].run(0)]
    others = (_row_edge(evidence, name) for name in there)
    return next((one for one in others if one.verdict == "fail"), first)


def _row_edge(evidence: Evidence, name: str) -> Opinion:
    cells = evidence.cells(name, 0)
    wrong = cells.supervised & ~legal(cells, evidence.source(name), evidence.split(name))
    edge = cells.column == cells.width - 1
    if (wrong & ~edge).any() or cells.width.max() == 1 or shift(cells) == 0:
        return skip("the inside of the rows is already judged by shift.exact")
    if not (wrong & edge).any():
        return ok(f"right in all {int(edge.sum())} rows", rows=int(edge.sum()))
    bad_rows = np.flatnonzero(wrong & edge)
    starts = cells.x[bad_rows - (cells.width[bad_rows] - 1)]
    wrapped = (cells.y[bad_rows] == starts).mean() > 0.5
    repeated = (cells.y_id[bad_rows] == cells.x_id[bad_rows]).mean() > 0.5
    cause = (
        "the last target is the first token of its own row: the row was rolled" if wrapped
        else "the last target repeats the last input: the row was padded with itself" if repeated
        else "the last target comes from somewhere else: y was cut from the row, not from the stream"
    )  # fmt: skip
    return bad(
        f"the last target is wrong in {len(bad_rows)} of {int(edge.sum())} rows",
        cause,
        counterexample=cells.where(int(bad_rows[0])),
    )


@check(
    "shift.last_window", "contract",
    "The final legal window has full shape and ends on the final token; the next start is never drawn.",
    "tiny+1", "tiny+2",
)  # fmt: skip
def shift_last_window(evidence: Evidence) -> Opinion:
    if evidence.traits.reads != "tokens":
        return skip("only token files have a last window")
    width = 0
    for name in ("tiny+1", "tiny+2"):
        trace = evidence.traces.get(name)
        if trace is None:
            return skip("it was not asked for its last window")
        if trace.broke or not trace.good:
            return bad(
                f"with {_tokens(evidence, name)} tokens for T = {trace.scenario.config['seq_len']}, "
                f"where a legal window exists, the loader {trace.fate() if trace.broke else 'gave no batch'}",
                "the range of starts is one too short or one too long at its end",
                "A4",
                scenario=name,
            )
        width = int(trace.scenario.config["seq_len"])
        shapes = {part.shape for batch in trace.good for part in (batch.x, batch.y) if part}
        firsts = [p[:, 0] for p in evidence.positions(trace.good, name) if p.ndim == 2 and p.size]
        latest = int(np.concatenate(firsts).max()) if firsts else -1
        usual = {batch.x.shape[-1] for batch in evidence.traces["pass"].good if batch.x}
        clipped = any(shape[-1] < width and shape[-1] not in usual for shape in shapes)
        if clipped or latest + width >= _tokens(evidence, name) + (evidence.traits.targets == "same"):
            return bad(
                f"with {_tokens(evidence, name)} tokens and T = {width}, rows of "
                f"{sorted({shape[-1] for shape in shapes})} begin as late as at {latest}",
                "a start past the last legal one is drawn; slicing clips it, or indexing wraps it, silently",
                "A4",
                scenario=name,
            )
    return ok(f"T+1 and T+2 tokens give full windows of {width}")


def _tokens(evidence: Evidence, name: str) -> int:
    return sum(evidence.traces[name].scenario.corpus.spec["documents"])


@check(
    "stride.declared", "contract",
    "The measured advance between batches, and between rows, equals the declared overlap.",
)  # fmt: skip
def stride_declared(evidence: Evidence) -> Opinion:
    if evidence.traits.order == "shuffled":
        return skip("rows in random order follow each other by chance; see coverage.transitions")
    cells = evidence.cells("pass", 0)
    told: list[str] = []
    for what, stated in (("batch", evidence.traits.overlap), ("row", evidence.traits.row_overlap)):
        if stated is None:
            continue
        steps = cuts(cells, what)
        near = steps[(steps == 1) | (steps == 2)]  # the rest are joins of documents
        if len(near) < 3:
            continue
        other = 2 if stated == 1 else 1
        share = float((near == other).mean())
        if share > 0.5:
            return _stride(what, stated, steps, share)
        told.append(f"{what} overlap {stated}")
    if not told:
        return skip("no overlap is stated, or rows and batches do not follow each other")
    return ok("as declared: " + ", ".join(told))


def _stride(what: str, stated: int, steps: Ints, share: float) -> Opinion:
    unit = "B*T" if what == "batch" else "T"
    took, promised = (f"{unit}+1", unit) if stated == 1 else (unit, f"{unit}+1")
    return bad(
        f"{what}es advance by {took} tokens where {promised} is declared" if what == "batch"
        else f"rows advance by {took} tokens where {promised} is declared",
        f"the loader consumes {took} tokens for every {what}, so the pair across each cut is never trained"
        if stated == 1
        else f"one token is shared across each {what} cut although none is declared",
        "A8",
        share=round(share, 3),
        cuts=len(steps),
    )  # fmt: skip
