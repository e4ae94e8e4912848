"""The verb museum: what is caught, what escapes, what is accused, and the page of the exhibits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from loadstone.errors import EXIT_FAILED, EXIT_OK, NothingSelectedError
from loadstone.harness import museum
from loadstone.harness.museum import Outcome, run_museum, select, summary
from loadstone.harness.museum_page import matrix, page
from loadstone.reports.document import Finding
from loadstone.suites.families import REGISTER
from loadstone.suites.museum import Entry, entries, everything

DOCS = Path(__file__).parents[1] / "docs"
DEFECT = Entry("A1", "Wrong", "https://example.org/1", ("shift.exact", "seed.diff"), "m:Wrong", "A note.")
GUARD = Entry("A8", "Right", "", (), "m:Right", "A note.")


def findings(**verdicts: str) -> list[Finding]:
    return [Finding(id=k.replace("__", "."), family="x", verdict=v) for k, v in verdicts.items()]


def test_a_defect_is_caught_by_all_that_it_names():
    caught = Outcome.of(DEFECT, findings(shift__exact="fail", seed__diff="fail", end__finite="fail"))
    assert (caught.missed, caught.others, caught.well) == ((), ("end.finite",), True)
    escaped = Outcome.of(DEFECT, findings(shift__exact="fail", seed__diff="skip", end__finite="fail"))
    assert (escaped.missed, escaped.well) == (("seed.diff",), False)
    unknown = Outcome.of(DEFECT, findings(shift__exact="fail", seed__diff="fail", end__finite="unknown"))
    assert not unknown.well


def test_of_a_guard_nothing_may_fail():
    assert Outcome.of(GUARD, findings(shift__exact="pass", seed__diff="skip")).well
    accused = Outcome.of(GUARD, findings(shift__exact="fail"))
    assert (accused.well, accused.others) == (False, ("shift.exact",))


def test_the_summary_counts_and_the_matrix_marks():
    outcomes = [
        Outcome(DEFECT, ("shift.exact", "end.finite")),
        Outcome(DEFECT, ("shift.exact", "seed.diff")),
        Outcome(GUARD, ("alias.hold",)),
    ]
    assert summary(outcomes) == [
        "1 of 2 defects are caught by the checks they name.",
        "A defect fails 0.50 other checks on average.",
        "1 of 1 correct loaders are accused.",
    ]
    lines = matrix(outcomes).splitlines()
    columns = next(line for line in lines if line.startswith("| exhibit")).split(" | ")
    row = next(line for line in lines if line.startswith("| `Wrong")).split(" | ")
    told = {name.strip(" |`"): cell.strip(" |") for name, cell in zip(columns, row, strict=True)}
    assert told == {
        "exhibit": "`Wrong (A1)`", "shift.exact": "**X**", "seed.diff": "**escapes**", "end.finite": "x",
        "alias.hold": "",
    }  # fmt: skip
    assert summary([]) == []


def test_exhibits_are_chosen_by_name_or_id():
    assert [entry.name for entry in select(["DoubleShift"])] == ["DoubleShift"]
    assert {entry.id for entry in select(["A8", "A5"])} == {"A8", "A5"}
    assert select([]) == everything()
    with pytest.raises(NothingSelectedError, match="did you mean 'DoubleShift'"):
        select(["DoubleShit"])


def test_the_verb_runs_exhibits_and_writes_the_matrix(tmp_path, capsys):
    code = run_museum(["DoubleShift", "OriginalBound"], folder=tmp_path, seed=7, no_color=True)
    told = capsys.readouterr().out
    assert code == EXIT_OK
    assert "1 of 1 defects are caught by the checks they name." in told
    assert "0 of 1 correct loaders are accused." in told
    assert "✓  DoubleShift " in told
    assert "| `DoubleShift (A1)` |" in (tmp_path / museum.FILE).read_text()


def test_an_escape_is_told_and_fails(monkeypatch, capsys):
    (entry,) = select(["DoubleShift"])
    elsewhere = dataclasses.replace(entry, checks=("alias.hold",))
    monkeypatch.setattr(museum, "everything", lambda: [elsewhere])
    assert run_museum([], folder=None, seed=7, no_color=True) == EXIT_FAILED
    assert "escapes alias.hold" in " ".join(capsys.readouterr().out.split())


def test_the_page_is_fresh_and_lists_every_exhibit():
    told = page()
    assert (DOCS / "museum.md").read_text(encoding="utf-8") == told, "python -m loadstone.harness.museum_page"
    for entry in everything():
        assert f"| `{entry.name}` |" in told
        assert entry.source in told
    assert {check for entry in entries() for check in entry.checks} <= set(REGISTER)
