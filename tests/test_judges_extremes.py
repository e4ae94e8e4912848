"""Judges of look-ahead, shared shards, weights, late workers and long documents, on traces made by hand."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hand_made import evidence, rows, stream, trace
from loadstone.loaders.traits import Traits
from loadstone.suites.checks import REGISTER, Opinion, _opinion
from loadstone.suites.circumstances import overlong
from loadstone.suites.evidence import Evidence
from loadstone.suites.extremes import BLENDS, LOCKSTEP, SHARE, WEIGHTS
from loadstone.suites.resuming import BASE, name
from loadstone.suites.scenarios import Planner, Shape
from loadstone.suites.trace import Note, Saved, Trace

PASS = 10  # batches
EXACT: dict[str, Any] = {"reads": "tokens", "order": "sequential", "passes": "one", "resume": "exact"}
SHARED: dict[str, Any] = {"reads": "documents", "ranks": "disjoint", "rank_batches": "equal"}


def ask(check: str, about: Evidence) -> Opinion:
    return _opinion(REGISTER[check], about)


def resumed(ahead: Sequence[int], **traits: Any) -> Opinion:
    """A stream restored after 1, 2... batches, each time so many batches too far on."""
    whole = stream(range(0, 4 * PASS, 4))
    base = trace(whole, name=BASE)
    base.saved = [Saved(at, 0) for at in range(1, PASS)]
    places = [trace(whole[at + n :], name=name(at)) for at, n in enumerate(ahead, 1)]
    return ask("resume.prefetch", evidence(base, *places, **EXACT | traits))


def test_the_depth_of_a_look_ahead_is_named() -> None:
    opinion = resumed([3] * 9)
    assert (opinion.verdict, opinion.evidence["depth"]) == ("fail", 3)
    assert "3 batches ahead of the consumer" in opinion.diagnosis
    assert "2 to 3 batches" in resumed([3, 2, 3, 3, 2, 3, 3, 3, 3]).reason


def test_a_look_ahead_that_is_not_in_the_state_is_right() -> None:
    assert resumed([0] * 9).verdict == "pass"


def test_what_is_wrong_in_some_places_is_no_look_ahead() -> None:
    assert resumed([0, 0, 2, 0, 0, 2, 0, 0, 0]).verdict == "skip"
    assert resumed([3] * 9, resume="approximate").verdict == "skip"


def shards(*starts: Iterable[int], **traits: Any) -> Opinion:
    """Two ranks whose rows of four tokens begin there, in three shards of two documents of 20 tokens."""
    made = []
    for at, rank in zip(LOCKSTEP, starts, strict=True):
        one = trace(stream(rank), (20,) * 6, at)
        spec = {**one.scenario.corpus.spec, "shards": 3}
        corpus = msgspec.structs.replace(one.scenario.corpus, spec=spec)
        one.scenario = msgspec.structs.replace(one.scenario, corpus=corpus)
        made.append(one)
    return ask("rank.lockstep", evidence(*made, **SHARED | traits))


def test_ranks_that_deal_out_every_shard_in_turns_are_in_step() -> None:
    assert shards(range(0, 116, 8), range(4, 116, 8)).verdict == "pass"


def test_ranks_that_drift_apart_from_shard_to_shard_fail_if_equal_counts_are_promised() -> None:
    first = [0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80]
    second = [4, 12, 44, 52, 84, 92]
    assert shards(first, second).verdict == "fail"
    assert shards(first, second, rank_batches="may-differ").verdict == "skip"


@pytest.mark.parametrize(
    "second",
    [range(80, 116, 4), [84, 92, 44, 52, 4, 12], [4, 44, 84, 12, 52, 92]],
    ids=["a shard of its own", "another order", "several at once"],
)
def test_ranks_without_a_common_step_are_not_judged(second: Iterable[int]) -> None:
    assert shards(range(0, 116, 8), second).verdict == "skip"


def test_an_endless_stream_is_judged_on_its_first_round() -> None:
    first, second = list(range(0, 116, 8)), list(range(4, 116, 8))
    assert shards(first * 2, second * 2, passes="endless").verdict == "pass"


def blended(drawn: dict[str, Sequence[int]], how: str = "limit") -> Opinion:
    """A mixture of three shards of one document of two tokens each, which gives these shards."""
    made: list[Trace] = []
    for at in BLENDS:
        one = trace([rows([[2 * s]], [[2 * s + 1]]) for s in drawn[at]], (2,) * 3, at, (1, 1), how,
                    options={"weights": WEIGHTS[at]})  # fmt: skip
        spec = {**one.scenario.corpus.spec, "shards": 3}
        corpus = msgspec.structs.replace(one.scenario.corpus, spec=spec)
        one.scenario = msgspec.structs.replace(one.scenario, corpus=corpus)
        made.append(one)
    return ask("blend.extreme", evidence(*made, reads="documents", passes="endless"))


RIGHT: dict[str, Sequence[int]] = {
    "blend/first": [0] * 20, "blend/tiny": [2] * 20, SHARE: [0] * 360 + [1, 2] * 20,
}  # fmt: skip


def test_a_mixture_that_follows_its_weights_is_right() -> None:
    assert blended(RIGHT).verdict == "pass"


def test_a_starved_shard_and_an_end_are_told() -> None:
    assert "never drawn" in blended(RIGHT | {SHARE: [0] * 380 + [1] * 20}).reason
    assert "all the weight" in blended(RIGHT | {"blend/tiny": [2, 0] * 10}).reason
    assert blended(RIGHT, "stop").verdict == "fail"


def test_too_few_documents_tell_nothing_of_a_small_weight() -> None:
    assert blended(RIGHT | {SHARE: [0] * 100}).verdict == "pass"


def held_back(starts: Iterable[int], told: str = "", **traits: Any) -> Opinion:
    even = trace(stream(range(0, 400, 4)), name="workers")
    held = trace(stream(starts), name="probe/slow-worker")
    held.add(Note("probe", told))
    return ask("worker.skewed", evidence(even, held, **{"passes": "one", "workers": True} | traits))


def test_the_order_of_batches_from_workers_is_free_and_their_number_is_not() -> None:
    whole = list(range(0, 400, 4))
    assert held_back(whole).verdict == "pass"
    assert held_back(whole[::-1]).verdict == "pass"
    assert held_back(whole[:-1]).verdict == "fail"
    assert held_back([*whole, 0]).verdict == "fail"
    assert held_back([start + 2 for start in whole]).verdict == "pass"  # dealt out otherwise
    assert held_back(whole[:-1], passes="endless").verdict == "skip"
    assert "gone" in held_back([0], "OSError: gone").reason


SIZES = [(1, 1), (1, 2), (3, 7), (1, 16), (16, 4), (4, 64), (12, 1024)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_no_dropped_batch_has_room_for_most_of_the_items_that_fit_a_row(size: tuple[int, int]) -> None:
    planner = Planner(Traits(reads="documents"), {}, {}, Shape(*size))
    for scenario in overlong(planner):
        width, rows = scenario.config["seq_len"], scenario.config["batch_size"]
        lengths = sorted(scenario.corpus.spec["documents"])
        fitting = [length for length in lengths if length <= width]
        longer = [length for length in lengths if length > width]
        assert sum(fitting[: len(fitting) // 2 + 1]) > width * rows
        assert sum(longer[: len(longer) // 2 + 1]) > width * rows


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_nor_for_most_documents_of_one_length(size: tuple[int, int]) -> None:
    planner = Planner(Traits(reads="documents"), {}, {}, Shape(*size))
    (asked,) = (one for one in planner.rows() if one.name == "lengths")
    lengths = collections.Counter(asked.corpus.spec["documents"])
    assert all((number // 2 + 1) * length > size[0] * size[1] for length, number in lengths.items() if length)
