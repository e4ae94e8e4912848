"""Whether subjects got worse from one revision to another."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .says import says

Outcome = Literal["fine", "regressed", "inconclusive", "not_comparable", "waived", "skipped"]
Measure = Literal["checks", "speed", "first_batch", "peak_memory", "leak", "transfer"]


class Revision(msgspec.Struct, kw_only=True):
    """One of the two sides."""

    name: Annotated[str, says("as it was asked for: a branch, a tag, a file, a subject")] = ""
    commit: Annotated[str, says("full hash; empty where there is none")] = ""
    title: Annotated[str, says("first line of the commit's message")] = ""
    changed: Annotated[bool, says("whether files differ from the commit")] = False


class GateRow(msgspec.Struct, kw_only=True):
    """One measure of one subject, head against base; a ratio above 1 is worse."""

    subject: str
    measure: Annotated[Measure, says("speed is the time for a token; the others as they are called")]
    outcome: Annotated[
        Outcome, says("inconclusive: time ran out; not_comparable: nothing to hold it against")
    ]
    reason: Annotated[str, says("one sentence: what was seen")] = ""
    limit: Annotated[float | None, says("how much worse is allowed, as a share: 0.02 is 2 %")] = None
    ratio: Annotated[float | None, says("head over base, median of the pairs; null if not measured")] = None
    low: Annotated[float | None, says("lower end of its interval; null while there are too few pairs")] = None
    high: Annotated[float | None, says("upper end of its interval; null while there are too few pairs")] = (
        None
    )
    unit: Annotated[str, says("of base and head")] = ""
    base: Annotated[float | None, says("median of the base's processes")] = None
    head: Annotated[float | None, says("median of the head's processes")] = None
    pairs: Annotated[int, says("n: pairs of processes")] = 0
    turns: Annotated[int, says("turns that each of the two took, in all pairs")] = 0
    seconds: Annotated[float, says("time it took")] = 0.0
    samples_ratio: Annotated[list[float], says("one ratio for each pair: the median of its turns")] = []
    samples_base: Annotated[list[float], says("one number for each process of the base, in the unit")] = []
    samples_head: Annotated[list[float], says("one number for each process of the head, in the unit")] = []


class Gate(msgspec.Struct, kw_only=True):
    """A comparison of two revisions, or of a stored document and a run."""

    base: Revision
    head: Revision
    confidence: Annotated[float, says("of all intervals together, at every look")] = 0.0
    rows: list[GateRow] = []

    def exit_code(self) -> int:
        """1 something regressed, 10 something stayed open, 0 all fine, 5 nothing was judged."""
        outcomes = {row.outcome for row in self.rows}
        if "regressed" in outcomes:
            return 1
        if outcomes & {"inconclusive", "not_comparable"}:
            return 10
        return 0 if outcomes & {"fine", "waived"} else 5
