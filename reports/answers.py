"""The answer: one exit code for a run, and one sentence for each subject."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .document import VERDICTS

if TYPE_CHECKING:
    from .document import Finding, Subject


def exit_code(subjects: list[Subject]) -> int:
    """0 all well, 1 something failed or leaks, 10 something stayed unknown, 5 nothing judged."""
    statuses = {subject.status() for subject in subjects}
    if statuses & {"fail", "leak"}:
        return 1
    if "unknown" in statuses:
        return 10
    return 0 if "pass" in statuses else 5


def summarise(subjects: list[Subject]) -> dict[str, Any]:
    """Counts of verdicts, of statuses, and one sentence a subject."""
    verdicts = Counter(finding.verdict for subject in subjects for finding in subject.checks)
    statuses = Counter(subject.status() for subject in subjects)
    return {
        "checks": {name: verdicts[name] for name in VERDICTS},
        "subjects": dict(statuses),
        "sentences": {subject.name: sentence(subject) for subject in subjects},
        "stale_waivers": {subject.name: subject.stale() for subject in subjects if subject.stale()},
    }


def sentence(subject: Subject) -> str:
    """The answer for one subject, in a sentence, and another for waivers that are needed no longer."""
    answer, stale = _answer(subject), _staleness(subject)
    return f"{answer.rstrip('.')}. {stale}" if stale else answer


def _staleness(subject: Subject) -> str:
    stale = subject.stale()
    them = "them" if len(stale) > 1 else "it"
    return f"Stale waiver of {', '.join(stale)}: passes now, so take {them} out." if stale else ""


def _answer(subject: Subject) -> str:
    """The answer; it always tells of the same thing as the status."""
    status = subject.status()
    if status == "fail":
        return _failure(subject)
    if status == "leak":
        row = next(row for row in subject.memory if row.verdict == "leak")
        return row.reason or f"leaks {row.bytes_per_batch or 0:.0f} B a batch."
    if status == "unknown":
        return _unknown(subject)
    if status == "skip":
        reasons = [finding.reason for finding in subject.checks] + [row.reason for row in subject.throughput]
        reasons += [row.reason for row in subject.memory] + [row.reason for row in subject.transfer]
        reasons += [row.reason for row in subject.feeding] + [curve.reason for curve in subject.scaling]
        return next((reason for reason in reasons if reason), "nothing was judged.")
    count = Counter(finding.verdict for finding in subject.checks)
    waived = f" ({count['waived']} waived)" if count["waived"] else ""
    if count["pass"]:
        return f"passes its {count['pass']} check{'s' * (count['pass'] > 1)}{waived}."
    return f"passes no check{waived}." if waived else "was measured, not checked."


# What harms a training most is told first; what is not named comes after, in its own order.
_GRAVEST = ("end.finite", "shift.exact", "coverage.buffer_flush", "coverage.transitions", "mask.", "alias.")


def _gravity(finding: Finding) -> int:
    ranks = (i for i, word in enumerate(_GRAVEST) if finding.id.startswith(word))
    return next(ranks, len(_GRAVEST))


def _failure(subject: Subject) -> str:
    """Name the gravest failed check and its cause, else the failed transfer."""
    failed = subject.failed()
    if not failed:
        reason = next((row.reason for row in subject.transfer if row.verdict == "fail" and row.reason), "")
        return f"fails the transfer to the device{': ' if reason else ''}{reason or '.'}"
    failed = sorted(failed, key=_gravity)
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    # A crash or a hang is told as what happened: its cause is as good as unknown.
    died = failed[0].id.startswith("end.")
    cause = (died and failed[0].reason) or failed[0].diagnosis or failed[0].reason
    return f"fails {failed[0].id}{more}{': ' if cause else ''}{cause or '.'}"


def _unknown(subject: Subject) -> str:
    """Name the checks that could not be finished, else why memory is undecided."""
    unknown = [finding.id for finding in subject.checks if finding.verdict == "unknown"]
    if unknown:
        return f"stays unknown: {', '.join(unknown)} could not be finished."
    reason = next((row.reason for row in subject.memory if row.verdict == "undecided" and row.reason), "")
    return f"stays undecided on memory{': ' if reason else ''}{reason or '.'}"
