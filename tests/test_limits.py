"""Limits deal with the tokens they say; starts are told cold from warm; the timed loop counts right."""

from __future__ import annotations

import itertools
import mmap

import msgspec
import pytest
from loadstone.harness.evicting import evict, resident
from loadstone.harness.jobs.limits import COPY, DECODE, TOKENISE, limit
from loadstone.harness.jobs.speed import FIRST_PASS_S, Passes, go_through, run_slot
from loadstone.harness.measuring import work_of
from loadstone.loaders.library_text import write_text_corpus
from loadstone.suites.throughput import Facts, Slot, note_begin, ratio, row, unmeasured

CONFIG = {"batch_size": 3, "seq_len": 5}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_text_corpus(tmp_path_factory.mktemp("text"), 200_000)


def begun(kind, corpus):
    return limit(kind, CONFIG, str(corpus.folder), msgspec.to_builtins(corpus.manifest))


def test_copying_deals_with_a_batch_at_a_time(corpus):
    assert list(itertools.islice(begun(COPY, corpus), 50)) == [15] * 50


def test_decoding_deals_with_every_document_once_a_pass(corpus):
    documents = sum(len(document) for document in corpus.iter_documents("train"))
    total = 0
    for number in begun(DECODE, corpus):
        total += number
        if total >= documents:
            break
    assert total == documents


def test_tokenising_deals_with_the_content_of_conversations(corpus):
    encode = corpus.tokenizer.encode_ordinary
    tokens = sum(len(encode(m["content"])) for one in corpus.iter_conversations() for m in one)
    assert next(begun(TOKENISE, corpus)) <= tokens


def test_what_each_kind_of_data_cannot_do_without():
    assert work_of("tokens", {}) == work_of(None, {}) == work_of("pairs", {}) == ""
    assert work_of("documents", {}) == work_of("documents", {"column": "tokens"}) == DECODE
    assert work_of("documents", {"column": "token_bytes"}) == ""
    assert work_of("conversations", {"token_cache": True}) == TOKENISE


def slots(*rates):
    return [Slot(tokens=rate, seconds=1.0, cpu_seconds=1.0) for rate in rates]


def test_shares_are_medians_of_the_rounds_ratios():
    one = row(3, 5, Facts(), slots(10, 20, 30), slots(100, 100, 100), (DECODE, slots(20, 80, 40)))
    assert (one.limit_share, one.work, one.work_share, one.work_tokens_per_s) == (0.2, DECODE, 0.5, 40)
    other = row(3, 5, Facts(), slots(5, 10, 10), slots(100, 100, 100))
    assert (other.work, other.work_share) == ("", None)
    assert ratio(one, other)[0] == 2.0


def test_a_start_is_noted_cold_and_warm_on_rows_that_were_measured():
    one = row(3, 5, Facts(startup_s=9.0), slots(1, 1), slots(2, 2))
    note_begin(one, Facts(startup_s=0.25, first_batch_s=0.5), Facts(startup_s=0.125, first_batch_s=0.25))
    assert (one.startup_s, one.first_batch_s, one.cold_first_batch_s) == (0.125, 0.25, 0.75)
    none = unmeasured(3, 5, "no")
    note_begin(none, Facts(startup_s=0.25), Facts(startup_s=0.25))
    assert (none.startup_s, none.cold_first_batch_s) == (None, None)


def test_a_file_that_is_read_is_resident_and_an_evicted_one_mostly_not(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)) * 4096)
    gone = evict(path)
    assert 0.0 <= gone <= 1.0  # some file systems live in memory
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
        assert sum(mapping[:: mmap.PAGESIZE]) >= 0
        assert resident(mapping) == 1.0


@pytest.mark.parametrize("size", [4, 0])
def test_a_slot_counts_the_tokens_of_all_passes(size):
    loader = [(0, 0, 0, 0)] * 3
    slot = run_slot(Passes(loader, iter(loader)), size, len, 0.02)
    assert slot.tokens % 4 == 0
    assert slot.tokens > 12
    assert slot.seconds >= 0.02
    assert len(slot.batch_us) <= slot.tokens // 4


def test_a_loader_whose_passes_are_empty_is_not_waited_for():
    with pytest.raises(RuntimeError, match="a whole pass of the loader gave no batch"):
        run_slot(Passes([], iter([(0,)])), 0, len, 60.0)


def test_a_first_pass_goes_over_the_ends_of_shorter_ones_and_stops_at_its_tokens():
    loader = [(0, 0, 0, 0)] * 3
    passes = Passes(loader, iter(loader))
    assert go_through(passes, len, 17) < FIRST_PASS_S
    assert len(list(passes.items)) == 1  # five batches of four, of which two in the second pass
    assert go_through(Passes([], iter([])), len, 17) < FIRST_PASS_S
