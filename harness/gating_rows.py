"""Rows of a gate, from what was seen on both sides. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from ..reports.document import Finding, GateRow, Memory, Transfer
from ..suites.gating import Interval
from ..suites.throughput import VOIDING
from . import waivers
from .dueling import Pair

UNITS = {"speed": "us/token", "first_batch": "s", "peak_memory": "B", "transfer": "us/batch"}
SAID = {
    "speed": ("slower", "faster"),
    "first_batch": ("later", "earlier"),
    "peak_memory": ("larger", "smaller"),
    "transfer": ("slower", "faster"),
}


def row(
    subject: str,
    measure: Any,
    outcome: Any,
    reason: str = "",
    *,
    limit: float | None = None,
    found: Interval | None = None,
    pairs: Sequence[Pair] = (),
    samples: Sequence[float] = (),
    seconds: float = 0.0,
    interrupted: bool = False,
) -> GateRow:
    """One row; what was timed is said in a sentence of its own."""
    made = GateRow(subject=subject, measure=measure, outcome=outcome, reason=reason, limit=limit)
    if found is None:
        return made
    made.ratio, made.low, made.high = math.exp(found.middle), _known(found.low), _known(found.high)
    made.pairs, made.turns = len(samples), sum(len(pair.turns[0]) for pair in pairs)
    made.samples_ratio, made.seconds = [math.exp(one) for one in samples], seconds
    made.unit = UNITS[measure]
    made.samples_base, made.samples_head = (
        [_number(measure, pair, side) for pair in pairs] for side in (0, 1)
    )
    made.base, made.head = statistics.median(made.samples_base), statistics.median(made.samples_head)
    made.reason = told(made, interrupted=interrupted)
    return made


def share_row(
    subject: str, outcome: Any, limit: float, found: Interval, shares: Sequence[Sequence[float]]
) -> GateRow:
    """A row in shares of the copy limit: stored rounds, then those of now."""
    made = row(subject, "speed", outcome, limit=limit)
    made.ratio, made.low, made.high = math.exp(found.middle), _known(found.low), _known(found.high)
    made.unit, made.base, made.head = "of the limit", *map(statistics.median, shares)
    made.samples_base, made.samples_head, made.pairs = list(shares[0]), list(shares[1]), 1
    made.reason = told(made).replace(
        "in 1 pair of processes", f"in shares of the limit, {len(shares[1])} rounds"
    )
    return made


def _known(end: float) -> float | None:
    return math.exp(end) if math.isfinite(end) else None


def _number(measure: str, pair: Pair, side: int) -> float:
    """What one process gave, in the measure's unit."""
    if measure == "speed":
        return statistics.median(turn.seconds / turn.tokens * 1e6 for turn in pair.turns[side])
    return pair.first_s[side] if measure == "first_batch" else float(pair.peak_bytes[side] or 0)


def told(made: GateRow, *, interrupted: bool = False) -> str:
    """What a timed row says, in a sentence."""
    assert made.ratio is not None
    assert made.limit is not None
    size = _size(made.measure, made.ratio)
    between = "" if made.low is None or made.high is None else f" ({_share(made.low)} to {_share(made.high)})"
    pairs = f"{made.pairs} pair{'s' * (made.pairs != 1)} of processes"
    seen, limit = f"{size}{between} in {pairs}", f"{made.limit * 100:g} %"
    if made.outcome == "regressed":
        return f"{seen}: past the limit of {limit}"
    if made.outcome == "fine":
        return f"{seen}: within the limit of {limit}"
    why = "interrupted" if interrupted else "time was up"
    hint = "" if interrupted else "; give it more seconds, or a quieter machine"
    return f"{seen}: {why} before it could be told from the limit of {limit}{hint}"


def _size(measure: str, ratio: float) -> str:
    worse, better = SAID[measure]
    change = abs(ratio - 1) * 100
    return (
        f"as before ({_share(ratio)})"
        if change < 0.05
        else f"{change:.1f} % {worse if ratio > 1 else better}"
    )


def _share(ratio: float) -> str:
    return f"{(ratio - 1) * 100:+.1f} %"


