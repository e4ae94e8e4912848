"""The document as Markdown: for a file, a pull request, or the summary page of a CI step."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .answers import sentence
from .digest import (
    SIGNS,
    command,
    evidence_text,
    exit_meaning,
    families,
    headline,
    memory_words,
    one_line,
    page_cache_words,
    plain,
    row,
    survivor_words,
    transfer_reason,
    transfer_words,
    under_limit_words,
)
from .document import Document, Finding, Subject, Transfer
from .feeding import HEAD, NOTE, RATES_NOTE, feeding_rows, feeds_head, feeds_rows
from .scaling import NOTE as SCALING_NOTE
from .scaling import by_axis, cells, heading, reasons, table_head
from .transfer import HEAD as WAYS_HEAD
from .transfer import NOTE as WAYS_NOTE
from .transfer import compared, limit_words
from .transfer import rows as ways_rows
from .units import MISSING, interval, microseconds, percent, rate, shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STEP_SUMMARY_LIMIT = 1024 * 1024  # bytes; GitHub drops a longer summary whole
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+!|~])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"})


def escape(text: object) -> str:
    """Foreign text on one line that Markdown shows as it is: no markup, no HTML, no table cell ends."""
    return _PUNCTUATION.sub(r"\\\1", one_line(text)).translate(_ENTITIES).replace("://", "&#58;//")


def code(text: object) -> str:
    """Foreign text as a code span, whatever backticks and pipes it holds."""
    line = one_line(text, 400).replace("|", "\\|")
    if "`" not in line:
        return f"`{line}`"
    fence = "`" * (1 + max(len(run) for run in re.findall("`+", line)))
    return f"{fence} {line} {fence}"


def fenced(text: object, language: str = "") -> str:
    """Foreign text as a code block, its fence longer than any inside."""
    body = plain(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return f"{fence}{language}\n{body}\n{fence}"


def render_markdown(document: Document) -> str:
    """Return the report as GitHub-flavoured Markdown, the most important line first."""
    if document.gate is not None:
        from .gate_markdown import render_gate

        return render_gate(document)
    parts = [
        f"# Loadstone: {headline(document)}",
        "\n".join(_answers(document)),
        _matrix(document),
        *_findings(document),
        _throughput(document),
        _scaling(document),
        _feeding(document),
        _memory(document),
        _transfer(document),
        environment(document),
        f"## How to repeat it\n\n{fenced(command(document), 'sh')}\n\n{exit_meaning(document)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def append_step_summary(document: Document, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Append the report to the file named by ``GITHUB_STEP_SUMMARY``, and return that file.

    The step's summary stays under 1 MiB, what earlier commands wrote included. Returns None, and
    writes nothing, where the variable is not set.

    Raises:
        UsageError: the file cannot be written.
    """
    name = environ.get("GITHUB_STEP_SUMMARY", "")
    if not name:
        return None
    path = Path(name)
    try:
        used = path.stat().st_size if path.exists() else 0
        with path.open("ab") as file:
            file.write(shortened(render_markdown(document), STEP_SUMMARY_LIMIT - 1 - used))
    except OSError as error:
        raise UsageError(
            f"{path}, named by GITHUB_STEP_SUMMARY, cannot be written: {error.strerror}; unset the variable."
        ) from error
    return path


def shortened(text: str, limit: int) -> bytes:
    """Cut Markdown at a line so that it takes at most ``limit`` bytes, and say so."""
    whole = text.encode()
    if len(whole) <= limit:
        return whole
    note = (
        "\n\n</details>\n\n*Cut here: the step summary may hold 1 MiB. The whole report is in report.md.*\n"
    )
    room = limit - len(note.encode()) - len("\n```")  # a code block that is cut has to be closed
    if room <= 0:
        return b""
    cut = whole[:room].decode(errors="ignore").rpartition("\n")[0]
    still_open = cut.count("<details>") > cut.count("</details>")
    if cut.count("\n```") % 2:
        cut += "\n```"
    return (cut + (note if still_open else note.replace("</details>\n\n", ""))).encode()


def as_table(head: Iterable[str], rows: Iterable[Iterable[str]], left: int = 1) -> str:
    """A table of ready Markdown cells; columns from ``left`` on are numbers, so right-aligned."""
    head = list(head)
    rule = [":--" if place < left else "--:" for place in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def _answers(document: Document) -> list[str]:
    return [f"- {SIGNS[s.status()]} {code(s.name)} {escape(sentence(s))}" for s in document.subjects]


def _matrix(document: Document) -> str:
    columns = families(document)
    if not columns:
        return ""
    rows = []
    for subject in document.subjects:
        cells = [f"{SIGNS[cell.verdict]} {cell.spoken}".strip() for cell in row(subject, columns)]
        rows.append([code(subject.name), *cells])
    head = ["Loader", *(escape(column) for column in columns)]
    return f"## Verdicts\n\n{as_table(head, rows, left=len(head))}"


def _findings(document: Document) -> list[str]:
    bad = {"fail", "unknown"}
    parts = []
    for subject in document.subjects:
        found = [finding for finding in subject.checks if finding.verdict in bad]
        if found:
            parts.append("\n\n".join([f"### {code(subject.name)}", *(_finding(entry) for entry in found)]))
    return ["## What failed, and why", *parts] if parts else []


def _finding(finding: Finding) -> str:
    lines = [f"- {SIGNS[finding.verdict]} **{code(finding.id)}** {escape(finding.reason)}"]
    if finding.diagnosis:
        lines.append(f"  - Likely cause: {escape(finding.diagnosis)}")
    if finding.smallest:
        lines.append(f"  - Smallest case: {escape(finding.smallest)}")
    if finding.resembles:
        lines.append(f"  - Resembles: {escape(finding.resembles)}")
    if finding.evidence:
        block = fenced(evidence_text(finding.evidence)).replace("\n", "\n  ")
        lines.append(f"\n  <details><summary>Evidence</summary>\n\n  {block}\n\n  </details>")
    return "\n".join(lines)


def _throughput(document: Document) -> str:
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


def _scaling(document: Document) -> str:
    """A table for each axis, and why points are missing."""
    parts = []
    for curves in by_axis(document).values():
        rows = [[code(name), *map(escape, more)] for name, *more in cells(curves)]
        table = [as_table(map(escape, table_head(curves)), rows)] if rows else []
        parts += [f"### {escape(heading(curves))}", *table, *map(escape, reasons(curves))]
    return "\n\n".join(["## Scaling", SCALING_NOTE, *parts]) if parts else ""


def _feeding(document: Document) -> str:
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


def _memory(document: Document) -> str:
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


def _transfer(document: Document) -> str:
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


def environment(document: Document) -> str:
    """Where it ran, as a table."""
    facts = {**document.machine.identity, **document.machine.notes, "seed": document.seed, **document.data}
    rows = [[escape(name), code(value)] for name, value in facts.items()]
    return (
        f"## Environment\n\n{as_table(['What', 'Value'], rows, left=2)}\n\nMade {escape(document.created)}."
    )
