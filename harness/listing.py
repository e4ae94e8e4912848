"""The verb ``list``: every subject known, opened once to see whether it can be."""

from __future__ import annotations

from ..errors import SubjectError
from ..reports.terminal import make_console
from .inquiry import Inquiry
from .launch import Launcher
from .subjects import KNOWN, SubjectRef, find, plugins


def print_subjects(*, no_color: bool = False) -> None:
    """Print a table of all built-in and installed subjects."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("subject", "origin", "version", "reads", "options"):
        table.add_column(name, overflow="fold", no_wrap=name == "subject")  # a name is there to be copied
    with Launcher() as launcher:
        inquiry = Inquiry(launcher)
        for ref in [*map(find, KNOWN), *plugins().values()]:
            table.add_row(*_row(inquiry, ref))
    make_console(no_color=no_color).print(table)


def _row(inquiry: Inquiry, ref: SubjectRef) -> tuple[str, ...]:
    try:
        described = inquiry.open(ref, {}, {}).described
    except SubjectError as error:
        return ref.name, ref.origin, ref.version, f"unavailable: {error}", ""
    options = ", ".join(
        f"{name}={'|'.join(map(str, sheet.choices)) if sheet.choices else sheet.default}"
        for name, sheet in described.known.items()
    )
    return ref.name, ref.origin, ref.version, str(described.traits.get("reads", "not stated")), options
