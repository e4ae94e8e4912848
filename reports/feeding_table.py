"""Feeding on a terminal: one line a loader, as it is and behind a background thread, in 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .digest import one_line
from .feeding import between, step, tenths
from .units import MISSING

if TYPE_CHECKING:
    from rich.console import Console

    from .document import Document, Feeding, Subject


def print_feeding(out: Console, document: Document) -> None:
    """Print the table and what its words mean, where feeding was measured; else nothing."""
    rows = [row for subject in document.subjects for row in subject.feeding]
    if not rows:
        return
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("Feeding", overflow="fold", min_width=14)
    for row in _variants(rows):
        table.add_column("Data\nloading", no_wrap=True, justify="right")
        name = f"Prefetch({row})" if row else "Loader alone"
        table.add_column(f"{name}\naccelerator busy", no_wrap=True, justify="right")
    for subject in document.subjects:
        if subject.feeding:
            table.add_row(Text(one_line(subject.name, 80)), *_subject_cells(subject, _variants(rows)))
    out.print()
    out.print(table)
    for note in _notes(document, rows):
        out.print(Padding(Text(note, style="dim"), (0, 0, 0, 2)))


def _variants(rows: list[Feeding]) -> list[int]:
    return sorted({row.prefetch for row in rows})


def _subject_cells(subject: Subject, variants: list[int]) -> list[Text]:
    cells: list[Text] = []
    for depth in variants:
        row = next((one for one in subject.feeding if one.prefetch == depth), None)
        if row is None or row.utilisation is None:
            cells += [Text(MISSING, style="dim"), Text(MISSING, style="dim")]
            continue
        style = "dim strike" if row.struck_by else ""
        spread = between(row.utilisation_low, row.utilisation_high)
        cells.append(Text.assemble((tenths(row.data_loading_share), style)))
        cells.append(Text.assemble((f"{tenths(row.utilisation)} ({spread})", style)))
    return cells


def _notes(document: Document, rows: list[Feeding]) -> list[str]:
    """What was emulated, how often, and what is not the loaders' doing."""
    measured = [row for row in rows if row.utilisation is not None]
    notes = []
    if measured:
        one = measured[0]
        notes.append(
            f"Shares of the time, an accelerator computing {step(one)} on each batch; "
            f"median (95 % interval), n = {one.rounds} rounds."
        )
        notes.append(
            f"Without a loader the same loop keeps it busy {tenths(one.ceiling_utilisation)} of the time."
        )
    reasons: dict[str, list[str]] = {}
    for subject in document.subjects:
        for row in subject.feeding:
            if row.reason:
                reasons.setdefault(one_line(row.reason, 200).rstrip("."), []).append(
                    f"{one_line(subject.name, 80)}{' behind Prefetch' * bool(row.prefetch)}"
                )
    notes += [f"Feeding not measured: {', '.join(names)}: {why}." for why, names in reasons.items()]
    struck = {s.name: row.struck_by for s in document.subjects for row in s.feeding if row.struck_by}
    notes += [f"Void: {one_line(name, 80)} fails {one_line(check, 60)}." for name, check in struck.items()]
    return notes
