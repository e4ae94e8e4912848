"""What failed of one subject, on a terminal: the check, its reason, the likely cause, the smallest case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from .digest import SIGNS, one_line
from .measured_words import memory_words, survivor_words
from .units import shape

if TYPE_CHECKING:
    from rich.console import Console

    from .document import Finding, Subject

STYLES = {
    "pass": "green",
    "clean": "green",
    "fail": "bold red",
    "leak": "bold red",
    "unknown": "yellow",
    "undecided": "yellow",
    "waived": "blue",
    "skip": "dim",
    "not_measured": "dim",
}


def sign(status: str) -> Text:
    """The sign of a status or verdict, in its colour."""
    return Text(SIGNS[status], style=STYLES.get(status, ""))


def print_findings(out: Console, subject: Subject) -> None:
    """The subject with its sign, and all that is wrong with it or stays unknown."""
    status = subject.status()
    title = sign(status).append(f" {one_line(subject.name, 80)}", style="bold")
    out.print(title)
    for finding in subject.checks:
        if finding.verdict in {"fail", "unknown"}:
            _print_finding(out, finding)
    for row in subject.memory:
        if row.verdict in {"leak", "undecided"}:
            size = f"{shape(row.batch_size, row.seq_len)}, " if row.batch_size else ""
            spread = f" [{memory_words(row)}; {size}n={row.batches} batches]"
            indented(
                out, Text("memory  ", style=STYLES[row.verdict]).append(one_line(row.reason) + spread, "none")
            )
            for words in survivor_words(row) or filter(None, [row.where]):
                indented(out, Text(f"made at: {one_line(words)}"), 4)
    for entry in subject.transfer:
        if entry.verdict == "fail":
            indented(out, Text("transfer  ", style="bold red").append(one_line(entry.reason), "none"))


def _print_finding(out: Console, finding: Finding) -> None:
    indented(
        out,
        Text(f"{finding.id}  ", style=STYLES[finding.verdict]).append(one_line(finding.reason, 600), "none"),
    )
    if finding.diagnosis:
        indented(out, Text(f"cause: {one_line(finding.diagnosis, 600)}"), 4)
    if finding.smallest:
        indented(out, Text(f"smallest: {one_line(finding.smallest, 400)}"), 4)
    if finding.resembles:
        indented(out, Text(f"resembles: {one_line(finding.resembles, 300)}", style="dim"), 4)


def indented(out: Console, text: Text, by: int = 2) -> None:
    """A text of one or more lines, all of them moved in."""
    out.print(Padding(text, (0, 0, 0, by)))
