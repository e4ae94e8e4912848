"""Prefetch: the same stream, the same errors, the consumer's place, and no thread left behind."""

from __future__ import annotations

import copy
import gc
import itertools
import json
import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from asking import failed, findings
from loadstone.errors import UsageError
from loadstone.loaders.contract import spec_of
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.in_memory import in_memory
from loadstone.loaders.parquet_stream import parquet_stream
from loadstone.loaders.prefetch import Prefetch, copied, kind, prefetched
from prefetched_loaders import scratch
from sample_tokens import SEQUENTIAL, config

FILE = Path(__file__).with_name("prefetched_loaders.py")
BUILT_INS = {"in_memory": (in_memory, SEQUENTIAL), "parquet_stream": (parquet_stream, {"buffer_size": 7})}


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    gc.collect()
    assert threads() == []


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "loadstone-prefetch"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), CorpusSpec.random(1500, mean_length=20))


class Counting:
    """Numbers, with what a loader may have; counts how many were asked for."""

    def __init__(self, count: int = 10, error: BaseException | None = None) -> None:
        self.count, self.error, self.asked, self.closed = count, error, 0, 0

    def __iter__(self):
        for number in range(self.count):
            self.asked = number + 1
            yield number
        if self.error is not None:
            raise self.error

    def close(self):
        self.closed += 1


def soon(holds) -> bool:
    """Whether it comes to hold within two seconds."""
    until = time.monotonic() + 2.0
    while not (there := holds()) and time.monotonic() < until:
        time.sleep(0.002)
    return there


class TestStream:
    @pytest.mark.parametrize("depth", [1, 2, 5, 50])
    def test_it_is_the_wrapped_one_pass_after_pass(self, depth):
        ahead = Prefetch(Counting(20), depth)
        for _ in range(3):
            assert list(ahead) == list(range(20))

    @pytest.mark.parametrize("name", BUILT_INS)
    def test_batches_of_a_built_in_are_the_same(self, corpus, name):
        make, options = BUILT_INS[name]
        bare, ahead = (make(corpus, config(options=options)) for _ in range(2))
        for _ in range(2):  # epochs follow one another alike
            pairs = list(zip(bare, Prefetch(ahead), strict=True))
            assert pairs
            assert all(torch.equal(a, b) for one, two in pairs for a, b in zip(one, two, strict=True))

    def test_no_more_than_depth_batches_are_asked_for_ahead(self):
        inner = Counting(100)
        items = iter(Prefetch(inner, depth=3))
        assert soon(lambda: inner.asked == 3)
        assert next(items) == 0
        assert soon(lambda: inner.asked == 4)
        time.sleep(0.02)
        assert inner.asked == 4

    def test_the_next_batch_is_made_while_the_consumer_computes(self):
        class Slow(Counting):
            def __iter__(self):
                for number in super().__iter__():
                    time.sleep(0.02)
                    yield number

        items = iter(Prefetch(Slow(), depth=2))
        next(items)
        time.sleep(0.1)
        began = time.perf_counter()
        assert (next(items), next(items)) == (1, 2)
        assert time.perf_counter() - began < 0.02

    def test_an_empty_loader_and_an_iterator_that_has_ended(self):
        assert list(Prefetch([])) == []
        items = iter(Prefetch([1]))
        assert list(items) == [1]
        assert list(items) == []


class TestErrors:
    def test_it_comes_after_the_batches_before_it_with_its_traceback(self):
        items = iter(Prefetch(Counting(3, ValueError("the shard is gone")), depth=2))
        assert [next(items) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="the shard is gone") as caught:
            next(items)
        assert any(row.name == "__iter__" and "raise self.error" in (row.line or "")
                   for row in traceback.extract_tb(caught.value.__traceback__))  # fmt: skip
        assert list(items) == []

    def test_an_error_of_iter_is_raised_by_iter(self):
        with pytest.raises(TypeError, match="not iterable"):
            iter(Prefetch(5))

    def test_even_one_that_ends_programs(self):
        with pytest.raises(SystemExit):
            list(Prefetch(Counting(2, SystemExit(3))))

    @pytest.mark.parametrize("depth", [0, -1, 1.5, True, "2"])
    def test_a_depth_that_is_none(self, depth):
        with pytest.raises(UsageError, match="at least 1"):
            Prefetch([], depth)

    def test_a_kind_of_batch_that_is_none(self):
        with pytest.raises(UsageError, match="did you mean 'fresh'"):
            Prefetch([], batch="fres")


