"""The verb ``describe``: what a loader does beside what it states, or what it could state."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from ..errors import EXIT_OK, EXIT_UNKNOWN
from ..loaders.traits import NAMES
from ..reports.digest import one_line
from ..reports.progress import Progress
from ..reports.terminal import make_console
from ..reports.units import MISSING
from ..suites.inference import agrees
from .configuration import configure
from .inquiry import Inquiry
from .launch import Launcher
from .settings import Settings
from .subjects import find

WIDTH = 100  # characters of a line to paste


@dataclasses.dataclass(frozen=True)
class Row:
    """One trait: what is stated of it and what was seen, None for nothing."""

    name: str
    stated: Any
    observed: Any

    @property
    def differs(self) -> bool:
        """Whether what was seen breaks what is stated."""
        known = self.stated is not None and self.observed is not None
        return known and not agrees(self.name, self.stated, self.observed)

    @property
    def note(self) -> str:
        """In a word or two, how they go together."""
        if self.differs:
            return "differs"
        if self.observed is None:
            return "not seen"
        return "not stated" if self.stated is None else "" if self.stated == self.observed else "kept"


class Description(msgspec.Struct):
    """What a subject states and what it was seen to do; how its main pass broke, if it did."""

    name: str
    declared: bool
    stated: dict[str, Any]
    observed: dict[str, Any]
    trouble: str = ""

    def rows(self) -> list[Row]:
        """Every trait that is stated or was seen, in the order of the table."""
        stated = dict(self.stated)
        if "y_batch" in self.observed and "batch" in stated:
            stated.setdefault("y_batch", stated["batch"])  # y is as x unless stated apart
        names = [name for name in NAMES if name in stated or name in self.observed]
        return [Row(name, stated.get(name), self.observed.get(name)) for name in names]

    def decorator(self) -> str:
        """The lines that state what was seen."""
        return decorator(self.observed)


def decorator(observed: dict[str, Any]) -> str:
    """``@loadstone.loader(...)`` with these traits, in lines of a hundred characters at most."""
    words = [f"{name}={_literal(value)}," for name, value in observed.items()]
    lines, line = [], "   "
    for word in words:
        if len(line) + len(word) + 1 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {word}"
    return "\n".join(["@loadstone.loader(", *lines, line, ")"])


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def describe(settings: Settings, *, no_color: bool = False) -> int:
    """Print the description of the one subject of the settings; the exit code.

    Raises:
        UsageError: a subject, a trait or an option that cannot be used.
    """
    settings.validate()
    with Launcher() as launcher, Progress(1) as progress:
        told = ask(Inquiry(launcher, settings.deadline_s, settings.memory_limit), settings, progress)
    _print(told, no_color)
    return EXIT_UNKNOWN if told.trouble or not told.observed else EXIT_OK


def ask(inquiry: Inquiry, settings: Settings, progress: Any) -> Description:
    """Open the subject and see what it does."""
    ref = find(settings.subjects[0])
    stated = {**configure([ref])[ref.name].traits, **dict(settings.traits)}
    opened = inquiry.open(ref, stated, dict(settings.options))
    observed, trouble = inquiry.describe(opened, settings.check_shape(), progress.step)
    described = opened.described
    return Description(ref.name, described.stated, described.traits, observed, trouble)


def _print(told: Description, no_color: bool) -> None:
    out = make_console(no_color=no_color)
    rows = told.rows()
    if rows:
        out.print(_table(told, rows))
    out.print(Text(f"{one_line(told.name, 80)} {_sentence(told, rows)}", "bold"))
    if not told.declared and told.observed:
        out.print(Text("\nTo hold it to what it does, paste this above it:\n"))
        out.print(Text(told.decorator()), soft_wrap=True)


def _table(told: Description, rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "trait",
        *(["stated"] if told.declared else []),
        "observed",
        *([""] if told.declared else []),
    ):
        table.add_column(name)
    for row in rows:
        style = "bold red" if row.differs else "dim" if row.note == "not seen" else ""
        seen = Text(_shown(row.observed), style)
        cells = [Text(row.name), Text(_shown(row.stated), style), seen, Text(row.note, style)]
        table.add_row(*(cells if told.declared else [cells[0], seen]))
    return table


def _shown(value: Any) -> str:
    return MISSING if value is None else str(value)


def _sentence(told: Description, rows: list[Row]) -> str:
    if not told.observed:
        return f"shows nothing: it {told.trouble or 'gave no batch'}."
    broke = f" In its main pass it {told.trouble}." if told.trouble else ""
    if not told.declared:
        return f"states nothing; {len(told.observed)} traits were seen.{broke}"
    different = [row.name for row in rows if row.differs]
    if different:
        return f"does not do what it states: {', '.join(different)}.{broke}"
    return (
        f"does what it states, in all {sum(bool(row.note != 'not seen') for row in rows)} traits seen.{broke}"
    )
