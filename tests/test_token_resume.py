"""Saved states of the sequential token streams: exact wherever taken, refused where they do not fit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from loadstone.loaders.in_memory import in_memory
from sample_tokens import SEQUENTIAL, Make, config, each_loader, same, take, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@each_loader
def test_resume_is_exact_after_every_batch(tmp_path: Path, loader: Make) -> None:
    corpus = write(tmp_path, 45)
    build: Callable[[], Any] = lambda: loader(corpus, config(options=SEQUENTIAL, drop_last=False))  # noqa: E731
    whole = [x for x, _ in build()]
    assert [len(x) for x in whole] == [2, 2, 2, 2, 2, 1]
    for k in range(len(whole) + 1):
        first = build()
        iterator = iter(first)
        assert same(take(iterator, k), whole[:k])
        saved = json.dumps(first.state_dict())
        take(iterator, 2)  # the state must not follow
        second = build()
        second.load_state_dict(json.loads(saved))
        assert second.state_dict() == json.loads(saved)  # complete right after a restore
        middle = take(iter(second), min(1, len(whole) - k))
        third = build()
        third.load_state_dict(second.state_dict())
        rest = [x for x, _ in third]
        assert same(middle + rest, whole[k:])
        assert same([x for x, _ in third], whole)  # the next pass is a full one
        assert third.stats()["epoch"] == 2


def test_a_state_taken_after_the_pass_ended_begins_the_next(tmp_path: Path) -> None:
    corpus = write(tmp_path, 33)
    done = in_memory(corpus, config(options=SEQUENTIAL))
    whole = take(done, 99)
    state = done.state_dict()
    assert (state["epoch"], state["batch"]) == (1, 0)
    again = in_memory(corpus, config(options=SEQUENTIAL))
    again.load_state_dict(state)
    assert same(take(again, 99), whole)


def test_setting_the_epoch_keeps_a_restored_place_of_that_epoch_only(tmp_path: Path) -> None:
    stream = in_memory(write(tmp_path, 33), config(options=SEQUENTIAL))
    whole = take(stream, 99)
    iterator = iter(stream)
    next(iterator)
    state = stream.state_dict()
    for epoch, expected in ((1, whole[1:]), (5, whole)):
        stream.load_state_dict(state)
        stream.set_epoch(epoch)
        assert same(take(stream, 99), expected)


@pytest.mark.parametrize(
    "change", [{"seq_len": 2}, {"batch_size": 1}, {"rank": 1}, {"world_size": 3}, {"drop_last": False}]
)
def test_a_state_of_another_shape_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    made_for = {"options": SEQUENTIAL, "world_size": 2}
    corpus = write(tmp_path, 100)
    state = in_memory(corpus, config(**made_for)).state_dict()
    (name, value), *_ = change.items()
    with pytest.raises(ValueError, match=f"{name} was .* and is {value!r} here"):
        in_memory(corpus, config(**made_for | change)).load_state_dict(state)


def test_a_state_of_another_corpus_or_none_at_all_is_refused(tmp_path: Path) -> None:
    own = in_memory(write(tmp_path, 100), config(options=SEQUENTIAL))
    other = in_memory(write(tmp_path, 100, first=5), config(options=SEQUENTIAL)).state_dict()
    with pytest.raises(ValueError, match="corpus was 'positions-5'"):
        own.load_state_dict(other)
    with pytest.raises(ValueError, match="no state of a sequential token stream"):
        own.load_state_dict({"position": 3})
    with pytest.raises(ValueError, match="at batch 99 of a pass of 12"):
        own.load_state_dict(own.state_dict() | {"batch": 99})
