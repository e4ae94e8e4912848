"""Packing: rows of several documents are one stream, whose targets come back as inputs."""

from __future__ import annotations

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence
from .observe import shift
from .successors import in_vocabulary, legal


@check(
    "shift.packed", "contract",
    "Inside a packed row y[i] equals x[i+1], so what stands at a join is learned as target and as input.",
)  # fmt: skip
def shift_packed(evidence: Evidence) -> Opinion:
    if evidence.traits.targets != "shifted" or evidence.traits.joins not in ("flow", "aligned"):
        return skip("no rows of joined documents with shifted targets are promised")
    cells = evidence.cells("pass", 0)
    if shift(cells) != 1 or cells.width.max() == 1:
        return skip("targets are not one on, or rows hold one token; see shift.exact")
    inner = (cells.column < cells.width - 1)[:-1] & cells.supervised[:-1]
    source = evidence.source("pass")
    right = legal(cells, source, evidence.split("pass"))[:-1] & in_vocabulary(cells, source)[1:]
    broken = np.flatnonzero(inner & right & (cells.y_id[:-1] != cells.x_id[1:]))
    if not len(broken):
        return ok(f"{int(inner.sum())} targets are the next input of their row", cells=int(inner.sum()))
    first = int(broken[0])
    ends = float((cells.y[broken] == -2).mean())
    return bad(
        f"{len(broken)} targets are not the next input of their row (first: target {cells.y_id[first]}, "
        f"next input {cells.x_id[first + 1]})",
        "each document is shifted by itself before they are joined, so its last token is never an input"
        + (": the end is learned, and never seen" if ends > 0.5 else ""),
        "A7",
        counterexample=cells.where(first),
    )
