"""A gate as Markdown, for a pull request or a step's summary, and as annotations of GitHub Actions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from .digest import command, one_line
from .document import Document, GateRow
from .gate_words import GATE_SIGNS, MEASURES, amount, change, gate_exit, gate_headline, ordered, sides
from .markdown import environment
from .markdown_text import as_table, code, escape, fenced
from .units import MISSING

MOST_ANNOTATIONS: Final = 8  # GitHub shows ten errors and ten warnings of a step
_LEVELS: Final = {"regressed": "error", "inconclusive": "warning", "not_comparable": "warning"}


def render_gate(document: Document) -> str:
    """The gate as GitHub-flavoured Markdown, the most important line first."""
    base, head = sides(document)
    bad = [row for row in ordered(document) if row.outcome not in ("fine", "skipped")]
    parts = [
        f"# Loadstone gate: {escape(gate_headline(document))}",
        "\n".join(_line(row) for row in bad),
        _table(ordered(document)),
        f"- Base: {escape(base)}\n- Head: {escape(head)}",
        "Ratios are head over base, of processes that took turns; more is worse.",
        environment(document),
        f"## How to repeat it\n\n{fenced(command(document), 'sh')}\n\n{gate_exit(document)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(row: GateRow) -> str:
    return f"- {GATE_SIGNS[row.outcome]} {code(row.subject)} {MEASURES[row.measure]}: {escape(row.reason)}"


def _table(rows: list[GateRow]) -> str:
    if not rows:
        return ""
    head = ["", "Loader", "What", "Worse by (interval)", "Limit", "Base", "Head", "Pairs"]
    cells = [
        [
            GATE_SIGNS[row.outcome], code(row.subject), MEASURES[row.measure], change(row),
            MISSING if row.limit is None else f"{row.limit * 100:g} %",
            amount(row, row.base), amount(row, row.head), str(row.pairs or MISSING),
        ]
        for row in rows
    ]  # fmt: skip
    return as_table(head, cells, left=3)


def workflow_commands(document: Document, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Workflow commands that put the worst rows beside the pull request; none outside GitHub Actions.

    Format: GitHub's "Workflow commands", where ``%``, line ends, ``:`` and ``,`` are escaped.
    """
    if environ.get("GITHUB_ACTIONS") != "true" or document.gate is None:
        return []
    rows = [row for row in ordered(document) if row.outcome in _LEVELS][:MOST_ANNOTATIONS]
    return [
        f"::{_LEVELS[row.outcome]} title={_property(f'{row.subject}: {MEASURES[row.measure]}')}::"
        + _data(f"{row.subject}: {row.reason}")
        for row in rows
    ]


def _data(text: str) -> str:
    return one_line(text, 600).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
