"""Each defect in the museum is caught by the check it names; no guard is accused."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import pytest
from asking import failed, findings, inquiry
from loadstone.harness.inquiry import Inquiry
from loadstone.suites.families import REGISTER
from loadstone.suites.museum import Entry, correct_loaders, entries

pytestmark = pytest.mark.slow  # minutes: `tox run -e exhaustive`

__all__ = ["inquiry"]

SIDE_FAILURES = 0.8  # other checks that fail per defect, on average; each is a consequence, or a copy


def name(entry: Entry) -> str:
    return f"{entry.id}-{entry.name}"


@pytest.fixture(scope="module")
def side_failures() -> Iterator[list[int]]:
    counts: list[int] = []
    yield counts
    if len(counts) >= len(entries()) - 3:  # not when a few were selected
        mean = statistics.mean(counts)
        assert mean < SIDE_FAILURES, f"a defect sets off {mean:.2f} other checks on average"


@pytest.mark.parametrize("entry", entries(), ids=name)
def test_a_defect_is_caught(entry: Entry, inquiry: Inquiry, side_failures: list[int]) -> None:
    only = entry.checks if entry.hangs else ()
    found = {finding.id: finding for finding in findings(inquiry, entry.factory, only=only)}
    for check in entry.checks:
        assert found[check].verdict == "fail", f"{check}: {found[check].verdict}, {found[check].reason}"
        assert found[check].diagnosis
    assert not [f.reason for f in found.values() if f.verdict == "unknown"]
    side_failures.append(len(failed(list(found.values()))) - len(entry.checks))


@pytest.mark.parametrize("entry", correct_loaders(), ids=name)
def test_a_guard_is_not_accused(entry: Entry, inquiry: Inquiry) -> None:
    assert failed(findings(inquiry, entry.factory)) == {}


def test_every_check_has_a_defect() -> None:
    planted = {check for entry in entries() for check in entry.checks}
    assert set(REGISTER) == planted


def test_entries_say_what_they_are() -> None:
    for entry in entries() + correct_loaders():
        assert len(entry.note) > 20, entry
        assert entry.source.startswith("https://") or entry.id in ("planted", "B7", "B12", "H9", "H17"), entry
    names = [entry.factory for entry in entries() + correct_loaders()]
    assert len(names) == len(set(names))
