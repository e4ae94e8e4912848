"""Throughput: what the rounds of one batch shape say, as rows of the document. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import msgspec

from ..reports.document import BATCH_SHARES, Finding, Throughput
from .statistics import median_interval, percentile, percentiles

LATENCIES_KEPT = 20_000
# A rate means nothing if the batches are wrong: these void the row of a loader that fails them.
VOIDING = ("shift.", "coverage.", "shape.", "vocab.", "batch.", "alias.", "mask.", "pairs.", "end.", "index.")


class Slot(msgspec.Struct):
    """One turn of one subject: tokens delivered, the time and CPU time it took, seconds.

    ``batch_us`` are the times of single batches, microseconds.
    """

    tokens: int
    seconds: float
    cpu_seconds: float
    batch_us: list[float] = []


class Facts(msgspec.Struct):
    """What was seen of a subject before its first timed batch.

    ``reason`` says why it cannot be measured; ``broke`` whether that is the subject's failure.
    """

    startup_s: float = 0.0
    first_batch_s: float = 0.0
    supervised_share: float = 1.0
    first_pass_s: float | None = None
    successor_share: float | None = None  # share of cells with y[:, :-1] == x[:, 1:]
    reason: str = ""
    broke: bool = False


def row(
    batch_size: int,
    seq_len: int,
    facts: Facts,
    slots: Sequence[Slot],
    limit: Sequence[Slot],
    work: tuple[str, Sequence[Slot]] = ("", ()),
) -> Throughput:
    """The row of one subject at one shape; slot i of it and of the limits belong to one round.

    ``work`` is what its kind of data cannot do without, where that is measured.
    """
    if not slots:
        return unmeasured(batch_size, seq_len, facts.reason or "no round could be measured")
    rates, limits, works = (_rates(each) for each in (slots, limit, work[1]))
    middle, low, high = median_interval(rates)
    limit_middle, limit_low, limit_high = median_interval(limits)
    batch_us = [one for slot in slots for one in slot.batch_us]
    tokens = sum(slot.tokens for slot in slots)
    return Throughput(
        batch_size=batch_size,
        seq_len=seq_len,
        tokens_per_s=middle,
        low=low,
        high=high,
        rounds=len(rates),
        limit_tokens_per_s=limit_middle,
        limit_low=limit_low,
        limit_high=limit_high,
        limit_share=_share(rates, limits),
        work=work[0] if works else "",
        work_tokens_per_s=statistics.median(works) if works else None,
        work_share=_share(rates, works) if works else None,
        supervised_tokens_per_s=middle * facts.supervised_share,
        startup_s=facts.startup_s,
        first_batch_s=facts.first_batch_s,
        first_pass_s=facts.first_pass_s,
        batch_p50_us=statistics.median(batch_us) if batch_us else None,
        batch_p99_us=percentile(batch_us, 0.99) if batch_us else None,
        batch_quantiles_us=percentiles(batch_us, BATCH_SHARES) if batch_us else [],
        cpu_s_per_mtoken=sum(slot.cpu_seconds for slot in slots) / tokens * 1e6,
        samples_tokens_per_s=rates,
        limit_samples_tokens_per_s=limits,
    )


def note_begin(row: Throughput, cold: Facts | None, warm: Facts | None) -> None:
    """Put the start into the row, as it was measured while nothing else ran."""
    if warm is not None and row.tokens_per_s is not None:
        row.startup_s, row.first_batch_s = warm.startup_s, warm.first_batch_s
    if cold is not None and row.tokens_per_s is not None:
        row.cold_first_batch_s = cold.startup_s + cold.first_batch_s


def _rates(slots: Sequence[Slot]) -> list[float]:
    return [slot.tokens / slot.seconds for slot in slots]


def _share(rates: Sequence[float], limits: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(rates, limits, strict=False))


def ratio(one: Throughput, other: Throughput) -> tuple[float, float, float]:
    """How many times as fast one row is as another of the same rounds: median, 95 % interval of it."""
    pairs = zip(one.samples_tokens_per_s, other.samples_tokens_per_s, strict=True)
    return median_interval([a / b for a, b in pairs])


def unmeasured(batch_size: int, seq_len: int, reason: str) -> Throughput:
    """A row without a number, and why."""
    return Throughput(
        batch_size=batch_size,
        seq_len=seq_len,
        tokens_per_s=None,
        low=None,
        high=None,
        rounds=0,
        reason=reason,
    )


def strike(rows: Sequence[Throughput], findings: Sequence[Finding]) -> None:
    """Name, on every measured row, the failed check that makes its number void."""
    failed = [f.id for f in findings if f.verdict == "fail" and f.id.startswith(VOIDING)]
    for one in rows:
        if failed and one.tokens_per_s is not None:
            one.struck_by = failed[0]


def real_data_finding(facts: Facts, stated: Mapping[str, object]) -> Finding | None:
    """On real data only the relation of x to y can be judged; None where it says nothing."""
    if stated.get("targets") != "shifted" or facts.successor_share is None:
        return None
    right = facts.successor_share == 1.0
    return Finding(
        id="shift.real_data",
        family="contract",
        verdict="pass" if right else "fail",
        reason=f"y[:, :-1] == x[:, 1:] in {facts.successor_share:.2%} of the supervised cells looked at",
        diagnosis="" if right else "inputs and targets of a row are not one stream cut twice",
        evidence={"share": facts.successor_share},
    )
