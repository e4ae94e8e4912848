"""Coverage of the parts of a source: train and validation, and the incomplete last batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .accounts import all_positions, beyond_promise, one_pass, row_counts
from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, spans
from .scenarios import KEEP_LAST


@check(
    "split.disjoint", "coverage",
    "Train batches never show a position of the validation part, nor the other way round.", "pass", "val",
)  # fmt: skip
def split_disjoint(evidence: Evidence) -> Opinion:
    told: dict[str, Any] = {}
    for name, other in (("pass", "val"), ("val", "train")):
        if name == "val" and "val" not in evidence.traces:
            continue
        trace = evidence.traces[name]
        if name == "val" and not trace.good and (trace.broke or _holds_two_batches(evidence, name)):
            return bad(f"with split='val' the loader {trace.fate()}", "the split is not served")
        if name == "val" and not trace.good:
            continue
        positions = np.unique(np.concatenate([p.ravel() for p in all_positions(evidence, name)]))
        source = evidence.source(name)
        leaked = positions[source.holds(positions, other)]
        if len(leaked):
            return bad(
                f"the {evidence.split(name)} split shows {len(leaked)} positions of {other}: {spans(leaked)}",
                "the split setting is ignored" if len(leaked) > len(positions) / 2
                else "a window straddles the cut between training and validation",
                positions=spans(leaked, 20),
            )  # fmt: skip
        told[evidence.split(name)] = len(positions)
    return ok("; ".join(f"{split}: {count} positions, all its own" for split, count in told.items()), **told)


@check(
    "drop_last.honoured", "coverage", "Both settings of drop_last do what they say.",
    "keep-last", "pass", *KEEP_LAST,
)  # fmt: skip
def drop_last_honoured(evidence: Evidence) -> Opinion:
    traits = evidence.traits
    if traits.passes != "one" or traits.short_last is None:
        return skip("only a pass with an end and a stated `short_last` has a last batch")
    dropped = [b for b in evidence.trace("pass").run(0) if b.x and b.x.shape[0]]
    size = int(evidence.traces["pass"].scenario.config["batch_size"])
    if dropped and dropped[-1].x is not None and dropped[-1].x.shape[0] != size:
        return bad("drop_last=True, yet the last batch is short", "the setting is ignored", "B8")
    if not traits.short_last:
        return ok("dropped when asked to; keeping is not promised")
    evidence.trace("keep-last")
    for name in ("keep-last", *KEEP_LAST):
        left, what = _left_out(evidence, name) if name in evidence.traces else (0, "")
        if not left:
            continue
        return bad(
            f"drop_last=False, yet {left} {what} are never seen, which would have filled a row",
            "the setting is not passed down: the rest is always dropped",
            "B8",
            left=left,
        )
    return ok("dropped when asked to, kept when asked to")


def _left_out(evidence: Evidence, name: str) -> tuple[int, str]:
    """Rows or tokens that one more row would have held, 0 if no row could be made of what is left."""
    if evidence.traits.targets == "paired":
        return int((row_counts(evidence, name) == 0).sum()), "pairs"
    missed = len(beyond_promise(evidence, name, one_pass(evidence, name)))
    # The last target seen is the first input of a further row, where rows overlap by it.
    apart = evidence.traits.row_overlap == 0 or evidence.traits.overlap == 0
    needed = int(evidence.traces[name].scenario.config["seq_len"]) + apart
    return (missed if missed >= needed else 0), "tokens"


def _holds_two_batches(evidence: Evidence, name: str) -> bool:
    cuts, config = evidence.source(name).of_split(evidence.split(name)), evidence.traces[name].scenario.config
    rows, width = int(config["batch_size"]), int(config["seq_len"])
    return len(cuts) >= 2 * rows and int((cuts[:, 1] - cuts[:, 0]).sum()) > 2 * rows * (width + 1)
