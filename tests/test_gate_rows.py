"""Rows of a gate from hand-made evidence, their renderings, and the pieces for CI."""

from __future__ import annotations

import math
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import gate_power_page as table
import pytest
from command import assert_refused, call
from gate_power import PAGE, RESULTS
from loadstone.harness import gating_stored
from loadstone.harness.dueling import Pair
from loadstone.harness.gating import Gating
from loadstone.harness.gating_contest import Contest
from loadstone.harness.gating_limits import Limits
from loadstone.harness.gating_rows import check_rows, leak_row, row, transfer_row, voided, waived_row
from loadstone.harness.settings import Settings
from loadstone.harness.subjects import find
from loadstone.harness.waivers import Waiver
from loadstone.reports.digest import EXITS
from loadstone.reports.document import (
    Document,
    Finding,
    Gate,
    GateRow,
    Machine,
    Memory,
    Revision,
    Transfer,
    decode,
    encode,
)  # fmt: skip
from loadstone.reports.gate_markdown import MOST_ANNOTATIONS, workflow_commands
from loadstone.reports.junit import render_junit
from loadstone.reports.markdown import STEP_SUMMARY_LIMIT, render_markdown, shortened
from loadstone.suites.gating import Interval, Turn, stored_interval, verdict_of
from power_page import kept
from sample_documents import green

ROOT = Path(__file__).parents[1]
ACTIONS = {"GITHUB_ACTIONS": "true"}


def found(check: str, verdict: str = "pass") -> Finding:
    return Finding(id=check, family="x", verdict=verdict, reason=f"{check} was seen")


def gated(*rows: GateRow) -> Document:
    gate = Gate(
        base=Revision(name="main", commit="a" * 40), head=Revision(name="working tree"), rows=list(rows)
    )
    return Document(created="2026-11-25T12:00:00+00:00", exit_code=gate.exit_code(), gate=gate)


@pytest.mark.parametrize(
    ("base", "head", "outcome", "says"),
    [
        ([found("shift.exact")], [found("shift.exact", "fail")], "regressed", "newly fails shift.exact"),
        (
            [found("shift.exact", "fail")],
            [found("shift.exact", "fail")],
            "fine",
            "fails already: shift.exact",
        ),
        ([found("shift.exact", "fail")], [found("shift.exact")], "fine", "no check newly fails (1 pass)"),
        ([], [found("new.check", "fail")], "regressed", "newly fails new.check"),
        ([found("a.b")], [found("a.b", "unknown")], "inconclusive", "could not be finished: a.b"),
        ([found("a.b", "unknown")], [found("a.b", "unknown")], "fine", "no check newly fails"),
        ([found("a.b")], [found("a.b", "waived")], "fine", "no check newly fails (1 pass)"),
    ],
)
def test_checks(base, head, outcome, says):
    made = check_rows("mine", base, head)
    assert made.outcome == outcome
    assert says in made.reason


def test_only_wrong_batches_void_a_speed():
    assert "fails shift.exact" in voided([found("shift.exact", "fail")], "the base")
    assert voided([found("resume.every_k", "fail"), found("shift.exact", "waived")], "the base") == ""


@pytest.mark.parametrize(
    ("base", "head", "outcome"),
    [
        ("clean", "leak", "regressed"),
        ("leak", "leak", "fine"),
        ("undecided", "leak", "inconclusive"),
        ("leak", "clean", "fine"),
        ("clean", "undecided", "inconclusive"),
        ("clean", "not_measured", "skipped"),
    ],
)
def test_leaks(base, head, outcome):
    assert leak_row("mine", Memory(verdict=base), Memory(verdict=head)).outcome == outcome


def copied(middle: float, low: float, high: float, verdict: str = "pass") -> Transfer:
    return Transfer(
        verdict=verdict, measured=True, reason="", copy_us=middle, low_us=low, high_us=high, rounds=50
    )


