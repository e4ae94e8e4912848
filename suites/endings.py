"""Endings and liveness: a pass ends when it should, an endless one goes on, and both move."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, supervised
from .trace import Recorded

# Scenarios whose ends other checks speak of: sizes, widths, splits, restored states, ranks, workers.
ELSEWHERE = (
    "tiny", "far", "wide", "lengths", "index", "val",
    "saves", "resume/", "break", "late", "rank/", "workers", "probe/",
    "bigram", "spelled", "pad-is-end", "packed", "unpacked", "truncated", "overlong", "set-", "repeat/",
    "mutate", "degenerate/", "close", "blend/",
)  # fmt: skip
SILENCE = 512  # cells; in a corpus of documents below 120 tokens nobody but the assistant is heard longer


@check("end.finite", "coverage", "A loader of one pass stops by itself; no loader breaks or waits for ever.")
def end_finite(evidence: Evidence) -> Opinion:
    for name, trace in evidence.traces.items():
        if trace.broke and not name.startswith(ELSEWHERE):
            return bad(
                f"in scenario {name!r} the loader {trace.fate()}",
                {"deadline": "it waits for something that never comes, or loops without yielding",
                 "died": "the process itself ended: a crash in native code, an exit, or no memory"}.get(
                    trace.end.how, "the loader raised; its traceback is in the evidence"),
                "C1" if trace.end.how == "deadline" else "",
                scenario=name,
                traceback=trace.end.traceback,
                output=trace.output,
            )  # fmt: skip
    if evidence.traits.passes != "one":
        return skip("one pass is not promised; nothing broke")
    trace = evidence.trace("pass")
    if trace.ends[0].how == "stop":
        return ok(f"one pass is {len(trace.run(0))} batches")
    return bad(
        f"still yielding after {len(trace.run(0))} batches, several times what one pass holds",
        "stated as one pass, but the loop begins again by itself",
    )


@check("end.infinite", "coverage", "An endless loader delivers several passes within the deadline.")
def end_infinite(evidence: Evidence) -> Opinion:
    if evidence.traits.passes != "endless":
        return skip("endless is not promised")
    trace = evidence.trace("pass")
    if trace.ends and trace.ends[0].how == "limit":
        return ok(f"{len(trace.run(0))} batches and no end")
    return bad(
        f"ended after {len(trace.run(0))} batches",
        "stated as endless, but the source is not begun again",
        "C1",
    )


@check("end.reiterate", "coverage", "Iterating twice gives two full passes.")
def end_reiterate(evidence: Evidence) -> Opinion:
    if evidence.traits.passes != "one":
        return skip("one pass is not promised")
    trace = evidence.trace("pass")
    if trace.ends[0].how != "stop":
        return skip("the first pass did not end by itself; see end.finite")
    first, second = len(trace.run(0)), len(trace.run(1))
    if first == second:
        return ok(f"two passes of {first} batches")
    return bad(
        f"the first pass has {first} batches, the second {second}",
        "the iterator is stored instead of made anew" if second == 0
        else "the second pass begins where something of the first was left",
        "C4",
        first=first,
        second=second,
    )  # fmt: skip


@check(
    "liveness.progress", "coverage",
    "Over every window of ten batches new positions are consumed and supervised targets are present.",
)  # fmt: skip
def liveness_progress(evidence: Evidence) -> Opinion:
    batches = evidence.trace("pass").run(0)
    ignored = evidence.ignored()
    counts = [int(supervised(b, ignored).sum()) if b.y is not None else 1 for b in batches]
    if not sum(counts):
        return skip("no target is supervised in any batch; see mask.nonempty")
    dead = _longest_run(np.array(counts) == 0)
    if dead >= 10 and dead * _cells(batches) >= SILENCE:
        return bad(
            f"{dead} batches in a row hold no supervised target",
            "rows are all padding or all prompt: what is too long for a row clogs the buffer",
            "B13",
            batches=dead,
        )
    same = [b.x.data for b in batches if b.x]
    stuck = _longest_run(np.array([a == b for a, b in itertools.pairwise(same)] or [False]))
    if stuck >= 10:
        return bad(
            f"{stuck} batches in a row are the same", "progress is frozen: the loader repeats itself", "B13"
        )
    return ok(f"{sum(counts)} supervised targets in {len(batches)} batches", supervised=sum(counts))


def _cells(batches: Sequence[Recorded]) -> int:
    """Cells in an average batch."""
    return sum(int(np.prod(b.x.shape)) for b in batches if b.x) // max(1, len(batches))


def _longest_run(flags: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    longest = current = 0
    for flag in flags.tolist():
        current = current + 1 if flag else 0
        longest = max(longest, current)
    return longest
