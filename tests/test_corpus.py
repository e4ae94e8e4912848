"""One corpus, many formats, the same positions in all of them."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadstone.errors import DataError
from loadstone.loaders.corpus import Corpus, segments
from loadstone.loaders.corpus_writer import (
    CorpusSpec,
    pair_cut,
    turn_cuts,
    write_corpus,
)
from loadstone.loaders.counting import SPECIAL, UNKNOWN
from loadstone.loaders.formats import finish

T = 8
EDGES = (0, 1, T - 1, T, T + 1, T + 2, 2 * T + 1)
VARIANTS = {
    "edge lengths": CorpusSpec(documents=EDGES, val_documents=(3, 0, 5)),
    "separators": CorpusSpec(documents=EDGES, val_documents=(3, 0, 5), separators=True),
    "one document": CorpusSpec(documents=(100,)),
    "eleven shards": CorpusSpec(documents=EDGES * 4, shards=11, row_group=2, seed=3),
    "more shards than documents": CorpusSpec(documents=(5, 6), shards=4),
    "validation only": CorpusSpec(val_documents=(10, 2)),
    "random": CorpusSpec.random(5000, mean_length=40, seed=7),
    "random, separators": CorpusSpec.random(5000, mean_length=40, seed=7, separators=True),
    "keyed": CorpusSpec.random(5000, mean_length=40, kind="keyed"),
}


@pytest.fixture(scope="module", params=VARIANTS)
def written(request, tmp_path_factory) -> tuple[CorpusSpec, Corpus]:
    spec = VARIANTS[request.param]
    return spec, write_corpus(tmp_path_factory.mktemp("corpus"), spec)


def splits(corpus: Corpus) -> list[str]:
    return [split for split in ("train", "val") if corpus.num_tokens(split)]


def expected(corpus: Corpus, split: str) -> list[list[int]]:
    """Positions of each document's own tokens."""
    return [list(range(start, end)) for start, end in corpus.segments(split)]


def stream(corpus: Corpus, split: str) -> np.ndarray:
    return np.fromfile(corpus.token_file(split), corpus.token_dtype)


def test_token_files_hold_every_position_once_and_in_order(written):
    spec, corpus = written
    position = 0
    for split in splits(corpus):
        found = corpus.locate(stream(corpus, split))
        assert len(found) == corpus.num_tokens(split)
        ordinary = found != SPECIAL
        where = np.arange(position, position + len(found))
        assert np.array_equal(found[ordinary], where[ordinary])
        assert np.count_nonzero(~ordinary) == spec.separators * len(corpus.segments(split))
        position += len(found)
    assert position == spec.positions


def test_the_document_index_says_where_each_document_lies(written):
    spec, corpus = written
    for split in splits(corpus):
        lengths = spec.documents if split == "train" else spec.val_documents
        index = corpus.segments(split)
        assert tuple(index[:, 1] - index[:, 0]) == lengths
        own = [position for document in expected(corpus, split) for position in document]
        found = corpus.locate(stream(corpus, split))
        assert found[found >= 0].tolist() == own  # only what is in the index, and all of it


def test_parquet_tokens_bytes_and_text_tell_the_same_positions(written):
    _, corpus = written
    for split in splits(corpus):
        tables = [pq.read_table(path) for path in corpus.document_files(split)]
        rows = [row for table in tables for row in table.to_pylist()]
        tokens = [corpus.locate(np.array(row["tokens"], np.int64)).tolist() for row in rows]
        raw = [corpus.locate(np.frombuffer(row["token_bytes"], corpus.token_dtype)).tolist() for row in rows]
        assert tokens == raw == expected(corpus, split)
        if corpus.manifest.kind == "permutation":
            encode = corpus.tokenizer.encode_ordinary
            text = [corpus.locate(np.array(encode(row["text"]), np.int64)).tolist() for row in rows]
            assert text == tokens


def test_iterated_documents_are_the_stored_ones(written):
    _, corpus = written
    for split in splits(corpus):
        found = [corpus.locate(ids).tolist() for ids in corpus.iter_documents(split)]
        assert found == expected(corpus, split)


def test_pairs_are_the_documents_cut_in_two(written):
    _, corpus = written
    if corpus.manifest.kind != "permutation":
        with pytest.raises(DataError, match="no prompt/response pairs"):
            corpus.pair_files()
        return
    for split in splits(corpus):
        found = [[positions(corpus, half) for half in pair] for pair in corpus.iter_pairs(split)]
        assert [prompt + response for prompt, response in found] == expected(corpus, split)
        assert all(len(prompt) == pair_cut(len(prompt + response)) for prompt, response in found)


