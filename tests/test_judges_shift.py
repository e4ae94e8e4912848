"""Judges of the shift, on traces made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hand_made import evidence, ids, rows, stream, trace
from loadstone.suites.checks import REGISTER, Opinion, _opinion
from loadstone.suites.evidence import Evidence
from loadstone.suites.families import judge


def ask(check: str, about: Evidence) -> Opinion:
    return _opinion(REGISTER[check], about)


@pytest.mark.parametrize(
    ("delta", "words"),
    [(2, "two positions on"), (-1, "wrong way"), (3, "3 positions"), (0, "nobody shifted")],
)
def test_the_cause_is_named_by_the_distance(delta: int, words: str) -> None:
    opinion = ask("shift.exact", evidence(trace(stream(range(8, 80, 4), delta=delta)), targets="shifted"))
    assert opinion.verdict == "fail"
    assert words in opinion.diagnosis
    assert opinion.evidence["delta"] == delta


def test_right_targets_pass_and_unstated_equal_ones_are_left_to_the_model() -> None:
    assert ask("shift.exact", evidence(trace(stream(range(0, 80, 4))))).verdict == "pass"
    assert ask("shift.exact", evidence(trace(stream(range(0, 80, 4), delta=0)))).verdict == "skip"


def test_a_rolled_row_and_a_repeated_edge_are_told_apart() -> None:
    x = np.arange(0, 80).reshape(-1, 4)
    for y, words in ((np.roll(x, -1, 1), "rolled"), (np.minimum(x + 1, x[:, -1:]), "repeats the last input")):
        about = evidence(trace([rows(x, y)], shape=(20, 4)), targets="shifted")
        assert words in ask("shift.row_edge", about).diagnosis
        assert ask("shift.exact", about).verdict != "fail"


def test_a_join_is_legal_where_a_document_ends_or_the_stream_goes_on() -> None:
    documents = (6, 6, 6)
    ended = rows([[3, 4, 5, 12]], [[4, 5, 12, 13]])
    cropped = rows([[0, 1, 2, 6]], [[1, 2, 6, 7]])
    skipped = rows([[0, 1, 2, 3]], [[1, 2, 3, 7]])
    for batch, verdict in ((ended, "pass"), (cropped, "pass")):
        assert ask("shift.exact", evidence(trace([batch, batch], documents))).verdict == verdict
    assert ask("shift.row_edge", evidence(trace([skipped, skipped], documents))).verdict == "fail"


def test_documents_shifted_apart_are_told_by_the_row_they_are_packed_in() -> None:
    # Each piece [BOS, 0..2] and [BOS, 3..5] ends in a target (-2 is EOS) that is never an input.
    packed = (ids([[-1, 0, 1, 2, -1, 3, 4, 5]]), ids([[0, 1, 2, -2, 3, 4, 5, -2]]))
    about = evidence(trace([packed], (3, 3), shape=(1, 8)), targets="shifted", joins="flow")
    opinion = ask("shift.packed", about)
    assert opinion.verdict == "fail"
    assert "never seen" in opinion.diagnosis
    apart = evidence(trace([packed], (3, 3), shape=(1, 8)), targets="shifted", joins="isolated")
    assert ask("shift.packed", apart).verdict == "skip"


def test_a_start_past_the_last_legal_one_is_seen_by_its_position() -> None:
    tiny = [trace(stream([0, k]), (4 + k,), f"tiny+{k}") for k in (1, 2)]
    wrapped = trace([rows([[1, 2, 3, 4]], [[2, 3, 4, 0]])], (5,), "tiny+1")
    legal = [trace(stream([0]), (5,), "tiny+1"), trace(stream([0, 1]), (6,), "tiny+2")]
    main = trace(stream(range(0, 80, 4)))
    assert ask("shift.last_window", evidence(main, *legal, reads="tokens")).verdict == "pass"
    assert ask("shift.last_window", evidence(main, *tiny, reads="tokens")).verdict == "fail"
    assert ask("shift.last_window", evidence(main, wrapped, legal[1], reads="tokens")).verdict == "fail"


def test_a_stated_stride_is_measured() -> None:
    about = evidence(trace(stream(range(0, 100, 5))), overlap=1, row_overlap=1)
    assert "4+1" not in ask("stride.declared", about).reason  # units are named, not counted
    assert "B*T+1" in ask("stride.declared", about).reason
    assert ask("stride.declared", evidence(trace(stream(range(0, 100, 5))), overlap=0)).verdict == "pass"


def test_nothing_to_judge_is_a_skip_and_a_broken_judge_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = evidence(trace([], how="error"))
    assert {f.verdict for f in judge(empty, ["shift", "alias", "seed", "mask"])} <= {"skip"}

    def breaks(about: Evidence) -> Opinion:
        raise ZeroDivisionError("no")

    one = REGISTER["shift.exact"]
    broken = type(one)(one.id, one.family, one.asks, one.needs, breaks)
    monkeypatch.setitem(REGISTER, one.id, broken)
    (finding,) = judge(empty, ["shift.exact"])
    assert finding.verdict == "unknown"
    assert "ZeroDivisionError" in finding.reason
