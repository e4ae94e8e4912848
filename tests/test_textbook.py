"""The loops as taught: they run, and they have the faults they are kept for, and no others."""

from __future__ import annotations

import collections
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from loadstone.loaders.contract import LoaderConfig, spec_of
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.parquet_stream import parquet_stream as ours
from loadstone.loaders.textbook.conversation_deque import conversation_deque, render
from loadstone.loaders.textbook.parquet_stream import PairDataset, Spelling, parquet_stream
from loadstone.loaders.tokenizer import bpe_encoding

if TYPE_CHECKING:
    from loadstone.loaders.corpus import Corpus


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """1,000 rows of 14 tokens."""
    return write_corpus(tmp_path_factory.mktemp("thousand"), CorpusSpec(documents=(14,) * 1000))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("corpus"), CorpusSpec(documents=(8, 0, 13, 40, 1, 7, 22)))


def prompts(batches: Any) -> list[tuple[int, ...]]:
    return [tuple(row) for batch in batches for row in batch["input_ids"].tolist()]


def config(**changes: Any) -> LoaderConfig:
    return LoaderConfig(**({"batch_size": 2, "seq_len": 4} | changes))


# Conversations


def taught(corpus: Corpus) -> list[int]:
    """The token stream of one pass, as the taught ``render`` makes it."""
    conversations = corpus.iter_conversations()
    return [i for c in conversations for i in render(c, corpus.tokenizer, corpus.special)[0]]


def test_the_conversation_loop_loses_the_pair_across_the_cut(corpus: Corpus) -> None:
    t = taught(corpus) * 2
    batches = itertools.islice(conversation_deque(corpus, config()), 20)
    for number, (x, y) in enumerate((x.clone(), y.clone()) for x, y in batches):
        start = number * 9  # B*T+1, where B*T would lose nothing
        assert x.flatten().tolist() == t[start : start + 8]
        assert y.flatten().tolist() == t[start + 1 : start + 9]


def test_its_targets_change_under_the_consumer(corpus: Corpus) -> None:
    loop = conversation_deque(corpus, config())
    x, y = next(loop)
    given = x.clone(), y.clone()
    _, later = next(loop)
    assert (x == given[0]).all()
    assert not (y == given[1]).all()
    assert (y == later).all()
    assert y.data_ptr() == later.data_ptr()
    assert (str(x.dtype), str(y.dtype)) == ("torch.int32", "torch.int64")


def test_it_drops_the_mask_that_render_made(corpus: Corpus) -> None:
    _, mask = render(next(corpus.iter_conversations()), corpus.tokenizer, corpus.special)
    assert (sum(mask), len(mask)) == (5, 13)  # 4 tokens of content and the end
    batches = itertools.islice(conversation_deque(corpus, config()), 9)
    assert np.concatenate([y.flatten() for _, y in batches]).min() >= 0
    assert spec_of(conversation_deque).traits.mask == "assistant"  # what the tutorial claims


def test_its_ranks_take_turns(corpus: Corpus) -> None:
    first, second = (
        next(conversation_deque(corpus, config(batch_size=1, seq_len=12, rank=rank, world_size=2)))[0]
        for rank in range(2)
    )
    own = [render(c, corpus.tokenizer, corpus.special)[0] for c in corpus.iter_conversations()]
    assert first[0].tolist() == own[0][:12]
    assert second[0].tolist() == [*own[1], *own[3]][:12]


# Parquet


def test_an_epoch_misses_81_rows_and_repeats_81(thousand: Corpus) -> None:
    loader = parquet_stream(thousand, config(batch_size=1, seq_len=16))
    seen = collections.Counter(prompts(loader))
    assert len(loader) == sum(seen.values()) == 1000
    assert 1000 - len(seen) == 81
    assert sum(count - 1 for count in seen.values()) == 81
    right = ours(thousand, config(batch_size=1, seq_len=16, options={"reads": "pairs", "buffer_size": 10}))
    assert set(collections.Counter(prompts(right)).values()) == {1}
    assert len(set(prompts(right))) == 1000


def test_the_row_in_hand_is_lost_when_the_buffer_is_full(thousand: Corpus) -> None:
    loader = parquet_stream(thousand, config(batch_size=1, seq_len=16, shuffle=False))
    order = [prompt[0] for prompt in prompts(loader)]
    rows = [ids[0] for ids in thousand.iter_documents()]
    # Rows 10, 21, 32... of the file; after the pass the full buffer is left, so row 0 is lost next.
    assert order[:20] == rows[:10] + rows[11:21]
    last = order.index(rows[999])
    assert order[last + 1 :][:5] == rows[1:6]


def test_a_second_epoch_carries_on_with_the_same_generator(thousand: Corpus) -> None:
    loader = parquet_stream(thousand, config(batch_size=10, seq_len=16, options={"buffer_size": 100}))
    first, second = prompts(loader), prompts(loader)
    assert (len(first), len(second)) == (1000, 1000)
    assert set(first) != set(second)


def test_nothing_is_lost_where_all_rows_fit_into_the_buffer(corpus: Corpus) -> None:
    loader = parquet_stream(corpus, config(batch_size=1, seq_len=64, options={"buffer_size": 7}))
    assert sorted(prompts(loader)) == sorted(
        tuple(corpus.tokenizer.encode_ordinary(prompt)) for prompt, _ in corpus.iter_pairs()
    )


def test_an_index_means_nothing(thousand: Corpus) -> None:
    loader = parquet_stream(thousand, config())
    assert not (loader[0]["input_ids"] == loader[0]["input_ids"]).all()


def test_rows_are_cut_by_characters_and_end_in_text() -> None:
    encode = Spelling(bpe_encoding())
    assert encode("yes[EOS]") == bpe_encoding().encode_ordinary("yes[EOS]")
    assert bpe_encoding().encode_single_token("<|eos|>") not in encode("yes[EOS]")


def test_a_batch_pads_each_side_to_its_longest(corpus: Corpus) -> None:
    loader = parquet_stream(corpus, config(batch_size=3, seq_len=64, shuffle=False))
    assert isinstance(loader, PairDataset)
    batch = loader[0]
    pad = corpus.special["<|pad|>"]
    own = list(itertools.islice(corpus.iter_documents(), 3))
    assert batch["input_ids"].tolist() == [
        [*own[0][:4], pad, pad], [pad] * 6, own[2][:6].tolist(),
    ]  # fmt: skip
    assert batch["input_mask"].tolist() == [[1, 1, 1, 1, 0, 0], [0] * 6, [1] * 6]
    # The counting vocabulary cannot spell "[EOS]", so here nothing ends a response at all.
    assert batch["target_ids"].tolist() == [
        [*own[0][4:], pad, pad, pad], [pad] * 7, own[2][6:].tolist(),
    ]  # fmt: skip
