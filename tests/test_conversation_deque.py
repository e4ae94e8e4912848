"""Conversations as one endless stream: cut without a loss, shared by ranks, cached, counted."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loadstone.errors import DataError, UsageError
from loadstone.loaders.chat_template import ChatTemplate
from loadstone.loaders.conversation_deque import IGNORE_INDEX, held_bytes
from loadstone.loaders.conversations import ConversationFiles
from loadstone.loaders.corpus import Corpus, Manifest
from sample_chats import make, nine_conversations, stream, take

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return nine_conversations(tmp_path_factory.mktemp("corpus"))


def test_two_rows_of_four_from_t0_to_t8(corpus: Corpus) -> None:
    t, supervised = stream(corpus)
    masked = np.where(supervised, t, IGNORE_INDEX)
    loader = make(corpus)
    x, y = next(loader)
    assert x.tolist() == [t[0:4].tolist(), t[4:8].tolist()]
    assert y.tolist() == [masked[1:5].tolist(), masked[5:9].tolist()]
    assert tuple(x[0, :2].tolist()) == (corpus.special["<|bos|>"], corpus.special["<|user_start|>"])
    x, _ = next(loader)
    assert x[0].tolist() == t[8:12].tolist()  # t8, the last target, is the next input


def test_three_passes_in_order_without_a_gap(corpus: Corpus) -> None:
    t, supervised = stream(corpus, passes=3)
    batches = (len(t) - 1) // 8
    pairs = list(itertools.islice(make(corpus), batches))
    assert np.concatenate([x.flatten() for x, _ in pairs]).tolist() == t[: batches * 8].tolist()
    targets = np.concatenate([y.flatten() for _, y in pairs])
    expected = np.where(supervised, t, IGNORE_INDEX)[1 : batches * 8 + 1]
    assert targets.tolist() == expected.tolist()
    assert {(x.shape, str(x.dtype), y.shape, str(y.dtype)) for x, y in pairs} == {
        ((2, 4), "torch.int32", (2, 4), "torch.int64")
    }


def test_a_batch_is_the_consumers_own(corpus: Corpus) -> None:
    loader, expected = make(corpus), take(make(corpus), 30)
    held = []
    for x, y in itertools.islice(loader, 30):
        held.append((x.clone(), y.clone(), x, y))
    assert [(x.tolist(), y.tolist()) for *_, x, y in held] == expected
    spoilt = []
    for x, y in itertools.islice(make(corpus, {"token_cache": True}), 30):
        spoilt.append((x.tolist(), y.tolist()))
        x.zero_()
        y.zero_()
    assert spoilt == expected


@pytest.mark.parametrize("world_size", [2, 3, 9])
def test_rank_r_takes_every_wth_conversation(corpus: Corpus, world_size: int) -> None:
    for rank in range(world_size):
        t, _ = stream(corpus, 3, rank, world_size)
        batches = (len(t) - 1) // 8
        given = take(make(corpus, rank=rank, world_size=world_size), batches)
        assert [i for x, _ in given for row in x for i in row] == t[: batches * 8].tolist()


def test_a_rank_without_a_conversation_is_told(corpus: Corpus) -> None:
    loader = make(corpus, rank=9, world_size=10)
    for _ in range(2):  # and told again, instead of ending quietly
        with pytest.raises(DataError, match=r"rank 9 of 10 gets no conversation from train\.jsonl"):
            next(loader)


def test_parquet_gives_what_jsonl_gives(corpus: Corpus, tmp_path: Path) -> None:
    names = [f"conversations/{name}" for name in ("train.jsonl", "train.parquet")]
    manifests = [
        Manifest(
            name="one format", kind="text", vocab_size=65536, tokenizer="counting",
            special=corpus.special, conversation_files={"train": [name]},
        )
        for name in names
    ]  # fmt: skip
    jsonl, parquet = (take(make(Corpus(corpus.folder, m)), 60) for m in manifests)
    assert jsonl == parquet == take(make(corpus), 60)


@pytest.mark.parametrize("block", [1, 20, 1 << 20])
def test_files_come_in_numeric_order(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadstone.loaders.conversations.BLOCK_BYTES", block)
    for number in (10, 9, 2):
        (tmp_path / f"c{number}.jsonl").write_text(f'{{"messages": {number}}}\n\n{{"messages": -1}}\n')
    files = ConversationFiles(list(tmp_path.iterdir()), rank=0, world_size=1)
    read = list(files.read())
    assert [messages for _, messages in read] == [2, -1, 9, -1, 10, -1]
    assert [place.line for place, _ in read] == [1, 3] * 3
    for number, (place, _) in enumerate(read):
        assert [m for _, m in files.read(place)] == [m for _, m in read[number:]]


def test_a_place_in_parquet_is_a_row_of_any_row_group(tmp_path: Path) -> None:
    conversations = [[{"role": "user", "content": str(number)}] for number in range(7)]
    for name in ("a", "b"):
        table = pa.table({"messages": conversations})
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=3)
    files = ConversationFiles(list(tmp_path.iterdir()), rank=0, world_size=1)
    read = list(files.read())
    assert [messages for _, messages in read] == conversations * 2
    for number, (place, _) in enumerate(read):
        assert list(files.read(place)) == read[number:]


def test_the_token_cache_changes_nothing_but_the_work(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, cached = make(corpus), make(corpus, {"token_cache": True})
    length = len(stream(corpus)[0])
    assert take(plain, length) == take(cached, length)  # eight passes
    assert plain._files.held_bytes > 0 == cached._files.held_bytes  # no file is read after the first pass
    assert held_bytes(cached) == length * (2 + 4)  # uint16, and targets as int32
    monkeypatch.setattr(ChatTemplate, "render", None)
    assert len(take(cached, length)) == length
    assert plain.stats() | {"batches": 0, "tokens": 0} != cached.stats()
    with pytest.raises(TypeError):
        take(plain, length)


def test_stats_are_a_recount(corpus: Corpus) -> None:
    t, supervised = stream(corpus)
    loader = make(corpus, batch_size=1, seq_len=len(t))
    next(loader)  # one pass, and the BOS of the next as last target
    assert loader.stats() == {
        "epoch": 1, "batches": 1, "tokens": len(t), "supervised": int(supervised.sum()),
        "conversations": 10, "truncated_tokens": 0,
    }  # fmt: skip


def test_a_limit_cuts_and_counts(corpus: Corpus) -> None:
    limited = make(corpus, {"max_tokens": 10}, batch_size=1, seq_len=8)
    lengths = [len(stream(corpus, 1, i, 9)[0]) for i in range(9)]
    wanted = sum(min(10, length) for length in lengths)
    given = take(limited, (wanted - 1) // 8 + 1)
    bos = corpus.special["<|bos|>"]
    flat = [i for x, _ in given for row in x for i in row]
    starts = [n for n, i in enumerate(flat) if i == bos]
    assert np.diff(starts)[:8].tolist() == [min(10, length) for length in lengths[:8]]
    cut = sum(max(0, length - 10) for length in lengths)
    extra = limited.stats()["conversations"] - 9
    assert limited.stats()["truncated_tokens"] == cut + sum(max(0, n - 10) for n in lengths[:extra])
    with pytest.raises(UsageError, match="max_token"):
        make(corpus, {"max_token": 3})
