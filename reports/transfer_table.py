"""Ways to the device on a terminal: a line a loader, what it sends now beside what it could send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .transfer import compared, fastest, limit_words
from .units import MISSING, microseconds, percent

if TYPE_CHECKING:
    from rich.console import Console

    from .document import Document, Sending


def print_transfer(out: Console, document: Document) -> None:
    """Print the table where ways were compared; else nothing."""
    found = compared(document)
    if not found:
        return
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("Transfer", overflow="fold", min_width=14)
    for column in ("int64\ncopy", "\nlink", "\nhidden", "uint16\ncopy", "\nlink", "\nhidden"):
        table.add_column(column, no_wrap=True, justify="right")
    for name, entry in found:
        cells = [cell for dtype in ("int64", "uint16") for cell in _cells(fastest(entry, dtype))]
        table.add_row(Text(name), *cells)
    out.print()
    out.print(table)
    notes = [f"{name}: {limit_words(entry)}" for name, entry in found]
    notes.append(
        "The shortest queued copy of each dtype from page-locked memory; link: share of the link's own "
        "limit; hidden: the share of it that a kernel as long as it hides."
    )
    for note in notes:
        out.print(Padding(Text(note, style="dim"), (0, 0, 0, 2)))


def _cells(one: Sending | None) -> list[str]:
    if one is None:
        return [MISSING] * 3
    return [microseconds(one.copy_us), percent(one.limit_share), percent(one.hidden_share)]
