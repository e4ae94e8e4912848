"""Many short passes, and sources with nothing in them: an end, or an error, and never a wait."""

from __future__ import annotations

from collections import Counter

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Missing

NOTHING = {
    "degenerate/none": "a source without files",
    "degenerate/empty": "a source of empty documents",
    "degenerate/ranks": "the third of three ranks on a source of one document",
}


@check(
    "end.deadline", "coverage",
    "The end of a pass is reached in time, over many repeats, with a fast and with a slow consumer.",
    "repeat/fast", "repeat/slow",
)  # fmt: skip
def end_deadline(evidence: Evidence) -> Opinion:
    if evidence.traits.passes != "one":
        return skip("one pass is not promised")
    told = []
    for name, who in (("repeat/fast", "fast"), ("repeat/slow", "slow")):
        if name not in evidence.traces:
            raise Missing("`reads` is not stated")
        trace = evidence.traces[name]
        ended = sum(end.how == "stop" for end in trace.ends)
        if ended < trace.scenario.runs:
            if evidence.trace("pass").ends[0].how != "stop" or evidence.trace("pass").broke:
                return skip("a single pass does not end either; see end.finite")
            return bad(
                f"with a {who} consumer, pass {ended + 1} of {trace.scenario.runs} {trace.fate()}",
                "a helper thread or a queue is waited for at the end of a pass, and sometimes never answers",
                "C5",
                scenario=name,
                passes_ended=ended,
            )
        counts = Counter(len(trace.run(run)) for run in range(trace.scenario.runs))
        if len(counts) > 1 and len(evidence.trace("pass").run(0)) == len(evidence.trace("pass").run(1)):
            return bad(
                f"with a {who} consumer, passes over one source have {sorted(counts)} batches",
                "how many batches a pass has depends on how fast they are taken: some are lost at its end",
                "C5",
                scenario=name,
                passes={str(batches): passes for batches, passes in counts.items()},
            )
        told.append(f"{trace.scenario.runs} passes with a {who} consumer")
    return ok(" and ".join(told))


@check(
    "end.degenerate", "coverage",
    "A source with nothing in it, or nothing for a rank, gives an end or a clear error in time.", *NOTHING,
)  # fmt: skip
def end_degenerate(evidence: Evidence) -> Opinion:
    told = {}
    for name, what in NOTHING.items():
        trace = evidence.traces.get(name)
        if trace is None:
            continue
        if trace.end.how == "deadline":
            return bad(
                f"given {what}, the loader {trace.fate()}",
                "emptiness is asked of the whole source and not of this split or rank, and a loop waits for "
                "what never comes",
                "C2",
                scenario=name,
            )
        if trace.end.how == "died":
            return bad(
                f"given {what}, the loader {trace.fate()}",
                "the length of nothing is divided by, or memory of no size is read",
                "C3",
                scenario=name,
                output=trace.output,
            )
        told[what] = trace.end.error.partition(":")[0] or trace.fate()
    if not told:
        raise Missing("no such source was tried")
    return ok("; ".join(f"{what}: {how}" for what, how in told.items()))
