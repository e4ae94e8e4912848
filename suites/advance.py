"""Advance: how far a loader goes through its source from row to row and batch to batch, and up to where."""

from __future__ import annotations

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Ints
from .observe import cuts


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
