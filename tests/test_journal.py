"""The journal: every result is on disk as it arrives, and an interrupted run goes on from it."""

from __future__ import annotations

import json
import os

import pytest
from loadstone.errors import UsageError
from loadstone.harness.journal import NAME, Journal
from loadstone.reports.document import Finding

SETTINGS = {"seed": 7, "subjects": ("a", "b"), "traits": (("order", "windows"),)}
FINDING = Finding(id="shift.exact", family="contract", verdict="pass", evidence={"n": [1, 2]})


@pytest.fixture
def begun(tmp_path):
    """An interrupted run: one result of each of two subjects, and not closed as finished."""
    journal = Journal(tmp_path / "deep" / "report", SETTINGS, resume=False)
    journal.put("a", "checks", [FINDING])
    journal.put("b", "memory", {"verdict": "clean"})
    journal.close(finished=False)
    return journal


def again(journal: Journal, resume: bool = True, **changes: object) -> Journal:
    return Journal(journal.path.parent, {**SETTINGS, **changes}, resume=resume)


def test_a_result_is_on_disk_before_the_next_one(tmp_path):
    journal = Journal(tmp_path, SETTINGS, resume=False)
    assert journal.path == tmp_path / NAME
    for count in range(1, 4):
        journal.put("a", f"part {count}", count)
        assert len(journal.path.read_bytes().splitlines()) == 1 + count
    journal.close(finished=False)
    assert [json.loads(line)["value"] for line in journal.path.read_text("utf-8").splitlines()[1:]] == [
        1,
        2,
        3,
    ]


def test_a_finished_run_leaves_no_journal(begun):
    journal = again(begun)
    journal.close(finished=True)
    assert not begun.path.exists()


def test_what_was_done_is_taken_over_as_it_was(begun):
    journal = again(begun)
    assert journal.get("a", "checks", list[Finding]) == [FINDING]
    assert journal.get("b", "memory", dict) == {"verdict": "clean"}
    assert journal.get("b", "checks", list[Finding]) is None
    journal.close(finished=False)


def test_a_resumed_run_keeps_both_old_and_new(begun):
    journal = again(begun)
    journal.put("b", "checks", [])
    journal.close(finished=False)
    third = again(begun)
    assert set(third.entries) == {("a", "checks"), ("b", "memory"), ("b", "checks")}
    third.close(finished=True)


def test_a_later_result_replaces_an_earlier_one(begun):
    journal = again(begun)
    journal.put("b", "memory", {"verdict": "leak"})
    journal.close(finished=False)
    third = again(begun)
    assert third.get("b", "memory", dict) == {"verdict": "leak"}
    third.close(finished=True)


def test_without_resume_it_begins_anew(begun):
    journal = again(begun, resume=False)
    assert journal.entries == {}
    assert len(journal.path.read_bytes().splitlines()) == 1
    journal.close(finished=True)


def test_resuming_nothing_is_beginning(tmp_path):
    journal = Journal(tmp_path / "new", SETTINGS, resume=True)
    assert journal.entries == {}
    journal.close(finished=True)


@pytest.mark.parametrize("changes", [{"seed": 8}, {"subjects": ("a",)}, {"traits": ()}, {"new": None}])
def test_other_settings_are_refused_and_nothing_is_lost(begun, changes):
    before = begun.path.read_bytes()
    with pytest.raises(UsageError, match="begun with other settings") as caught:
        again(begun, **changes)
    assert "without --resume" in str(caught.value)
    assert begun.path.read_bytes() == before


def test_the_order_of_settings_is_no_difference(begun):
    journal = Journal(begun.path.parent, dict(reversed(SETTINGS.items())), resume=True)
    assert journal.entries
    journal.close(finished=True)


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_last_line_that_was_cut_off_is_left_out(begun, cut):
    whole = begun.path.read_bytes()
    begun.path.write_bytes(whole[:-cut])
    journal = again(begun)
    # Without its line's end alone, a result is still whole.
    assert set(journal.entries) == ({("a", "checks"), ("b", "memory")} if cut == 1 else {("a", "checks")})
    journal.put("c", "checks", [])
    journal.close(finished=False)
    third = again(begun)
    assert third.get("c", "checks", list) == []
    third.close(finished=True)


def test_a_journal_that_is_none_is_refused(begun):
    begun.path.write_bytes(os.urandom(200))
    with pytest.raises(UsageError, match="other settings"):
        again(begun)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be written") as caught:
        Journal(tmp_path / "file" / "report", SETTINGS, resume=False)
    assert "-o" in str(caught.value)
