"""What every rendering of a gate says alike: the headline, the two sides, the order of the rows."""

from __future__ import annotations

from typing import Final

from ..errors import EXIT_INTERRUPTED
from .digest import one_line
from .document import Document, GateRow, Revision
from .units import MISSING, figures, quantity

GATE_SIGNS: Final = {
    "fine": "✓",
    "regressed": "✗",
    "inconclusive": "?",
    "not_comparable": "?",
    "waived": "~",
    "skipped": "\N{EN DASH}",
}
GATE_EXITS: Final = {
    0: "nothing regressed",
    1: "something regressed",
    2: "interrupted; what was measured is kept",
    5: "nothing was judged",
    10: "something is inconclusive or not comparable",
}
MEASURES: Final = {
    "checks": "checks",
    "speed": "time for a token",
    "first_batch": "time to first batch",
    "peak_memory": "peak memory",
    "leak": "leak",
    "transfer": "time of a copy",
}
_WORST_FIRST: Final = ("regressed", "not_comparable", "inconclusive", "waived", "fine", "skipped")
_OPEN: Final = ("inconclusive", "not_comparable")


def ordered(document: Document) -> list[GateRow]:
    """The rows, the worst first, else in the order in which they were measured."""
    rows = document.gate.rows if document.gate is not None else []
    return sorted(rows, key=lambda row: _WORST_FIRST.index(row.outcome))


def gate_headline(document: Document) -> str:
    """The whole gate in a sentence that names the loader where there is one to name."""
    rows = ordered(document)
    before = "Interrupted. " if document.exit_code == EXIT_INTERRUPTED else ""
    worst = [row for row in rows if row.outcome == "regressed"]
    if worst:
        more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
        return f"{before}{one_line(worst[0].subject, 80)} regressed: {_because(worst[0])}{more}."
    undecided = [row for row in rows if row.outcome in _OPEN]
    if undecided:
        first = undecided[0]
        said = {"inconclusive": "is inconclusive", "not_comparable": "cannot be compared"}[first.outcome]
        more = f" (and {len(undecided) - 1} more)" if len(undecided) > 1 else ""
        return f"{before}{one_line(first.subject, 80)} {said}: {_because(first)}{more}."
    names = {row.subject for row in rows if row.outcome in ("fine", "waived")}
    if not names:
        return f"{before}Nothing was judged."
    return f"{before}Nothing regressed in {len(names)} loader{'s' * (len(names) > 1)}."


def _because(row: GateRow) -> str:
    """The reason of a row as the end of a sentence, whose full stop is still to come."""
    return one_line(row.reason, 300).removeprefix("not comparable: ").rstrip(".")


def gate_exit(document: Document) -> str:
    """``Exit 1: something regressed.``"""
    return f"Exit {document.exit_code}: {GATE_EXITS.get(document.exit_code, 'wrong usage or own error')}."


def revision_words(revision: Revision) -> str:
    """A side in words: its name, its commit and the commit's first line."""
    commit = f" {revision.commit[:10]}" if revision.commit else ""
    title = f" ({one_line(revision.title, 80)})" if revision.title else ""
    changed = ", with changes that are not committed" if revision.changed else ""
    return f"{one_line(revision.name, 120)}{commit}{title}{changed}"


def sides(document: Document) -> tuple[str, str]:
    """Base and head in words."""
    gate = document.gate
    assert gate is not None
    return revision_words(gate.base), revision_words(gate.head)


def change(row: GateRow) -> str:
    """How much worse, with its interval, as percentages: ``+5.1 % (+4.6 to +5.7)``."""
    if row.ratio is None:
        return MISSING
    middle = f"{(row.ratio - 1) * 100:+.1f} %"
    if row.low is None or row.high is None:
        return middle
    return f"{middle} ({(row.low - 1) * 100:+.1f} to {(row.high - 1) * 100:+.1f})"


def amount(row: GateRow, value: float | None) -> str:
    """Base or head in its unit."""
    if value is None:
        return MISSING
    if row.unit == "us/token":
        return f"{figures(value * 1e3)} ns/token"
    return quantity(value, row.unit) if row.unit in ("s", "B") else f"{figures(value)} {row.unit}"
