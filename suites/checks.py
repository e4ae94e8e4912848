"""The register of checks: what each asks, its family, and the judge that answers.

A judge is a pure function of the evidence. It returns an :class:`Opinion`; :func:`judge` makes
findings of them. A judge that itself breaks gives ``unknown``, never a verdict.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from ..reports.document import Finding, Verdict
from .evidence import Evidence, Missing
from .resembling import told

FAMILIES = {
    "contract": "Contract and shift",
    "shapes": "Shapes and dtypes",
    "coverage": "Coverage",
    "determinism": "Determinism",
    "resume": "Resume",
    "ranks": "Ranks and workers",
    "masks": "Conversations, pairs and masks",
    "aliasing": "Aliasing and lifetime",
    "resources": "Memory and resources",
    "learning": "Learning",
    "transfer": "Transfer to the device",
}


@dataclasses.dataclass(frozen=True)
class Opinion:
    """What a judge thinks of one subject."""

    verdict: Verdict
    reason: str = ""
    diagnosis: str = ""
    resembles: str = ""
    evidence: dict[str, Any] = dataclasses.field(default_factory=dict)


def ok(reason: str, **evidence: Any) -> Opinion:
    """It holds; the reason says on how much it was seen."""
    return Opinion("pass", reason, evidence=evidence)


def bad(reason: str, diagnosis: str, resembles: str = "", **evidence: Any) -> Opinion:
    """It does not; the diagnosis names the likely cause in words."""
    return Opinion("fail", reason, diagnosis, resembles, evidence)


def skip(reason: str, **evidence: Any) -> Opinion:
    """Not promised, no knob for it, or not measurable here."""
    return Opinion("skip", reason, evidence=evidence)


Judge = Callable[[Evidence], Opinion]


@dataclasses.dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        id: ``family.name`` as users see it.
        family: heading of the matrix.
        asks: the sentence that must hold.
        needs: names of the scenarios whose traces it judges.
    """

    id: str
    family: str
    asks: str
    needs: tuple[str, ...]
    judge: Judge


REGISTER: dict[str, Check] = {}


def check(id: str, family: str, asks: str, *needs: str) -> Callable[[Judge], Judge]:  # noqa: A002
    """Enter a judge in the register."""

    def enter(judge: Judge) -> Judge:
        if id in REGISTER or family not in FAMILIES:
            raise ValueError(f"check {id!r} is there already, or its family {family!r} is not")
        REGISTER[id] = Check(id, family, asks, needs or ("pass",), judge)
        return judge

    return enter


def judge(evidence: Evidence, only: Iterable[str] = ()) -> list[Finding]:
    """Findings of every check (or of ``only`` those), family by family."""
    only, families = tuple(only), list(FAMILIES)
    chosen = [one for one in REGISTER.values() if matches(one.id, only)]
    chosen.sort(key=lambda one: families.index(one.family))
    return [_finding(one, evidence) for one in chosen]


def matches(id: str, only: Iterable[str]) -> bool:  # noqa: A002
    """Whether an id is among those selected, by its name or by its family's prefix."""
    only = tuple(only)
    return not only or any(id == word or id.startswith(word.rstrip(".") + ".") for word in only)


def _finding(one: Check, evidence: Evidence) -> Finding:
    opinion = _opinion(one, evidence)
    return Finding(
        id=one.id,
        family=one.family,
        verdict=opinion.verdict,
        reason=opinion.reason,
        diagnosis=opinion.diagnosis,
        resembles=told(opinion.resembles),
        evidence=opinion.evidence,
        seconds=round(evidence.seconds(one.needs), 3),
    )


def _opinion(one: Check, evidence: Evidence) -> Opinion:
    try:
        return one.judge(evidence)
    except Missing as missing:
        return missing_opinion(missing)
    except Exception as error:  # noqa: BLE001 - a judge that breaks must not read as a verdict
        return Opinion("unknown", f"the check itself broke: {type(error).__name__}: {error}")


def missing_opinion(missing: Missing) -> Opinion:
    """Without a trace to judge: the subject broke (told once, by ``end.*``), or was never asked."""
    return skip(str(missing))
