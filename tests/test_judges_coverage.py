"""Judges of coverage, endings and memory, on traces made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hand_made import evidence, ids, rows, stream, tensor, trace
from loadstone.suites.accounts import lone, past_limit
from loadstone.suites.checks import REGISTER, Opinion, _opinion
from loadstone.suites.evidence import Evidence
from loadstone.suites.trace import Recorded

ONE: dict[str, Any] = {
    "reads": "tokens", "order": "sequential", "passes": "one", "targets": "shifted", "loss": "tail",
    "overlap": 1, "row_overlap": 1,
}  # fmt: skip


def ask(check: str, about: Evidence) -> Opinion:
    return _opinion(REGISTER[check], about)


def test_one_pass_with_its_tail_dropped_is_whole() -> None:
    about = evidence(trace(stream(range(0, 996, 4))), **ONE)
    for check in ("coverage.multiset", "coverage.transitions", "stride.declared"):
        assert ask(check, about).verdict == "pass", check


def test_a_lost_batch_in_the_middle_and_one_token_here_and_there() -> None:
    starts = [s for s in range(0, 996, 4) if s not in (400, 404, 408)]
    assert "whole items" in ask("coverage.multiset", evidence(trace(stream(starts)), **ONE)).diagnosis
    apart = evidence(trace(stream(range(0, 995, 6))), **ONE | {"overlap": 0})
    opinion = ask("coverage.multiset", apart)
    assert (opinion.verdict, opinion.evidence["positions"].split(",")[0]) == ("fail", "5")
    assert "one token in every 6" in opinion.diagnosis


def test_a_batch_given_twice_is_a_repeat() -> None:
    opinion = ask("coverage.multiset", evidence(trace(stream([*range(0, 996, 4), 0])), **ONE))
    assert (opinion.verdict, "more than once" in opinion.reason) == ("fail", True)


@pytest.mark.parametrize(("width", "rows_", "word"), [(4, 3, "batch"), (12, 1, "row")])
def test_the_cut_that_loses_its_pair_is_named(width: int, rows_: int, word: str) -> None:
    # Endless: the stream begins anew twice, and the lap that is judged loses the pair at each cut.
    lap = list(range(0, 980, 13))
    made = trace(stream(lap * 3, width, batch_size=rows_), shape=(rows_, width), how="limit")
    opinion = ask("coverage.transitions", evidence(made, **ONE | {"passes": "endless"}))
    assert opinion.verdict == "fail"
    assert opinion.evidence["median_distance"] == 13
    assert f"across each {'row' if rows_ == 1 else word}" in opinion.diagnosis


def test_what_is_missing_altogether_is_no_lost_transition() -> None:
    starts = [s for s in range(0, 996, 4) if s not in (400, 404, 408)]
    assert ask("coverage.transitions", evidence(trace(stream(starts)), **ONE)).verdict == "pass"


def test_a_loader_of_no_overlap_may_leave_a_whole_batch_unread() -> None:
    traces = [trace(stream(range(0, n - 4, 5)), (n,), name) for name, n in
              (("exact-1", 11), ("exact+0", 12), ("exact+1", 13), ("exact+2", 14))]  # fmt: skip
    main = trace(stream(range(0, 995, 5)))
    about = evidence(main, *traces, **ONE | {"overlap": 0})
    for check in ("coverage.tail", "coverage.multiset", "coverage.last_token"):
        assert ask(check, about).verdict in ("pass", "skip"), check
    assert ask("coverage.tail", evidence(main, *traces, **ONE)).verdict == "fail"


def test_one_row_in_every_eleven() -> None:
    kept = [i for i in range(200) if i % 11 != 10]
    pairs = [rows([[i * 4, i * 4 + 1]], [[i * 4 + 2, i * 4 + 3]]) for i in kept]
    flush = trace(pairs, (4,) * 200, "flush", shape=(1, 2), options={"buffer_size": 10})
    about = evidence(flush, reads="pairs", targets="paired", passes="one", order="reordered")
    opinion = ask("coverage.buffer_flush", about)
    assert "one row in every 11" in opinion.diagnosis
    assert opinion.evidence["lost_rows"] == 18


def test_pairs_are_known_by_either_side_and_an_empty_prompt_is_no_loss() -> None:
    pad = ids([-3])
    made = [rows([[0, 1]], [[2, 3]]), (np.array([[pad[0], pad[0]]]), ids([[4, -2]]))]
    about = evidence(trace(made, (4, 1), "exact+0", shape=(1, 2)), targets="paired", passes="one")
    assert ask("coverage.multiset", about).verdict == "pass"


def test_lone_losses_and_crops() -> None:
    cuts = np.array([[0, 5], [5, 6], [6, 10]])
    assert lone(np.array([5]), cuts) == 0  # a document of one token is lost whole
    assert lone(np.array([2, 7]), cuts) == 2
    assert lone(np.array([7, 8, 9]), cuts) == 0
    seen = np.array([1, 1, 0, 0, 0, 0, 0, 1, 1, 0], bool)
    assert np.flatnonzero(past_limit(seen, cuts)).tolist() == [2, 3, 4, 9]


def test_memory_of_held_batches_is_compared_across_x_and_y() -> None:
    def placed(index: int, x: int, y: int) -> Recorded:
        at = {"x": x, "y": y}
        parts = {}
        for name, start in at.items():
            whole = tensor([[1, 2, 3, 4]])
            parts[name] = type(whole)(
                whole.data, whole.shape, whole.stored, "int64", start=start, stop=start + 32
            )
        return Recorded(index, **parts)

    made = trace([])
    made.batches = [placed(0, 0, 8), placed(1, 32, 40)]  # y of the first reaches x of the second
    assert ask("alias.storage", evidence(made, batch="fresh")).verdict == "fail"
    made.batches = [placed(0, 0, 8), placed(1, 100, 108)]
    assert ask("alias.storage", evidence(made, batch="fresh")).verdict == "pass"


def test_a_start_that_is_never_drawn_is_seen_though_the_test_would_let_it_pass() -> None:
    rng = np.random.default_rng(1)
    starts = rng.integers(1, 50, 2560)
    batches = [
        rows(part[:, None] + np.arange(16), part[:, None] + np.arange(1, 17)) for part in np.split(starts, 80)
    ]
    about = evidence(trace(batches, (66,), "uniform", shape=(32, 16)), order="windows")
    opinion = ask("windows.uniform", about)
    assert (opinion.verdict, opinion.evidence["never_drawn"]) == ("fail", [0])


def test_a_long_silence_counts_in_cells_not_in_batches() -> None:
    def masked(n: int, width: int) -> Evidence:
        x = np.arange(width)[None]
        made = [(ids(x), ids(x + 1))] + [(ids(x + k), np.full((1, width), -100)) for k in range(n)]
        return evidence(trace(made, shape=(1, width)), passes="endless")

    assert ask("liveness.progress", masked(60, 1)).verdict == "pass"
    assert ask("liveness.progress", masked(60, 16)).verdict == "fail"