def test_transfers():
    base = copied(100, 98, 102)
    assert transfer_row("mine", base, copied(101, 99, 103), 0.1).outcome == "fine"
    assert transfer_row("mine", base, copied(120, 118, 123), 0.1).outcome == "regressed"
    assert transfer_row("mine", base, copied(110, 100, 125), 0.1).outcome == "inconclusive"
    assert transfer_row("mine", base, copied(100, 98, 102, "fail"), 0.1).outcome == "regressed"
    absent = Transfer(verdict="not_measured", reason="not measured: no CUDA device")
    assert transfer_row("mine", absent, absent, 0.1).outcome == "skipped"


def timed(middle: float, low: float, high: float, outcome: str, pairs: int = 12) -> GateRow:
    turns = [Turn(100, 1e-3)] * 8
    made = [Pair((turns, turns), (0.1, 0.1), (1 << 20, 1 << 20))] * pairs
    return row("mine.py:loader", "speed", outcome, limit=0.02, found=Interval(middle, low, high), pairs=made,
               samples=[middle] * pairs, seconds=5.0)  # fmt: skip


def a_pair(ratio: float, first: float = 1.0) -> Pair:
    turns = [Turn(100, 1e-3)] * 8, [Turn(100, ratio * 1e-3)] * 8
    return Pair(turns, (1.0, first), (None, None))


def test_a_decision_stands_whatever_comes_after():
    limits = {"in_memory": Limits(first_batch=0.5, peak_memory=None)}
    sides = SimpleNamespace(refs=[find("in_memory")])
    job = Gating(Settings(), sides, ("speed",), {}, limits, lambda: None)
    contest = Contest("in_memory", {}, limits["in_memory"], ())
    for place in range(60):
        contest.pairs.append(a_pair(1.1 if place < 20 else 1.0, 1.5 + (-1) ** place))
        assert not job._decided(contest)  # the first batch jumps about
    speed, first = job._timed_rows(contest)
    assert (speed.outcome, speed.pairs) == ("regressed", 12)  # two measures judged together
    assert speed.low == speed.high == pytest.approx(1.1)
    assert (first.outcome, first.pairs) == ("inconclusive", 60)


def test_a_waiver_of_a_measure():
    made = timed(0.05, 0.04, 0.06, "regressed")
    waived = waived_row(made, [Waiver("gate.speed", "bounds are checked now")])
    assert waived.outcome == "waived"
    assert waived.reason.startswith("bounds are checked now; what was seen: 5.1 % slower")
    assert gated(waived).exit_code == 0


@pytest.mark.parametrize(
    ("rows", "code", "failures", "errors"),
    [
        ([timed(0.05, 0.04, 0.06, "regressed"), timed(0, -0.1, 0.1, "inconclusive")], 1, 1, 1),
        ([timed(0, -0.01, 0.01, "fine"), timed(0, -math.inf, math.inf, "inconclusive", 3)], 10, 0, 1),
        ([timed(0, -0.01, 0.01, "fine")], 0, 0, 0),
        ([row("mine", "speed", "skipped", "reads pairs")], 5, 0, 1),
        ([row("mine", "speed", "not_comparable", "not comparable: it is new")], 10, 0, 1),
    ],
)
def test_exit_code_junit_and_document_agree(rows, code, failures, errors):
    document = decode(encode(gated(*rows)))
    assert document.exit_code == code
    assert code in EXITS
    junit = ET.fromstring(render_junit(document))
    assert (junit.get("failures"), junit.get("errors")) == (str(failures), str(errors))


def test_markdown_has_the_worst_first_and_fits_a_summary():
    rows = [timed(0, -0.01, 0.01, "fine"), timed(0.05, 0.04, 0.06, "regressed")]
    text = render_markdown(gated(*rows))
    assert text.splitlines()[0].startswith("# Loadstone gate: mine.py:loader regressed: 5.1 % slower")
    assert text.index("+5.1 % (+4.1 to +6.2)") < text.index("+0.0 %")
    assert "main aaaaaaaaaa" in text
    assert len(shortened(render_markdown(gated(*rows * 10_000)), STEP_SUMMARY_LIMIT)) <= STEP_SUMMARY_LIMIT


