"""Other resources over batches, each judged alone: descriptors, mappings, threads, Arrow's pool. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..reports.document import Counted, Memory, MemorySeries
from .floors import ROUNDS, Trend, agree, trend

# Field of the series, what it counts, and the least that one of it adds.
RESOURCES = (
    ("arrow_bytes", "bytes of the Arrow pool", 64.0),  # which is what the pool aligns to
    ("pinned_bytes", "bytes of pinned memory", 512.0),  # the same, of torch
    ("files", "file descriptors", 1.0),
    ("mappings", "memory mappings", 1.0),
    ("threads", "threads", 1.0),
    ("children", "child processes", 1.0),
    ("segments", "shared-memory segments", 1.0),
)
NO_CUDA = "not measured: no CUDA device in use"


def judge_counts(series: MemorySeries, first: tuple[int, int], second: tuple[int, int]) -> list[Counted]:
    """The verdict on each resource, from two stretches ``(after, upto)`` of a run.

    The second may be empty (``after == upto``): then nothing is called a leak, but what would be one
    is undecided, and the run has to go on.
    """
    return [_judge(series, row, first, second) for row in RESOURCES]


def suspects(counts: Iterable[Counted]) -> bool:
    """Whether something rises as a leak does and is not confirmed yet."""
    return any(one.verdict == "undecided" for one in counts)


def _judge(
    series: MemorySeries, row: tuple[str, str, float], first: tuple[int, int], second: tuple[int, int]
) -> Counted:
    name, unit, quantum = row
    values: list[int] = getattr(series, name)
    found = Counted(name=name, unit=unit, verdict="not_measured")
    if not values:
        found.reason = NO_CUDA if name == "pinned_bytes" else "not measured"
        return found
    early, late = (_stretch(series.batch, values, quantum, *bounds) for bounds in (first, second))
    if early.state == "short" and late.state == "short":
        found.verdict, found.reason = "not_measured", f"too few samples for {ROUNDS} rounds"
        return found
    last = early if late.state == "short" else late
    found.visible_from = last.visible
    if last.state != "even":
        found.verdict = "clean"
        found.reason = f"{unit} do not keep rising: {values[0]:,} at the start, {values[-1]:,} at the end"
        return found
    if early.state == "even" and agree(early.rate, late.rate):
        found.verdict, found.per_batch, found.visible_from = "leak", late.rate, None
        rate = f"{late.rate:,.0f}" if late.rate >= 1000 else f"{late.rate:.3g}"  # and not 1.64e+04
        found.reason = f"{rate} {unit} more with every batch, {values[0]:,} to {values[-1]:,}"
        return found
    found.verdict = "undecided"
    found.reason = f"{unit} rise by {last.rate:,.3g} a batch in one stretch of the run only"
    return found


def _stretch(batches: Sequence[int], values: Sequence[int], quantum: float, after: int, upto: int) -> Trend:
    """The trend between two batches; the least that can be told is one more in every judged round."""
    inside = [(batch, value) for batch, value in zip(batches, values, strict=True) if batch <= upto]
    smallest = quantum * ROUNDS / max(1, upto - after)
    return trend([batch for batch, _ in inside], [value for _, value in inside], after, smallest)


def add_counts(found: Memory, counts: list[Counted], name: str) -> None:
    """Put the verdicts on the other resources into that of the run: one leak makes a leak."""
    found.counts = counts
    leaking = [one for one in counts if one.verdict == "leak"]
    unsure = [one for one in counts if one.verdict == "undecided"]
    if not leaking:
        if unsure and found.verdict == "clean":
            found.verdict = "undecided"
            found.reason = f"{'; '.join(one.reason for one in unsure)}; {found.reason}"
        return
    words = "; ".join(one.reason for one in leaking)
    found.reason = f"{found.reason}; {words}" if found.verdict == "leak" else f"{name} leaks: {words}"
    found.verdict = "leak"
