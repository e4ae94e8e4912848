"""Grades of restored streams: exact, skips n, repeats n, reorders, restarts, refuses, or another."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from .checks import Opinion, bad, ok
from .evidence import Evidence, Missing
from .resuming import BASE
from .trace import Recorded, Trace


@dataclasses.dataclass(frozen=True)
class Grade:
    """How a restored stream relates to the uninterrupted one; n counts batches."""

    word: str
    n: int = 0
    detail: str = ""

    def __str__(self) -> str:
        times = f" {self.n} batch{'es' * (self.n > 1)}" if self.n else ""
        return self.word + times + (f" ({self.detail})" if self.detail else "")


EXACT = Grade("exact")


def content(batches: Sequence[Recorded]) -> list[bytes]:
    """What each batch holds, to compare streams by."""
    return [(b.x.data if b.x else b"") + (b.y.data if b.y else b"") for b in batches]


def grade(whole: Sequence[bytes], at: int, got: Sequence[bytes]) -> Grade:
    """Grade a stream restored after ``at`` batches of the ``whole`` one."""
    expected = list(whole[at : at + len(got)])
    reach = len(expected)
    if reach and list(got[:reach]) == expected:
        return EXACT
    if not got:
        return Grade("ends", detail="it gives nothing more")
    for n in range(1, len(whole)):
        if _begins(whole[at + n :], got):
            return Grade("skips", n)
        if at - n > 0 and _begins(whole[at - n :], got):
            return Grade("repeats", n)
    shared = sum((Counter(expected) & Counter(got)).values())
    if _begins(whole, got):
        return Grade("restarts")
    return Grade("reorders") if shared > 0.6 * reach else Grade("differs", detail="another stream")


def _begins(stream: Sequence[bytes], got: Sequence[bytes]) -> bool:
    reach = min(len(stream), len(got), 6)
    return reach >= min(2, len(got)) and list(stream[:reach]) == list(got[:reach])


def promised(evidence: Evidence) -> bool:
    """Whether exactness is promised; raises :class:`Missing` where nothing is, or was recorded."""
    stated = evidence.traits.resume
    if stated in (None, "none"):
        raise Missing("no resume is promised" if stated else "`resume` is not stated")
    if BASE not in evidence.traces:
        raise Missing("the loader offers no state_dict and load_state_dict")
    return stated in ("exact", "topology")


def restored_grade(evidence: Evidence, scenario: str, at: int, passes: bool = True) -> Grade:
    """Grade of one restored scenario against the uninterrupted stream, or of its first pass alone."""
    trace = evidence.traces.get(scenario)
    if trace is None:
        return Grade("refuses", detail=_no_state(evidence, scenario))
    if trace.end.where == "load_state_dict":
        return Grade("refuses", detail=trace.end.error)
    if trace.broke:
        return Grade("breaks", detail=trace.fate())
    whole = passes or at in pass_edges(
        evidence
    )  # at the end of a pass only the next one has something to say
    return grade(content(evidence.traces[BASE].good), at, content(trace.good if whole else trace.run(0)))


def _no_state(evidence: Evidence, scenario: str) -> str:
    errors = [saved.error for saved in evidence.traces[BASE].saved if saved.error]
    return errors[0] if errors else f"no state could be taken for {scenario}"


def places(trace: Trace) -> list[tuple[int, int, bool]]:
    """Where states were taken: batches received, iteration, whether it had ended."""
    return [(saved.at, saved.run, saved.ended) for saved in trace.saved]


def states_taken(evidence: Evidence) -> None:
    """Raises :class:`Missing` where no state could be taken at all: another check tells it."""
    saved = evidence.traces[BASE].saved
    if saved and all(one.error for one in saved):
        raise Missing(f"no state could be taken ({saved[0].error}); see state.serialisable")


def judge_restores(
    evidence: Evidence,
    cases: Sequence[tuple[str, int]],
    what: str,
    cause: str,
    entry: str,
    passes: bool = True,
) -> Opinion:
    """Every case must be exact (or, where only that is promised, approximate)."""
    exact = promised(evidence)
    states_taken(evidence)
    grades = {scenario: restored_grade(evidence, scenario, at, passes) for scenario, at in cases}
    if not grades:
        raise Missing(f"no place {what} was recorded")
    wrong = {scenario: told for scenario, told in grades.items() if told != EXACT}
    summary = dict(Counter(told.word for told in grades.values()))
    near = {"skips", "repeats", "reorders"}
    if not wrong or (not exact and all(told.word in near for told in wrong.values())):
        told = "exact" if not wrong else ", ".join(sorted({str(g) for g in wrong.values()}))
        return ok(f"{len(grades)} restores {what}: {told}", grades=summary)
    first = next(iter(wrong))
    return bad(
        f"{len(wrong)} of {len(grades)} restores {what} are not exact; after {dict(cases)[first]} batches "
        f"it {wrong[first]}",
        _cause(list(wrong.values()), cause),
        entry,
        grades=summary,
        first=first,
        each={scenario: str(told) for scenario, told in list(wrong.items())[:12]},
    )


def _cause(wrong: Sequence[Grade], otherwise: str) -> str:
    words = {told.word for told in wrong}
    counts = {told.n for told in wrong}
    if words == {"skips"} and len(counts) == 1:
        return f"the state is {counts.pop()} batch ahead: it is the producer's, not the consumer's"
    if words == {"restarts"}:
        return "the state is taken but not applied: every restore begins anew"
    if words in ({"reorders"}, {"differs"}):
        return "position or contents come back, but not the order: the permutation or generator is not saved"
    if words <= {"refuses", "breaks"}:
        return f"a legal state is refused: {wrong[0].detail}"
    return otherwise


def pass_edges(evidence: Evidence) -> set[int]:
    """Batch counts at which an iteration begins or ends."""
    trace = evidence.traces[BASE]
    counts = [len(trace.run(run)) for run in range(len(trace.ends))]
    if evidence.traits.passes != "one":
        return {0}
    return {0, *(sum(counts[: i + 1]) for i in range(len(counts)))}
