"""Documents from parquet: every one once, every transition trained, shuffled within bounds."""

from __future__ import annotations

import collections
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from loadstone.errors import DataError
from loadstone.loaders.counting import SPECIAL
from loadstone.loaders.parquet_stream import held_bytes
from sample_rows import awkward, documents, flat, make, thousand_rows, whole

if TYPE_CHECKING:
    from loadstone.loaders.corpus import Corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return awkward(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return thousand_rows(tmp_path_factory.mktemp("thousand"))


# What a batch is


def test_shapes_dtypes_and_shift(corpus: Corpus) -> None:
    batches = list(make(corpus))
    stream = flat(batches)
    for number, (x, y) in enumerate(batches):
        assert (x.shape, y.shape) == ((2, 8), (2, 8))
        assert (str(x.dtype), str(y.dtype)) == ("torch.int64", "torch.int64")
        assert x.is_contiguous()
        assert y.is_contiguous()
        assert y.flatten().tolist() == stream[number * 16 + 1 : number * 16 + 17].tolist()


def test_a_batch_is_the_consumers_own(corpus: Corpus) -> None:
    first = [x.tolist() for x, _ in make(corpus)]
    spoilt = []
    for x, y in make(corpus, {"keep_in_memory": True}):
        spoilt.append(x.tolist())
        y.zero_()
        x.zero_()
    assert spoilt == first


# Coverage


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("options", [{}, {"buffer_size": 1}, {"buffer_size": 10}, {"buffer_size": 10_000}])
def test_every_document_once_and_whole(corpus: Corpus, options: dict[str, Any], shuffle: bool) -> None:
    seen = documents(corpus, flat(make(corpus, options, shuffle=shuffle)))
    expected = whole(corpus)
    assert not collections.Counter(seen[:-1]) - collections.Counter(expected)  # no document twice
    # And none missing but what the tail cut: less than a batch of tokens, BOS tokens among them.
    tokens = sum(map(len, expected)) + len(expected)
    given = sum(map(len, seen)) + len(seen)
    assert 0 <= tokens - given < 16


def test_every_transition_is_trained_once(corpus: Corpus) -> None:
    pairs = [(a, b) for x, y in make(corpus) for a, b in zip(x.flatten(), y.flatten(), strict=True)]
    stream = flat(make(corpus))
    assert [(int(a), int(b)) for a, b in pairs] == list(itertools.pairwise(stream.tolist()))
    inside = [pair for pair in pairs if corpus.special["<|bos|>"] not in pair]
    positions = corpus.locate(np.array(inside))
    assert (positions[:, 1] == positions[:, 0] + 1).all()
    assert len(np.unique(positions[:, 0])) == len(positions)


def test_a_bos_stands_before_each_document_and_nowhere_else(corpus: Corpus) -> None:
    stream = flat(make(corpus, shuffle=False))
    located = corpus.locate(stream)
    starts = {start for start, end in corpus.segments() if end > start}
    assert stream[0] == corpus.special["<|bos|>"]
    assert {
        int(p) for p, before in zip(located[1:], located, strict=False) if before == SPECIAL and p >= 0
    } == {int(start) for start in starts if start <= located.max()}


def test_shards_come_in_numeric_order_without_shuffle(corpus: Corpus) -> None:
    assert [path.name for path in corpus.document_files()][-1] == "train-10.parquet"
    located = corpus.locate(flat(make(corpus, shuffle=False)))
    ordinary = located[located >= 0]
    assert ordinary.tolist() == list(range(len(ordinary)))


def test_a_short_last_batch_only_when_asked_for(corpus: Corpus) -> None:
    dropped = list(make(corpus, batch_size=64))
    kept = list(make(corpus, batch_size=64, drop_last=False))
    assert [len(x) for x, _ in dropped] == [64] * len(dropped)
    assert len(kept) == len(dropped) + 1
    assert 0 < len(kept[-1][0]) < 64
    assert kept[-1][0].shape[1] == 8
    tokens = sum(end - start + 1 for start, end in corpus.segments())
    assert tokens - len(flat(kept)) < 8


def test_a_thousand_rows_through_a_buffer_of_ten(thousand: Corpus) -> None:
    loader = make(thousand, {"buffer_size": 10}, batch_size=1, seq_len=15, drop_last=False)
    seen = documents(thousand, flat(loader))
    assert len(seen) == 1000
    assert len(set(seen)) == 1000
    pairs = make(thousand, {"reads": "pairs", "buffer_size": 10}, batch_size=1)
    prompts = [tuple(batch["input_ids"][0].tolist()) for batch in pairs]
    assert (len(pairs), len(prompts), len(set(prompts))) == (1000, 1000, 1000)


# Order


def test_the_buffer_shuffles_and_is_bounded(thousand: Corpus) -> None:
    loader = make(thousand, {"buffer_size": 10}, batch_size=1, seq_len=15)
    held = []
    for _ in loader:
        held.append(len(loader.state_dict()["held"]))  # noqa: PERF401 - while it runs
    assert max(held) == 10
    loader.set_epoch(0)
    next(iter(loader))
    rows = max(loader.source.counts)
    # Numbers and places of the rows held, and where each that leaves begins; the rows themselves are Arrow's.
    assert 0 < held_bytes(loader) <= (8 + 16) * 10 + 8 * rows
    order = [document[0] for document in documents(thousand, flat(make(thousand, {"buffer_size": 10})))[:-1]]
    steps = np.diff(order)
    assert (steps != 14).mean() > 0.8


def test_epochs_and_seeds_order_anew(corpus: Corpus) -> None:
    loader = make(corpus)
    first, second = documents(corpus, flat(loader)), documents(corpus, flat(loader))
    assert first != second
    assert documents(corpus, flat(make(corpus, epoch=1))) == second
    loader.set_epoch(0)
    assert documents(corpus, flat(loader)) == first
    assert documents(corpus, flat(make(corpus, seed=7))) != first


def test_ranks_share_a_pass(corpus: Corpus) -> None:
    parts = [
        documents(corpus, flat(make(corpus, rank=rank, world_size=3, batch_size=1, seq_len=1)))
        for rank in range(3)
    ]
    together = [document for part in parts for document in part if document]
    assert sorted(together) == sorted(document for document in whole(corpus) if document)
    assert len(set(together)) == len(together)


def test_more_ranks_than_row_groups_is_refused(thousand: Corpus) -> None:
    with pytest.raises(DataError, match="16 row groups cannot be shared among 17 ranks"):
        make(thousand, rank=0, world_size=17)
    assert make(thousand, rank=15, world_size=16).source.counts[-1] == 1000 - 15 * 64
