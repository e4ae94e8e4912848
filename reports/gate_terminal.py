"""A gate on a terminal: a table, and the answer where the eye ends up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from .digest import one_line
from .gate_words import GATE_SIGNS, MEASURES, amount, change, gate_exit, gate_headline, ordered, sides
from .units import MISSING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from .document import Document, GateRow

_WIDE: Final = 120  # columns that the table takes with all it has
GATE_STYLES: Final = {
    "fine": "green",
    "regressed": "bold red",
    "inconclusive": "yellow",
    "not_comparable": "yellow",
    "waived": "blue",
    "skipped": "dim",
}


def print_gate(out: Console, document: Document, report: Path | None = None) -> None:
    """Print the rows, what is not fine in words, both sides and the answer."""
    gate = document.gate
    assert gate is not None
    if gate.rows:
        out.print(_table(gate.rows, wide=out.width >= _WIDE))
    for row in ordered(document):
        if row.outcome not in ("fine", "skipped") or (row.outcome == "skipped" and row.measure == "speed"):
            out.print(_sign(row).append(f" {one_line(row.subject, 80)} ", "bold").append(
                f"{MEASURES[row.measure]}: {one_line(row.reason, 500)}", "none"
            ))  # fmt: skip
    base, head = sides(document)
    out.print(Text(f"Base: {base}"), soft_wrap=True)
    out.print(Text(f"Head: {head}"), soft_wrap=True)
    if any(row.low is not None for row in gate.rows):
        out.print(
            Text(f"Intervals hold together at {gate.confidence * 100:g} %, at every look.", style="dim")
        )
    out.print(Text(gate_headline(document), style="bold"))
    if report is not None:
        out.print(Text(f"Report: {one_line(report)}"), soft_wrap=True)
    out.print(Text(gate_exit(document)))


def _sign(row: GateRow) -> Text:
    return Text(GATE_SIGNS[row.outcome], style=GATE_STYLES[row.outcome])


def _table(rows: list[GateRow], *, wide: bool) -> Table:
    """The rows as they were measured; what either side gave only where there is room."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("Loader", overflow="fold", min_width=14)
    table.add_column("What")
    table.add_column("Worse by %", no_wrap=True, justify="right")
    table.add_column("Limit", no_wrap=True, justify="right")
    for side in ("Base", "Head") if wide else ():
        table.add_column(side, no_wrap=True, justify="right")
    table.add_column("Pairs", justify="right")
    for row in rows:
        limit = MISSING if row.limit is None else f"{row.limit * 100:g} %"
        both = [amount(row, row.base), amount(row, row.head)] if wide else []
        cells = [one_line(row.subject, 80), MEASURES[row.measure], change(row), limit, *both,
                 str(row.pairs or MISSING)]  # fmt: skip
        table.add_row(_sign(row), *map(Text, cells))
    return table
