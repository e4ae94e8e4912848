"""Runs side by side, as a table on a terminal, as Markdown and as a page: differences first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .digest import one_line
from .document import write_beside
from .html import breakable, environment
from .markdown_text import as_table, code, escape

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from .compared import Change, Comparison, Line

SIGNS: Final = {"worse": "✗", "better": "✓", "changed": "~", "same": "", "not comparable": "?"}
STYLES: Final = {"worse": "bold red", "better": "green", "changed": "blue", "not comparable": "yellow"}
_DIFFERENT: Final[tuple[Change, ...]] = ("worse", "better", "changed")


def letters(comparison: Comparison) -> list[str]:
    """A short name for each document: A, B, ..., Z, then numbers."""
    size = len(comparison.names)
    return [chr(ord("A") + at) if at < 26 else str(at + 1) for at in range(size)]


def _head(comparison: Comparison) -> list[tuple[str, str]]:
    """Each document's letter, and where, when and by which version it was made."""
    told = []
    for letter, name, document in zip(
        letters(comparison), comparison.names, comparison.documents, strict=True
    ):
        version = one_line(document.machine.notes.get("loadstone", ""), 20)
        words = [one_line(name, 200), one_line(document.created, 40), version and f"loadstone {version}"]
        told.append((letter, " · ".join(filter(None, words))))
    return told


def _reasons(comparison: Comparison) -> list[tuple[str, str, str]]:
    """What cannot be compared: subject, what, and why; the same reason of one subject once."""
    rows: dict[tuple[str, str], list[str]] = {}
    for line in comparison.lines:
        for letter, one in zip(letters(comparison)[1:], line.against, strict=True):
            if one.change == "not comparable":
                rows.setdefault((line.subject, _label(line)), []).append(f"{letter}: {one.why}")
    return [(subject, what, "; ".join(why)) for (subject, what), why in rows.items()]


def _label(line: Line) -> str:
    return line.what if line.kind == "check" else " ".join(filter(None, (line.kind, line.what)))


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print it: the documents, what differs, what cannot be compared, then the answer."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    for letter, words in _head(comparison):
        console.print(Text.assemble((f"{letter}  ", "bold"), words))
    for field, values in comparison.machines.items():
        pairs = ", ".join(f"{a}: {b}" for a, b in zip(letters(comparison), values, strict=True))
        console.print(Text(f"Not the same machine: {field} ({pairs})", style="yellow"))
    found = comparison.of(*_DIFFERENT)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for column in ("", "Loader", "What", *letters(comparison)):
        table.add_column(column, overflow="fold")
    for line in found:
        style = STYLES[line.change]
        cells = [Text(one_line(line.subject, 80)), Text(_label(line)), *map(Text, line.values)]
        table.add_row(Text(SIGNS[line.change], style=style), *cells)
    console.print()
    console.print(table if found else Text("No difference."))
    for line in found:
        if line.why and line.kind != "throughput":
            words = f"{one_line(line.subject, 80)}, {_label(line)}: {line.why}"
            console.print(Padding(Text(words, style="dim"), (0, 0, 0, 2)))
    reasons = _reasons(comparison)
    if reasons:
        console.print()
        console.print(Text("Not comparable", style="bold"))
        for subject, what, why in reasons:
            console.print(Padding(Text(f"{one_line(subject, 80)}, {what}: {why}"), (0, 0, 0, 2)))
    console.print()
    console.print(Text(comparison.headline, style="bold"))
    console.print(Text(meaning(comparison)))


def meaning(comparison: Comparison) -> str:
    """What the exit code says."""
    words = {
        0: "nothing got worse",
        1: "something got worse",
        5: "the runs have no loader in common",
        10: "nothing got worse, and something could not be compared",
    }
    return f"Exit {comparison.exit_code}: {words[comparison.exit_code]}."


NOTE: Final = (
    "A is what the others are compared with. \N{MULTIPLICATION SIGN} is the ratio of two runs' rates with "
    "its 95 % interval; they count as different where it lies wholly beyond 5 %. Two runs are two processes "
    "at two times: what matters is measured side by side, in one run."
)


def comparison_markdown(comparison: Comparison) -> str:
    """The same as Markdown."""
    parts = [f"# Loadstone: {comparison.headline}"]
    parts.append("\n".join(f"- **{letter}** {escape(words)}" for letter, words in _head(comparison)))
    if comparison.machines:
        rows = [[escape(field), *map(code, values)] for field, values in comparison.machines.items()]
        parts.append(f"## Not the same machine\n\n{as_table(['Field', *letters(comparison)], rows, left=9)}")
    found = comparison.of(*_DIFFERENT)
    head = ["", "Loader", "What", *letters(comparison), "Why"]
    rows = [
        [
            SIGNS[line.change],
            code(line.subject),
            code(_label(line)),
            *map(escape, line.values),
            escape(line.why),
        ]
        for line in found
    ]
    parts.append(f"## Differences\n\n{as_table(head, rows, left=99) if rows else 'None.'}")
    reasons = [[code(subject), escape(what), escape(why)] for subject, what, why in _reasons(comparison)]
    if reasons:
        parts.append(f"## Not comparable\n\n{as_table(['Loader', 'What', 'Why'], reasons, left=9)}")
    parts.append(f"{NOTE}\n\n{meaning(comparison)}")
    return "\n\n".join(parts) + "\n"


def comparison_html(comparison: Comparison) -> str:
    """The same as one page, like the report's."""
    same: dict[str, list[Line]] = {}
    for line in comparison.of("same"):
        same.setdefault(line.subject, []).append(line)
    return (
        environment()
        .get_template("comparison.html.jinja")
        .render(
            comparison=comparison,
            head=_head(comparison),
            letters=letters(comparison),
            differences=comparison.of(*_DIFFERENT),
            reasons=_reasons(comparison),
            same=same,
            label=_label,
            name=breakable,
            meaning=meaning(comparison),
            note=NOTE,
            signs=SIGNS,
        )
    )


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write ``comparison.md`` and ``comparison.html``, each whole or not at all.

    Raises:
        UsageError: the folder cannot be written.
    """
    files = {
        "comparison.md": comparison_markdown(comparison),
        "comparison.html": comparison_html(comparison),
    }
    for name, text in files.items():
        write_beside(folder / name, text.encode())