def test_conversations_are_the_documents_cut_in_turns(written):
    _, corpus = written
    if corpus.manifest.kind != "permutation":
        assert "conversations" not in corpus.reads()
        return
    for split in splits(corpus):
        for index, (messages, document) in enumerate(
            zip(corpus.iter_conversations(split), expected(corpus, split), strict=True)
        ):
            cuts = turn_cuts(index, len(document))
            assert [turn["role"] for turn in messages] == [role for role, _, _ in cuts]
            found = [positions(corpus, turn["content"]) for turn in messages]
            assert found == [document[start:end] for _, start, end in cuts]


def test_conversations_in_parquet_and_jsonl_are_the_same(written):
    _, corpus = written
    for split in splits(corpus) if corpus.manifest.conversation_files else ():
        (path,) = corpus.conversation_files(split)
        table = pq.read_table(path.with_suffix(".parquet"))
        assert table["messages"].to_pylist() == list(corpus.iter_conversations(split))


def positions(corpus: Corpus, text: str) -> list[int]:
    return corpus.locate(np.array(corpus.tokenizer.encode_ordinary(text), np.int64)).tolist()


def test_validation_continues_after_training(tmp_path):
    corpus = write_corpus(tmp_path, VARIANTS["separators"])
    last = corpus.segments("train")[-1, 1]
    assert corpus.segments("val")[0, 0] == last + 1  # a separator stands between
    train, val = (set(corpus.locate(stream(corpus, split)).tolist()) for split in ("train", "val"))
    assert train & val == {SPECIAL}


@given(
    st.lists(st.integers(0, 50)),
    st.lists(st.integers(0, 50)),
    st.booleans(),
)
def test_segments_tile_the_positions(train, val, separators):
    lengths = {"train": train, "val": val}
    both = np.concatenate([segments(lengths, split, separators) for split in ("train", "val")])
    assert (both[:, 1] - both[:, 0]).tolist() == train + val
    edges = [*both[:, 0].tolist(), sum(train + val) + separators * len(train + val)]
    ends = [0, *both[:, 1].tolist()]
    gaps = [start - end for start, end in zip(edges, ends, strict=True)]
    assert gaps == [int(separators)] * len(both) + [0]


def test_ids_past_the_end_of_the_corpus_stand_nowhere(tmp_path):
    corpus = write_corpus(tmp_path, CorpusSpec(documents=(100,)))
    ids = corpus.numbering.ids(np.arange(98, 103))
    assert corpus.locate(ids).tolist() == [98, 99, UNKNOWN, UNKNOWN, UNKNOWN]


def test_specials_lie_past_the_ordinary_ids_and_inside_the_vocabulary(written):
    _, corpus = written
    ids = np.array(list(corpus.special.values()))
    assert ids.min() == corpus.numbering.first_special
    assert ids.max() == corpus.vocab_size - 1
    assert np.all(corpus.locate(ids) == SPECIAL)
    assert corpus.vocab_size <= 2 ** (8 * corpus.token_dtype.itemsize)


def test_a_corpus_is_read_back_and_travels(tmp_path):
    corpus = write_corpus(tmp_path, VARIANTS["one document"])
    assert corpus.tokenizer.n_vocab == corpus.vocab_size
    for again in (Corpus.open(tmp_path), pickle.loads(pickle.dumps(corpus))):
        assert again.manifest == corpus.manifest
        assert again.token_file() == corpus.token_file()
        assert again.token_file().is_absolute()


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "does not exist; write a corpus"),
        (b"{", "cannot be read"),
        (b'{"name": "x"}', "cannot be read"),
        (b'{"schema": "other/9", "name": "x", "kind": "foreign", "vocab_size": 1}', "'other/9'"),
    ],
)
def test_a_description_that_cannot_be_read(tmp_path, content, part):
    if content is not None:
        (tmp_path / "corpus.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        Corpus.open(tmp_path)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_format_is_told_with_those_there_are(tmp_path):
    corpus = write_corpus(tmp_path, VARIANTS["one document"])
    with pytest.raises(DataError, match="no token file for 'val'"):
        corpus.token_file("val")
    bare = finish(tmp_path, type(corpus.manifest)(name="bare", kind="foreign", vocab_size=1))
    with pytest.raises(DataError, match="it has nothing readable"):
        bare.document_files()
