"""Numbers of a gate in two formats that other tools read."""

from __future__ import annotations

import statistics
from typing import Any

import msgspec

from .document import Document, GateRow


def bigger_is_better(document: Document) -> bytes:
    """Rates of the head as github-action-benchmark's ``customBiggerIsBetter`` takes them.

    A list of objects with name, unit, value, range and extra (its README, "Custom benchmarks").
    """
    entries = []
    for row in _speeds(document):
        rates = sorted(1e6 / one for one in row.samples_head)
        entries.append(
            {
                "name": f"{row.subject} throughput",
                "unit": "tokens/s",
                "value": round(statistics.median(rates)),
                "range": f"{round(rates[0])} to {round(rates[-1])}",
                "extra": f"n = {row.pairs} processes; {row.reason}",
            }
        )
    return _json(entries)


def pytest_benchmark(document: Document) -> bytes:
    """Seconds for a million tokens of the head as pytest-benchmark stores them (its JSON, version 5).

    One round is one process. ``pytest-benchmark compare`` and what reads its files take it as it is.
    """
    gate = document.gate
    commit = {"id": gate.head.commit or "unversioned", "dirty": gate.head.changed} if gate else {}
    return _json(
        {
            "machine_info": {"node": "", **{k: str(v) for k, v in document.machine.identity.items()}},
            "commit_info": {"time": None, "author_time": None, "project": "", "branch": "", **commit},
            "benchmarks": [_benchmark(row) for row in _speeds(document)],
            "datetime": document.created,
            "version": "5.0.0",
        }
    )


def _speeds(document: Document) -> list[GateRow]:
    rows = document.gate.rows if document.gate is not None else []
    return [row for row in rows if row.measure == "speed" and row.unit == "us/token"]


def _benchmark(row: GateRow) -> dict[str, Any]:
    seconds = row.samples_head  # us/token are s/Mtoken
    name = f"{row.subject}"
    return {
        "group": "loadstone gate, seconds for a million tokens",
        "name": name,
        "fullname": f"loadstone gate::{name}",
        "params": None,
        "param": None,
        "extra_info": {"ratio": row.ratio, "low": row.low, "high": row.high, "outcome": row.outcome},
        "options": {"disable_gc": False, "timer": "perf_counter", "warmup": True},
        "stats": _stats(seconds),
    }


def _stats(seconds: list[float]) -> dict[str, Any]:
    ordered = sorted(seconds)
    several = len(ordered) > 1
    q1, median, q3 = statistics.quantiles(ordered, n=4, method="inclusive") if several else ordered * 3
    iqr, mean = q3 - q1, statistics.fmean(ordered)
    deviation = statistics.stdev(ordered) if several else 0.0
    inside = [one for one in ordered if q1 - 1.5 * iqr <= one <= q3 + 1.5 * iqr] or ordered
    far = sum(abs(one - mean) > deviation for one in ordered)
    out = len(ordered) - len(inside)
    return {
        "min": ordered[0], "max": ordered[-1], "mean": mean, "stddev": deviation, "rounds": len(ordered),
        "median": median, "iqr": iqr, "q1": q1, "q3": q3, "iqr_outliers": out, "stddev_outliers": far,
        "outliers": f"{far};{out}", "ld15iqr": inside[0], "hd15iqr": inside[-1], "ops": 1 / mean,
        "total": sum(ordered), "iterations": 1, "data": seconds,
    }  # fmt: skip


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
