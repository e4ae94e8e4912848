"""The museum as Markdown: ``python -m loadstone.harness.museum_page > docs/museum.md``, and its matrix."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..reports.markdown_text import escape
from ..suites.checks import REGISTER
from ..suites.museum import Entry, correct_loaders, entries
from .reference import table

if TYPE_CHECKING:
    from .museum import Outcome

HEAD = """# The museum

Made from the code by `python -m loadstone.harness.museum_page`; do not edit.

One small defective loader for each real bug, and for checks without a report a planted one: each must
be caught by the check it names. `loadstone museum` runs them all.
"""
GUARDS = """## Guards

Correct loaders that look suspicious, or that reports called wrong: nothing may be said against them.
"""


def name(entry: Entry) -> str:
    """How an exhibit is called in tables."""
    return f"{entry.name} ({entry.id})"


def page() -> str:
    """The whole page."""
    defects, correct = entries(), correct_loaders()
    caught = [(*_row(entry), ", ".join(f"`{check}`" for check in entry.checks)) for entry in defects]
    count = f"{len(defects)} defects, {len(correct)} guards.\n"
    return "\n".join([
        HEAD, count, "## Defects\n", table(("report", "loader", "what goes wrong", "caught by"), caught),
        GUARDS, table(("report", "loader", "why it is right"), [_row(entry) for entry in correct]),
    ])  # fmt: skip


def _row(entry: Entry) -> tuple[str, str, str]:
    linked = f"[{entry.id}]({entry.source})" if entry.source else entry.id
    return linked, f"`{entry.name}`", escape(" ".join(entry.note.split())).replace("\\|", "|")


def matrix(outcomes: Sequence[Outcome]) -> str:
    """The kill matrix: a row for each exhibit, a column for each check that any of them fails."""
    from .museum import summary

    columns = [check for check in REGISTER if any(check in outcome.failed for outcome in outcomes)]
    rows = [(f"`{name(one.entry)}`", *(_cell(one, check) for check in columns)) for one in outcomes]
    legend = "**X** caught by the check it names, x fails as well, **escapes** was to be caught here.\n"
    head = ("exhibit", *(f"`{check}`" for check in columns))
    return "\n".join(
        ["# The kill matrix\n", *(f"{line}\n" for line in summary(outcomes)), legend, table(head, rows)]
    )


def _cell(outcome: Outcome, check: str) -> str:
    if check in outcome.entry.checks:
        return "**escapes**" if check in outcome.missed else "**X**"
    return "x" if check in outcome.failed else ""


if __name__ == "__main__":
    sys.stdout.write(page())
