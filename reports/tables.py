"""The document as CSV: one line for each verdict and each measured number, for spreadsheets and plots."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from .digest import one_line
from .units import shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .document import Document, Subject

COLUMNS = ("subject", "kind", "name", "verdict", "value", "unit", "low", "high", "n", "reason")
Row = dict[str, object]


def render_csv(document: Document) -> str:
    """Return the table, RFC 4180 with a heading; an empty cell is what was not measured."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    for subject in document.subjects:
        for row in _rows(subject):
            writer.writerow({name: _cell(value) for name, value in {"subject": subject.name, **row}.items()})
    return out.getvalue()


def _cell(value: object) -> object:
    """Numbers as they are; text on one line, and never what a spreadsheet would take for a formula."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _rows(subject: Subject) -> Iterator[Row]:
    for finding in subject.checks:
        yield {"kind": "check", "name": finding.id, "verdict": finding.verdict, "reason": finding.reason}
    yield from _throughput(subject)
    for curve in subject.scaling:
        points = (curve.values, curve.tokens_per_s, curve.low, curve.high, curve.rounds)
        for value, rate, low, high, rounds in zip(*points, strict=False):
            name = f"{curve.axis}={value:g}"
            yield _number("scaling", name, rate, "tokens/s", low, high, rounds) | _void(curve.struck_by)
    for fed in subject.feeding:
        name = f"step {fed.step_s * 1e3:g} ms, prefetch {fed.prefetch}"
        ends = (fed.utilisation_low, fed.utilisation_high, fed.rounds)
        row = _number("feeding", name, fed.utilisation, "share of the time", *ends)
        yield row | _void(fed.struck_by, fed.reason)
    for memory in subject.memory:
        row = _number("memory", "growth", memory.bytes_per_batch, "B/batch", None, None, memory.batches)
        yield row | {"verdict": memory.verdict, "reason": memory.reason}
    for sent in subject.transfer:
        ends = (sent.low_us, sent.high_us, sent.rounds)
        row = _number("transfer", "copy", sent.copy_us, "µs", *ends)
        yield row | {"verdict": sent.verdict, "reason": sent.reason}


def _throughput(subject: Subject) -> Iterator[Row]:
    for row in subject.throughput:
        at = shape(row.batch_size, row.seq_len)
        void = _void(row.struck_by, row.reason)
        numbers = (row.tokens_per_s, "tokens/s", row.low, row.high, row.rounds)
        yield _number("throughput", at, *numbers) | void
        if row.tokens_per_s is not None:
            limit = (row.limit_tokens_per_s, "tokens/s", row.limit_low, row.limit_high, row.rounds)
            yield _number("copy limit", at, *limit)
            for share, value in (("p50", row.batch_p50_us), ("p99", row.batch_p99_us)):
                yield _number("batch time", f"{at} {share}", value, "µs", None, None, row.rounds) | void


def _number(
    kind: str, name: str, value: float | None, unit: str, low: float | None, high: float | None, n: int
) -> Row:
    return {"kind": kind, "name": name, "value": value, "unit": unit, "low": low, "high": high, "n": n}


def _void(struck_by: str, reason: str = "") -> Row:
    return {"verdict": "void", "reason": f"fails {struck_by}"} if struck_by else {"reason": reason}
