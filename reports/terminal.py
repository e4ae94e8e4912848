"""The document on a terminal: a table, what failed and why, and the lines that matter last."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .answers import sentence
from .digest import SIGNS, exit_meaning, headline, one_line
from .document import Document, Subject, Throughput
from .feeding import feeds_notes
from .feeding_table import print_feeding
from .measured_words import (
    memory_words,
    page_cache_words,
    transfer_reason,
    transfer_words,
    under_limit_words,
)
from .progress import Progress
from .scaling import scaling_notes
from .terminal_findings import STYLES, indented, print_findings, sign
from .transfer_table import print_transfer
from .units import MISSING, interval, percent, quantity, scaled, shape

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Progress", "make_console", "print_document"]


def make_console(*, no_color: bool = False) -> Console:
    """Return a console on stdout; NO_COLOR, FORCE_COLOR, TERM=dumb and pipes are honoured by rich."""
    if "utf" not in (getattr(sys.stdout, "encoding", None) or "").lower():
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a sign that an ASCII stream cannot hold must not end the run
    return Console(no_color=no_color or None, highlight=False, emoji=False)


def print_document(
    document: Document, console: Console | None = None, *, no_color: bool = False, report: Path | None = None
) -> None:
    """Print the document: table, findings of what is not well, then one sentence a subject.

    Args:
        document: the run.
        console: where to; stdout unless given.
        no_color: plain text even on a terminal.
        report: the folder or page to point at in the last lines.
    """
    out = console or make_console(no_color=no_color)
    if document.gate is not None:
        from .gate_terminal import print_gate

        print_gate(out, document, report)
        return
    if document.subjects:
        # Where it fits, memory has its details, and a rate shares a line with its interval.
        tables = [_table(document, wide=wide, details=details) for wide, details in _WIDTHS]
        endless = out.options.update(width=10_000)  # a measure is never wider than its console
        fitting = (one for one in tables if out.measure(one, options=endless).maximum <= out.width)
        out.print(next(fitting, tables[-1]))
        for note in [*_notes(document), *feeds_notes(document), *scaling_notes(document)]:
            indented(out, Text(note, style="dim"))
        print_feeding(out, document)
        print_transfer(out, document)
    for subject in document.subjects:
        if subject.status() in {"fail", "leak", "unknown"}:
            out.print()
            print_findings(out, subject)
    out.print()
    _print_last(out, document, report)


_WIDTHS = ((True, True), (True, False), (False, False))  # rate on one line, memory in detail


def _table(document: Document, *, wide: bool, details: bool) -> Table:
    """The columns; what is the same for every row is said once, in the notes below."""
    shown = _Shown(
        wide=wide,
        details=details,
        batch=len(_shapes(document)) > 1,
        rounds=len(_rounds(document)) > 1,
        speed=any(subject.throughput for subject in document.subjects),
        memory=any(subject.memory for subject in document.subjects),
        transfer=any(row.measured or row.verdict == "fail" for s in document.subjects for row in s.transfer),
    )
    table = Table(box=None, padding=(0, 2 if wide else 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("Loader", overflow="fold", min_width=14)
    table.add_column("Checks", no_wrap=True)
    if shown.batch:
        table.add_column("Batch", no_wrap=True, justify="right")
    if shown.speed:
        table.add_column("Tokens/s", no_wrap=True, justify="right")
        table.add_column("Limit", no_wrap=True, justify="right")
    if shown.memory:
        table.add_column("Memory", overflow="fold")
    if shown.transfer:
        table.add_column("Transfer", overflow="fold")
    for subject in document.subjects:
        _add_rows(table, subject, shown)
    return table


class _Shown(NamedTuple):
    """Which columns and details the table has room and reason for."""

    wide: bool
    details: bool
    batch: bool
    rounds: bool
    speed: bool
    memory: bool
    transfer: bool


def _shapes(document: Document) -> set[str]:
    return {shape(row.batch_size, row.seq_len) for subject in document.subjects for row in subject.throughput}


def _rounds(document: Document) -> set[int]:
    rows = [row for subject in document.subjects for row in subject.throughput]
    return {row.rounds for row in rows if row.tokens_per_s is not None}


def _add_rows(table: Table, subject: Subject, shown: _Shown) -> None:
    """One line a batch shape; what does not depend on the shape stands on the first."""
    rows: list[Throughput | None] = [*subject.throughput] or [None]
    for place, row in enumerate(rows):
        first = place == 0
        cells = [sign(subject.status()), Text(one_line(subject.name, 80)), _counts(subject)]
        if not first:
            cells = [Text(), Text(), Text()]
        if shown.batch:
            cells.append(Text(shape(row.batch_size, row.seq_len).replace(" ", "") if row else MISSING))
        if shown.speed:
            cells.append(_speed(row, shown))
            cells.append(Text.assemble((percent(row.limit_share) if row else MISSING, _struck(row))))
        if shown.memory:
            cells.append(_memory(subject, details=shown.details) if first else Text())
        if shown.transfer:
            words = [transfer_words(entry) for entry in subject.transfer] or [MISSING]
            cells.append(Text("\n".join(words)) if first else Text())
        table.add_row(*cells)


def _counts(subject: Subject) -> Text:
    """The counts of verdicts, each with its sign: ``14✓ 1✗ 2–``."""
    parts = []
    for verdict in ("fail", "unknown", "pass", "waived", "skip"):
        number = sum(finding.verdict == verdict for finding in subject.checks)
        if number:
            parts.append(Text(f"{number}{SIGNS[verdict]}", style=STYLES[verdict]))
    return Text(" ").join(parts) if parts else Text(MISSING, style="dim")


def _struck(row: Throughput | None) -> str:
    return "dim strike" if row and row.struck_by else ""


def _speed(row: Throughput | None, shown: _Shown) -> Text:
    """Median, interval and n; struck through, the check named, where a failed check voids it."""
    if row is None or row.tokens_per_s is None:
        return Text(MISSING, style="dim")
    median, _, prefix = scaled(row.tokens_per_s)
    spread = interval(row.tokens_per_s, row.low, row.high)
    spread = ", ".join(filter(None, [spread, f"n={row.rounds}" if shown.rounds else ""]))
    between = "  " if shown.wide else "\n"
    # A span, not the style of the cell: the cell's padding must not be struck through.
    text = Text.assemble(
        (f"{median} {prefix}".strip() + (f"{between}({spread})" if spread else ""), _struck(row))
    )
    if row.struck_by:
        text.append(f"\nvoid: {one_line(row.struck_by, 24)}", style="red")
    return text


def _memory(subject: Subject, *, details: bool) -> Text:
    lines = []
    for row in subject.memory:
        short = memory_words(row) if row.verdict == "leak" else row.verdict
        lines.append(
            Text(memory_words(row) if details else short.replace("_", " "), style=STYLES[row.verdict])
        )
    return Text("\n").join(lines) if lines else Text(MISSING, style="dim")


def _notes(document: Document) -> list[str]:
    """What the columns mean, once, and what holds for all rows."""
    notes = []
    rounds, shapes = _rounds(document), _shapes(document)
    if rounds:
        count = f"n = {rounds.pop()} rounds" if len(rounds) == 1 else "n rounds"
        batch = f" of {shapes.pop()} tokens a batch" if len(shapes) == 1 else ""
        notes.append(f"Tokens/s: median (95 % interval) of {count}{batch}.")
        notes.append("Limit: the share of what copying alone reaches here, in the same rounds.")
    visible = [row.visible_from for s in document.subjects for row in s.memory if row.verdict == "clean"]
    if any(visible):
        worst = max(filter(None, visible))
        notes.append(f"Memory: a leak of {quantity(worst, 'B')}/batch or more would have been seen.")
    for subject in document.subjects:
        told = ((page_cache_words(row), under_limit_words(row)) for row in subject.memory)
        caches = [words for pair in told for words in pair if words]
        notes += [f"{one_line(subject.name, 80)}: {words}" for words in caches]
    unmeasured: dict[str, list[str]] = {}
    for subject in document.subjects:
        for row in subject.throughput[:1]:
            if row.reason:
                unmeasured.setdefault(one_line(row.reason, 200), []).append(one_line(subject.name, 80))
    notes += [
        f"Not measured: {', '.join(names)}: {reason.rstrip('.')}." for reason, names in unmeasured.items()
    ]
    why = transfer_reason(document)
    if why:
        notes.append(f"Transfer: {why if why.startswith('not measured') else f'not measured: {why}'}")
    return notes


def _print_last(out: Console, document: Document, report: Path | None) -> None:
    """The answer where the eye ends up: a sentence a subject, where the report is, what the code means."""
    for subject in document.subjects:
        words = one_line(sentence(subject), 400)
        out.print(
            sign(subject.status()).append(f" {one_line(subject.name, 80)} ", "bold").append(words, "none")
        )
    out.print(Text(headline(document), style="bold"))
    if report is not None:
        # A path is for copying: it is not broken over lines.
        out.print(Text(f"Report: {plain_path(report)}"), soft_wrap=True)
    out.print(Text(exit_meaning(document)))


def plain_path(path: Path) -> str:
    """The path as a person would open it: the page itself where a folder is given."""
    return one_line(path / "index.html" if path.is_dir() else path)
