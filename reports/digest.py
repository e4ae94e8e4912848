"""What every rendering says alike: the headline, the matrix, the signs, the words for a verdict."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from ..errors import EXIT_INTERRUPTED
from .document import VERDICTS, Document, Finding, Subject

# A sign as well as a colour, for those who do not see the colour; the plain ones for ASCII streams.
SIGNS: Final = {
    "pass": "✓",
    "clean": "✓",
    "fail": "✗",
    "leak": "✗",
    "unknown": "?",
    "undecided": "?",
    "waived": "~",
    "skip": "\N{EN DASH}",
    "not_measured": "\N{EN DASH}",
    "none": "",
}
WORDS: Final = {
    "pass": "passed",
    "fail": "failed",
    "leak": "leaks",
    "unknown": "unknown",
    "waived": "waived",
    "skip": "skipped",
    "none": "not asked",
}
EXITS: Final = {
    0: "all well",
    1: "a check failed, a leak was found, or a loader regressed",
    2: "interrupted; what was finished is reported",
    3: "Loadstone itself went wrong",
    4: "wrong usage",
    5: "nothing was judged",
    10: "something stayed unknown or undecided",
}
# How a status is said of one loader, and of several.
_VERBS: Final = {
    "fail": ("fails", "fail"),
    "leak": ("leaks", "leak"),
    "unknown": ("stays unknown", "stay unknown"),
    "skip": ("could not be judged", "could not be judged"),
}
_WORST_FIRST: Final = ("fail", "unknown", "pass", "waived", "skip")
# C0 and C1 controls, bidirectional overrides and lone surrogates: a name or a traceback may hold
# them, and they would move a terminal's cursor, reorder a line or make XML invalid.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def plain(text: object, limit: int = 4000) -> str:
    """Return foreign text without control characters and no longer than ``limit`` characters."""
    safe = _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text).replace("\r\n", "\n").replace("\r", "\n"))
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def one_line(text: object, limit: int = 4000) -> str:
    """Return foreign text on one line."""
    return plain(" ".join(str(text).split()), limit)


def evidence_text(evidence: dict[str, Any], limit: int = 2000) -> str:
    """Return evidence one entry a line: text as it is, so that a traceback keeps its lines, else JSON."""
    lines = [
        f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)}"
        for key, value in evidence.items()
        if value not in ("", [], {}, None)
    ]
    return plain("\n".join(lines), limit)


@dataclass(frozen=True)
class Cell:
    """One family of checks of one subject: the worst verdict, and all findings, worst first."""

    family: str
    verdict: str
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many findings have each verdict, absent ones left out."""
        tally = Counter(finding.verdict for finding in self.findings)
        return {verdict: tally[verdict] for verdict in VERDICTS if tally[verdict]}

    @property
    def spoken(self) -> str:
        """The counts in words: ``2 failed, 7 passed``."""
        return self._said(_WORST_FIRST) or WORDS["none"]

    @property
    def rest(self) -> str:
        """The counts in words of what neither failed nor stayed unknown."""
        return self._said(_WORST_FIRST[2:])

    def _said(self, verdicts: tuple[str, ...]) -> str:
        counts = self.counts
        return ", ".join(f"{counts[verdict]} {WORDS[verdict]}" for verdict in verdicts if verdict in counts)


@dataclass(frozen=True)
class Differing:
    """One check on which the subjects of a run differ, with the verdict on each."""

    id: str
    verdicts: tuple[str, ...]


def differing(document: Document) -> list[Differing]:
    """The checks with more than one verdict among the subjects; what is skipped differs from nothing."""
    verdicts = [{finding.id: finding.verdict for finding in one.checks} for one in document.subjects]
    rows = []
    for check in dict.fromkeys(check for one in verdicts for check in one):
        found = [one.get(check, "none") for one in verdicts]
        if len(set(found) - {"skip", "none"}) > 1:
            rows.append(Differing(check, tuple(found)))
    return rows


def families(document: Document) -> list[str]:
    """Every family that occurs, in the order in which the checks name them."""
    return list(dict.fromkeys(finding.family for subject in document.subjects for finding in subject.checks))


def row(subject: Subject, columns: list[str]) -> list[Cell]:
    """The subject's cells, one for each family."""
    return [_cell(family, [f for f in subject.checks if f.family == family]) for family in columns]


def _cell(family: str, findings: list[Finding]) -> Cell:
    ordered = sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.verdict))
    return Cell(family, ordered[0].verdict if ordered else "none", tuple(ordered))


def headline(document: Document) -> str:
    """The whole run in a sentence.

    ``2 of 6 loaders fail, 1 leaks and 1 stays unknown.``
    """
    total = len(document.subjects)
    if not total:
        return "No loader was judged."
    before = "Interrupted. " if document.exit_code == EXIT_INTERRUPTED else ""
    count = Counter(subject.status() for subject in document.subjects)
    found = [(count[status], *verbs) for status, verbs in _VERBS.items() if count[status]]
    if not found:
        return before + ("The loader passes." if total == 1 else f"All {total} loaders pass.")
    of_all = f" of {total} loader{'s' * (total > 1)}"
    parts = [
        f"{number}{of_all if place == 0 else ''} {one if number == 1 else many}"
        for place, (number, one, many) in enumerate(found)
    ]
    return before + " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]])) + "."


def exit_meaning(document: Document) -> str:
    """``Exit 1: a check failed, ...``."""
    meaning = EXITS.get(document.exit_code, "a code that this version does not know")
    return f"Exit {document.exit_code}: {meaning}."


def command(document: Document) -> str:
    """The command that repeats the run: ``config["command"]``, or one made from the subjects."""
    given = document.config.get("command")
    if isinstance(given, list | tuple):
        return plain(shlex.join(str(word) for word in given))
    if isinstance(given, str) and given:
        return one_line(given)
    names = [subject.name for subject in document.subjects]
    return plain(shlex.join(["loadstone", "run", *names, "--seed", str(document.seed)]))
