"""Waivers: checks that are known to fail, with the reason, for as long as they do.

    [tool.loadstone.waivers]
    "coverage.tail" = "the tail is validation data here"
    "rank.disjoint" = { reason = "fixed upstream in 2.4", expires = "2027-03-01", subject = "my_loader" }

A waived check that passes is told as stale; one past its date fails again.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..errors import UsageError, did_you_mean
from ..reports.document import Finding
from ..suites.families import REGISTER
from .subjects import SubjectRef

GATED = ("gate.speed", "gate.first_batch", "gate.peak_memory", "gate.leak", "gate.transfer")
MEASURED = ("end.measured", "shift.real_data", *GATED)  # what the measurements find
KEYS = ("reason", "expires", "subject")


@dataclasses.dataclass(frozen=True)
class Waiver:
    """One check waived.

    Attributes:
        check: its id.
        reason: why it may fail.
        expires: the last day on which it may; None for no end.
        subject: the only subject it speaks of, as a run names it, or its factory's name; "" for all.
    """

    check: str
    reason: str
    expires: dt.date | None = None
    subject: str = ""

    def speaks_of(self, ref: SubjectRef) -> bool:
        """Whether it is for this subject."""
        return self.subject in ("", ref.name, ref.name.partition("[")[0], ref.attribute)

    def over(self, today: dt.date) -> bool:
        """Whether its last day has passed."""
        return self.expires is not None and today > self.expires

    def __str__(self) -> str:
        return self.reason + (f" (until {self.expires})" if self.expires else "")


def read_waivers(table: Mapping[str, Any], path: Path) -> Iterator[Waiver]:
    """Waivers of one file.

    Raises:
        UsageError: no such check, no reason, an unknown key, or no date.
    """
    for check, value in _flat(table):
        where = f"the waiver of {check} in {path}"
        if check not in REGISTER and check not in MEASURED:
            hint = did_you_mean(check, (*REGISTER, *MEASURED), "checks")
            raise UsageError(f"{path} waives {check!r}, which is no check; {hint}")
        for one in value if isinstance(value, list) else [value]:
            yield _waiver(check, one, where)


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Ids and what is said of them: an id without quotes reads as a table in a table."""
    for key, value in table.items():
        name = before + key
        if isinstance(value, dict) and any(known.startswith(f"{name}.") for known in (*REGISTER, *MEASURED)):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _waiver(check: str, value: Any, where: str) -> Waiver:
    told = {"reason": value} if isinstance(value, str) else value
    if not isinstance(told, dict):
        raise UsageError(f'{where} is {value!r}; write "reason", or {{ reason = "...", expires = "..." }}.')
    for key in told:
        if key not in KEYS:
            raise UsageError(f"{where} has the key {key!r}; {did_you_mean(key, KEYS, 'keys')}")
    reason, subject = told.get("reason", ""), told.get("subject", "")
    if not isinstance(reason, str) or not reason.strip():
        raise UsageError(f"{where} gives no reason; say in words why it may fail.")
    if not isinstance(subject, str):
        raise UsageError(f"{where} names the subject {subject!r}, which is no text.")
    return Waiver(check, reason.strip(), _date(told.get("expires"), where), subject)


def _date(value: Any, where: str) -> dt.date | None:
    if value is None or (isinstance(value, dt.date) and not isinstance(value, dt.datetime)):
        return value
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise UsageError(f"{where} expires on {value!r}, which is no date; write YYYY-MM-DD.") from None


def apply(
    findings: Sequence[Finding], waivers: Sequence[Waiver], today: dt.date | None = None
) -> list[Finding]:
    """The findings, failures that are waived told as such; a waiver that is over is named."""
    today = today or dt.datetime.now(dt.UTC).date()
    return [_applied(finding, waivers, today) for finding in findings]


def _applied(finding: Finding, waivers: Sequence[Waiver], today: dt.date) -> Finding:
    spoken = [one for one in waivers if one.check == finding.id]
    if finding.verdict != "fail" or not spoken:
        return finding
    valid = next((one for one in spoken if not one.over(today)), None)
    if valid is None:
        over = f"{finding.reason} (its waiver expired on {spoken[0].expires}: {spoken[0].reason})"
        return msgspec.structs.replace(finding, reason=over)
    told = f"{valid}; what was seen: {finding.reason}"
    return msgspec.structs.replace(finding, verdict="waived", reason=told, diagnosis="", resembles="")


def told(waivers: Sequence[Waiver]) -> dict[str, str]:
    """Check ids and reasons, as the document keeps them."""
    return {one.check: str(one) for one in waivers}