def test_annotations_are_few_and_escaped_and_only_on_github():
    document = gated(*[row("a::b,c", "speed", "regressed", "5 % slower\n::error::forged")] * 30)
    assert workflow_commands(document, {}) == []
    lines = workflow_commands(document, ACTIONS)
    assert len(lines) == MOST_ANNOTATIONS
    assert lines[0] == (
        "::error title=a%3A%3Ab%2Cc%3A time for a token::a::b,c: 5 %25 slower ::error::forged"
    )


def test_stored_rounds_need_both_intervals_apart():
    before, noise = [0.5, 0.51, 0.49, 0.5, 0.52, 0.48, 0.5], [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0]
    slower = stored_interval(before, [0.4 * one for one in noise], 0.99)
    assert verdict_of(slower, 0.1) == "regressed"
    assert verdict_of(stored_interval(before, before, 0.99), 0.1) == "fine"
    assert verdict_of(stored_interval(before, [0.45 * one for one in noise], 0.99), 0.1) == "inconclusive"


def test_a_document_of_another_machine_is_not_comparable(tmp_path, capsys, monkeypatch):
    document = green()
    (tmp_path / "base.json").write_bytes(encode(document))
    here = Machine(identity={**document.machine.identity, "cpus": 64})
    monkeypatch.setattr(gating_stored, "describe_machine", lambda: here)
    said = call(
        capsys, "gate", "in_memory", "--against", tmp_path / "base.json", "--json", tmp_path / "gate.json"
    )
    assert said.code == 10, said
    assert "cpus 2 then and 64 now" in " ".join(said.out.split())


def test_a_gate_is_no_run_to_compare_with(tmp_path, capsys):
    (tmp_path / "gate.json").write_bytes(encode(gated()))
    assert_refused(call(capsys, "gate", "in_memory", "--against", tmp_path / "gate.json"), "holds no run")


def test_the_action_is_a_script_that_can_be_read_and_calls_what_exists(capsys):
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    script = re.sub(r"^ {8}", "", text.partition("run: |\n")[2], flags=re.MULTILINE)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    helped = call(capsys, "gate", "--help").out
    used = re.findall(r"--?[a-z-]+", script.partition("loadstone gate")[2].partition("||")[0])
    assert used
    assert [option for option in used if option not in helped] == []


def test_the_table_of_the_experiment(tmp_path):
    entry = {"cell": "A/A quiet", "loader": "in_memory", "repeat": 0, "outcome": "fine", "ratio": 1.001,
             "low": 0.999, "high": 1.002, "pairs": 12, "seconds": 5.0, "reason": "", "whole_s": 6.0,
             "base": {"mean": 1.0, "median": 1.0, "min": 1.0},
             "head": {"mean": 1.06, "median": 1.0, "min": 1.0}, "load_1min": 0.1,
             "machine": {"cores": 2}}  # fmt: skip
    slow = {**entry, "repeat": 1, "outcome": "regressed"}
    lines = table.line_of(table.CELLS[0], [entry, slow])
    assert (lines["gates"], lines["fine"], lines["regressed"]) == (2, 1, 1)
    assert lines["compare_fail_same_run"] == {"of": 2, "mean": 2, "median": 0, "min": 0}
    assert lines["compare_fail_stored_run"] == {"of": 1, "mean": 1, "median": 0, "min": 0}
    elsewhere = {**slow, "machine": {"cores": 4}}  # with which another machine's run is not compared
    assert table.line_of(table.CELLS[0], [entry, elsewhere])["compare_fail_stored_run"]["of"] == 0
    told = table.page([entry, slow, elsewhere])
    assert "Called regressed with nothing changed: 2 of 3 (at most 98.3% are" in told
    assert told.count("Machine: cores") == 2
    assert PAGE.read_text("utf-8") == table.page(kept(RESULTS))
