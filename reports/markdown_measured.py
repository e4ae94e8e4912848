"""What was measured, as Markdown: a section for each part, empty where nothing was."""

from __future__ import annotations

from .digest import SIGNS
from .document import Document, Subject, Transfer
from .feeding import HEAD, NOTE, RATES_NOTE, feeding_rows, feeds_head, feeds_rows
from .markdown_text import as_table, code, escape
from .measured_words import (
    memory_words,
    page_cache_words,
    survivor_words,
    transfer_reason,
    transfer_words,
    under_limit_words,
)
from .scaling import NOTE as SCALING_NOTE
from .scaling import by_axis, cells, heading, reasons, table_head
from .transfer import HEAD as WAYS_HEAD
from .transfer import NOTE as WAYS_NOTE
from .transfer import compared, limit_words
from .transfer import rows as ways_rows
from .units import MISSING, interval, microseconds, percent, rate, shape


def throughput_part(document: Document) -> str:
    """A row for each loader and batch shape, and the limit they are held against."""
    rows = [
        _throughput_row(subject, place)
        for subject in document.subjects
        for place in range(len(subject.throughput))
    ]
    if not rows:
        return ""
    head = [
        "Loader",
        "Batch",
        "Tokens/s, median",
        "95 % interval",
        "n",
        "Of the copy limit",
        "Of its own work",
        "Batch p50",
        "p99",
    ]
    limits = {
        (shape(r.batch_size, r.seq_len), rate(r.limit_tokens_per_s))
        for s in document.subjects
        for r in s.throughput
        if r.limit_tokens_per_s is not None
    }
    note = "; ".join(f"{where}: {limit}" for where, limit in sorted(limits))
    return f"## Throughput\n\n{as_table(head, rows)}" + (
        f"\n\nCopy limit of this machine, same rounds: {note}." if note else ""
    )


def _throughput_row(subject: Subject, place: int) -> list[str]:
    entry = subject.throughput[place]
    head = [code(subject.name), shape(entry.batch_size, entry.seq_len)]
    if entry.tokens_per_s is None:
        return [*head, f"not measured: {escape(entry.reason)}", *[""] * 6]
    cells = [
        rate(entry.tokens_per_s),
        interval(entry.tokens_per_s, entry.low, entry.high) or MISSING,
        str(entry.rounds),
        percent(entry.limit_share),
        f"{percent(entry.work_share)} of {entry.work}" if entry.work else "",
        microseconds(entry.batch_p50_us),
        microseconds(entry.batch_p99_us),
    ]
    if entry.struck_by:
        cells = [f"~~{cell}~~" if cell else "" for cell in cells]
        cells[0] += f" void: {code(entry.struck_by)}"
    return [*head, *cells]


def scaling_part(document: Document) -> str:
    """A table for each axis, and why points are missing."""
    parts = []
    for curves in by_axis(document).values():
        rows = [[code(name), *map(escape, more)] for name, *more in cells(curves)]
        table = [as_table(map(escape, table_head(curves)), rows)] if rows else []
        parts += [f"### {escape(heading(curves))}", *table, *map(escape, reasons(curves))]
    return "\n\n".join(["## Scaling", SCALING_NOTE, *parts]) if parts else ""


def feeding_part(document: Document) -> str:
    """Accelerators kept busy by each measured row, and, where a step was emulated, how busy."""
    parts = []
    for head, rows, note in (
        (feeds_head(), feeds_rows(document), RATES_NOTE),
        (HEAD, feeding_rows(document), NOTE),
    ):
        if rows:
            cells = [[code(name), *map(escape, more)] for name, *more in rows]
            parts.append(f"{as_table(head, cells)}\n\n{note}")
    return "\n\n".join(["## Feeding", *parts]) if parts else ""


def memory_part(document: Document) -> str:
    """A line for each verdict, with what keeps what is kept."""
    lines = []
    for subject in document.subjects:
        for entry in subject.memory:
            cache = page_cache_words(entry)
            head = f"{SIGNS[entry.verdict]} {code(subject.name)}: **{memory_words(entry)}**"
            words = f"{head}, {escape(entry.reason)}" if entry.reason else head
            where = f" Made at {code(entry.where)}." if entry.where and not entry.survivors else ""
            told = " ".join(filter(None, (cache, under_limit_words(entry))))
            lines.append(f"- {words}{where}{f' {told}' if told else ''} (n = {entry.batches} batches)")
            lines += [f"  - made at {escape(one)}" for one in survivor_words(entry)]
    return "## Memory\n\n" + "\n".join(lines) if lines else ""


def transfer_part(document: Document) -> str:
    """What copying takes, the ways of sending compared, or why nothing was timed."""
    why = transfer_reason(document)
    if why:
        return f"## Transfer\n\nNot timed anywhere: {escape(why)}."
    lines = [
        f"- {code(subject.name)}: {transfer_words(entry)}, {escape(entry.reason)}{_copy_times(entry)}"
        for subject in document.subjects
        for entry in subject.transfer
    ]
    tables = [
        f"{code(name)}: {escape(limit_words(entry))}\n\n{as_table(WAYS_HEAD, ways_rows(entry), left=3)}"
        for name, entry in compared(document)
    ]
    parts = ["\n".join(lines), *tables, *([WAYS_NOTE] if tables else [])]
    return "## Transfer\n\n" + "\n\n".join(parts) if lines else ""


def _copy_times(entry: Transfer) -> str:
    """Median copy of one batch with its 95 % interval and n, or nothing."""
    if entry.copy_us is None:
        return ""
    known = entry.low_us is not None and entry.high_us is not None
    spread = f"{microseconds(entry.low_us)} to {microseconds(entry.high_us)}, " if known else ""
    return f" Copy {microseconds(entry.copy_us)} ({spread}n = {entry.rounds} batches)."