def check_rows(subject: str, base: Sequence[Finding], head: Sequence[Finding]) -> GateRow:
    """Checks that newly fail, told from those that failed already."""
    before = {one.id for one in base if one.verdict == "fail"}
    now = [one for one in head if one.verdict == "fail"]
    new, old = [one for one in now if one.id not in before], [one for one in now if one.id in before]
    passed = sum(one.verdict in ("pass", "waived") for one in head)
    if new:
        first = new[0].diagnosis or new[0].reason
        names = ", ".join(one.id for one in new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
        return row(subject, "checks", "regressed", f"newly fails {names}: {first}")
    open_before = {one.id for one in base if one.verdict == "unknown"}
    unknown = [one.id for one in head if one.verdict == "unknown" and one.id not in open_before]
    if unknown:
        return row(subject, "checks", "inconclusive", f"could not be finished: {', '.join(unknown[:5])}")
    already = f"; fails already: {', '.join(one.id for one in old[:5])}" if old else ""
    return row(subject, "checks", "fine", f"no check newly fails ({passed} pass{already})")


def voided(findings: Sequence[Finding], who: str, *, newly: bool = False) -> str:
    """Why a speed means nothing: the batches are wrong. Empty if they are right."""
    failed = [one.id for one in findings if one.verdict == "fail" and one.id.startswith(VOIDING)]
    if not failed:
        return ""
    if newly:
        return f"void: {who} fails {failed[0]}, and a speed of wrong batches means nothing"
    return f"not comparable: {who} fails {', '.join(failed[:3])}, and a speed of wrong batches means nothing"


def leak_row(subject: str, base: Memory, head: Memory) -> GateRow:
    """A leak that newly appears."""
    words = head.reason or f"{head.bytes_per_batch or 0:.0f} B a batch"
    if head.verdict == "leak":
        if base.verdict == "leak":
            return row(subject, "leak", "fine", f"leaks already at the base: {words}")
        if base.verdict == "clean":
            return row(subject, "leak", "regressed", f"newly leaks: {words}")
        return row(subject, "leak", "inconclusive", f"leaks, and the base is {base.verdict}: {base.reason}")
    if head.verdict == "clean":
        return row(subject, "leak", "fine", "no leak")
    outcome = "skipped" if head.verdict == "not_measured" else "inconclusive"
    return row(subject, "leak", outcome, words)


def transfer_row(subject: str, base: Transfer, head: Transfer, limit: float) -> GateRow:
    """The copy of a batch to the device: intact still, and no slower by more than the limit.

    Slower is said when the intervals are further apart than the limit, which few false alarms pass.
    """
    if head.verdict == "fail" and base.verdict != "fail":
        return row(subject, "transfer", "regressed", f"newly wrong: {head.reason}", limit=limit)
    ends = (base.copy_us, base.low_us, base.high_us, head.copy_us, head.low_us, head.high_us)
    if None in ends or not base.copy_us or not head.copy_us:
        return row(subject, "transfer", "skipped", head.reason or base.reason or "not measured", limit=limit)
    low = (head.low_us or 0.0) / (base.high_us or 1.0)
    high = (head.high_us or 0.0) / (base.low_us or 1.0)
    outcome = "regressed" if low > 1 + limit else "fine" if high <= 1 + limit else "inconclusive"
    made = row(subject, "transfer", outcome, limit=limit)
    made.ratio, made.low, made.high = head.copy_us / base.copy_us, low, high
    made.unit, made.base, made.head, made.pairs = UNITS["transfer"], base.copy_us, head.copy_us, 1
    made.reason = told(made).replace("in 1 pair of processes", f"over {head.rounds} copies")
    return made


def waived_row(made: GateRow, waived: Sequence[waivers.Waiver]) -> GateRow:
    """The row as a waiver of ``gate.<measure>`` leaves it."""
    if made.outcome != "regressed":
        return made
    finding = Finding(id=f"gate.{made.measure}", family="gate", verdict="fail", reason=made.reason)
    applied = waivers.apply([finding], waived)[0]
    made.reason = applied.reason
    if applied.verdict == "waived":
        made.outcome = "waived"
    return made