class TestLeaving:
    def test_a_break_ends_the_thread_at_once(self):
        ahead = Prefetch(itertools.count())
        for number in ahead:
            if number == 3:
                break
        assert threads() == []

    def test_dropping_closing_and_beginning_anew(self):
        inner = Counting()
        ahead = Prefetch(inner)
        first = iter(ahead)
        second = iter(ahead)
        assert len(threads()) == 1
        with pytest.raises(RuntimeError, match=r"ended by another iter\(\)"):
            next(first)
        assert next(second) == 0
        second.close()
        assert threads() == []
        assert list(second) == []
        third = iter(ahead)
        ahead.close()
        assert (threads(), inner.closed) == ([], 1)
        with pytest.raises(RuntimeError, match="new iter"):
            next(third)

    def test_a_generator_is_closed_by_its_end(self):
        ended = []

        def loader():
            try:
                yield from range(10)
            finally:
                ended.append(True)

        class Loader:
            def __iter__(self):
                return loader()

        items = iter(Prefetch(Loader()))
        next(items)
        del items
        assert ended == [True]

    def test_a_program_that_holds_an_iterator_ends(self):
        code = (
            "import itertools; from loadstone.loaders.prefetch import Prefetch\n"
            "items = iter(Prefetch(itertools.count())); next(items); print('done')"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        assert (done.stdout, done.stderr) == ("done\n", "")

    def test_a_forked_child_begins_anew(self):
        ahead = Prefetch(Counting())
        items = iter(ahead)
        next(items)
        pid = os.fork()
        if pid == 0:
            try:
                next(items)
            except RuntimeError:
                os._exit(0 if list(ahead) == list(range(10)) else 1)
            os._exit(2)
        assert os.waitpid(pid, 0)[1] == 0
        assert next(items) == 1


class TestState:
    @pytest.mark.parametrize("name", BUILT_INS)
    @pytest.mark.parametrize("taken", [0, 1, 5])
    def test_it_is_of_what_the_consumer_received(self, corpus, name, taken):
        make, options = BUILT_INS[name]
        opened = config(options=options)
        bare, ahead = make(corpus, opened), Prefetch(make(corpus, opened), depth=4)
        one, two = iter(bare), iter(ahead)
        for _ in range(taken):
            next(one), next(two)
        time.sleep(0.02)  # let it run ahead
        state = ahead.state_dict()
        assert state == bare.state_dict()
        again = Prefetch(make(corpus, opened))
        again.load_state_dict(json.loads(json.dumps(state)))
        rest, expected = list(again), list(one)
        assert len(rest) == len(expected) > 0
        assert all(torch.equal(a[0], b[0]) for a, b in zip(rest, expected, strict=True))

    @pytest.mark.parametrize("name", BUILT_INS)
    def test_after_the_end_a_break_and_a_new_epoch(self, corpus, name):
        make, options = BUILT_INS[name]
        bare = make(corpus, config(options=options))
        ahead = Prefetch(make(corpus, config(options=options)))
        states = []
        for loader in (bare, ahead):
            seen = [copy.deepcopy(loader.state_dict())]
            for _ in loader:
                pass
            seen.append(loader.state_dict())
            next(iter(loader))
            seen.append(loader.state_dict())
            loader.set_epoch(5)
            seen.append(loader.state_dict())
            next(iter(loader))
            seen.append(loader.state_dict())
            states.append(seen)
        assert states[0] == states[1]

    def test_a_loader_that_cannot_say_its_state_still_gives_batches(self):
        class Mute(Counting):
            def state_dict(self):
                raise NotImplementedError("some day")

        ahead = Prefetch(Mute(3))
        assert list(ahead) == [0, 1, 2]
        with pytest.raises(NotImplementedError, match="some day"):
            ahead.state_dict()


class TestPassingThrough:
    def test_only_what_the_loader_has(self, corpus):
        bare = Prefetch(Counting())
        assert [
            n for n in ("state_dict", "load_state_dict", "set_epoch", "stats", "__len__") if hasattr(bare, n)
        ] == []
        with pytest.raises(TypeError, match="len"):
            len(bare)
        assert bool(bare)
        inner = in_memory(corpus, config(options=SEQUENTIAL))
        ahead = Prefetch(inner)
        assert isinstance(ahead, Prefetch)
        assert len(ahead) == len(inner) == len(list(ahead))
        assert hasattr(ahead, "set_epoch")

    def test_it_travels_by_pickle(self):
        ahead = Prefetch([1, 2, 3], depth=3)
        held = iter(ahead)
        there = pickle.loads(pickle.dumps(ahead))
        assert (list(there), there.depth) == ([1, 2, 3], 3)
        assert next(held) == 1


class TestLastingBatches:
    def test_what_lasts_only_until_the_next_is_copied(self, corpus):
        expected = [x for x, _ in in_memory(corpus, config(options=SEQUENTIAL))]
        got = [x for x, _ in prefetched(scratch, depth=4)(corpus, config())]
        assert len(got) == len(expected)
        assert all(map(torch.equal, got, expected))

    def test_the_kind_is_the_least_lasting_declared(self):
        assert (kind(None, None), kind("fresh", "view"), kind("until-next")) == (
            "fresh",
            "view",
            "until-next",
        )

    def test_copies_of_every_form(self):
        array, tensor = np.arange(3), torch.arange(3)
        item = {"x": array, "more": [tensor, (tensor, 5)], "name": "a"}
        got = copied(item)
        array[:], tensor[:] = 9, 9
        assert got["x"].tolist() == [0, 1, 2]
        assert got["more"][0].tolist() == got["more"][1][0].tolist() == [0, 1, 2]
        assert (got["more"][1][1], got["name"]) == (5, "a")

    def test_a_wrapped_factory_keeps_its_word_but_for_what_changes(self):
        spec = spec_of(prefetched(scratch))
        assert (spec.traits.batch, spec.traits.order) == ("fresh", "sequential")
        spec = spec_of(prefetched(in_memory))
        assert spec.traits_with(SEQUENTIAL).resume == "exact"
        assert spec.traits.buffered is None
        assert not spec_of(prefetched(lambda corpus, config: [])).stated


LONG = [pytest.param(name, marks=pytest.mark.slow) for name in ("memory[order=sequential]", "parquet")]


@pytest.mark.parametrize("name", ["memory", *LONG, "unannotated", "copied"])
def test_built_ins_behind_it_pass_their_checks(inquiry, name):
    assert failed(findings(inquiry, f"{FILE}:{name}")) == {}


def test_what_is_overtaken_is_caught(inquiry):
    """The checks see what a Prefetch that is told nothing does to a loader that reuses its memory."""
    assert failed(findings(inquiry, f"{FILE}:overtaken"))
