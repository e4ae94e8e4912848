"""Writing corpora: as many positions as asked, the same for the same specification, or refused."""

from __future__ import annotations

import filecmp

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loadstone.errors import DataError, UsageError
from loadstone.loaders.corpus import Corpus
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus, write_text_corpus
from loadstone.loaders.counting import UNKNOWN
from loadstone.loaders.sparse_corpus import write_sparse

ONE = CorpusSpec(documents=(100,))
SHARDS = CorpusSpec(documents=(0, 1, 7, 8, 9, 10, 17) * 4, shards=11, row_group=2, seed=3)
RANDOM = CorpusSpec.random(5000, mean_length=40, seed=7)
SPECS = {
    "eleven shards": SHARDS,
    "separators": CorpusSpec(documents=(0, 1, 7), val_documents=(3, 0, 5), separators=True),
    "keyed": CorpusSpec.random(5000, mean_length=40, kind="keyed"),
}


def stream(corpus: Corpus, split: str = "train") -> np.ndarray:
    return np.fromfile(corpus.token_file(split), corpus.token_dtype)


@settings(max_examples=30)
@given(st.integers(1, 3000), st.integers(1, 60), st.integers(0, 99), st.booleans())
def test_random_specs_have_as_many_positions_as_asked(tokens, mean, seed, separators):
    spec = CorpusSpec.random(tokens, mean, seed=seed, separators=separators)
    assert tokens - 2 * separators <= spec.positions <= tokens
    assert all(0 < length < 2 * mean for length in spec.documents)


@pytest.mark.parametrize("name", SPECS)
def test_identical_specs_give_identical_folders(tmp_path, name):
    one, other = (write_corpus(tmp_path / part, SPECS[name]) for part in "ab")
    assert one.manifest == other.manifest
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    same, different, missing = filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", files, shallow=False)
    assert (different, missing) == ([], [])
    assert len(same) == len(files) > 3


def test_another_seed_gives_other_ids_and_another_fingerprint(tmp_path):
    one, other = (write_corpus(tmp_path / str(n), CorpusSpec(documents=(500,), seed=n)) for n in (1, 2))
    assert np.mean(stream(one, "train") == stream(other, "train")) < 0.05
    assert one.manifest.fingerprint != other.manifest.fingerprint


def test_eleven_shards_are_eleven_files_of_small_row_groups(tmp_path):
    corpus = write_corpus(tmp_path, SHARDS)
    files = [pq.ParquetFile(path) for path in corpus.document_files()]
    assert len(files) == 11
    assert sum(file.metadata.num_rows for file in files) == len(SHARDS.documents)
    assert all(file.metadata.row_group(0).num_rows <= 2 for file in files)


def test_raw_bytes_are_stored_plain_and_ids_in_a_dictionary(tmp_path):
    corpus = write_corpus(tmp_path, RANDOM)
    group = pq.ParquetFile(corpus.document_files()[0]).metadata.row_group(0)
    leaves = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert leaves["token_bytes"].compression == "UNCOMPRESSED"
    assert "RLE_DICTIONARY" not in leaves["token_bytes"].encodings
    assert leaves["tokens.list.element"].compression == "SNAPPY"
    assert "RLE_DICTIONARY" in leaves["tokens.list.element"].encodings


def test_a_sparse_file_is_huge_and_small(tmp_path):
    tokens = 2**31 + 10_000
    corpus = write_sparse(tmp_path, tokens)
    status = corpus.token_file().stat()
    assert status.st_size == 2 * tokens > 2**32
    assert status.st_blocks * 512 < 2**20
    for start in (0, 2**31 - 50, tokens - 100):
        row = np.fromfile(corpus.token_file(), "<u2", 100, offset=2 * start)
        assert corpus.locate(row).tolist() == list(range(start, start + 100))
    hole = np.fromfile(corpus.token_file(), "<u2", 100, offset=2 * 10**9)
    assert np.all(corpus.locate(hole) == UNKNOWN)


def test_the_text_corpus_is_the_same_text_in_every_format(tmp_path):
    corpus = write_text_corpus(tmp_path, 60_000)
    for split in ("train", "val"):
        bos = corpus.special["<|bos|>"]
        parts = [np.concatenate([[bos], ids]) for ids in corpus.iter_documents(split)]
        assert np.array_equal(np.concatenate(parts), stream(corpus, split))
        texts = [corpus.tokenizer.decode(ids.tolist()) for ids in corpus.iter_documents(split)]
        turns = ["".join(turn["content"] for turn in c) for c in corpus.iter_conversations(split)]
        assert texts == turns
    assert corpus.vocab_size == 4096
    with pytest.raises(DataError, match="holds real data"):
        corpus.locate(np.zeros(3, np.int64))


def test_a_broken_write_is_no_corpus(tmp_path, monkeypatch):
    write_corpus(tmp_path, ONE)
    monkeypatch.setattr("loadstone.loaders.corpus_writer.documents_table", None)
    with pytest.raises(TypeError):
        write_corpus(tmp_path, RANDOM)
    with pytest.raises(DataError, match="does not exist"):
        Corpus.open(tmp_path)


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        (CorpusSpec(documents=(65_522,)), ["at most 65521 positions, not 65522", "'keyed'"]),
        (CorpusSpec(kind="keyed", documents=(2**31 + 1,)), ["at most 2147483648 positions"]),
        (CorpusSpec(kind="permutaton", documents=(1,)), ["did you mean 'permutation'?"]),
    ],
)
def test_a_corpus_that_cannot_be_numbered_is_refused(tmp_path, spec, parts):
    with pytest.raises(UsageError) as caught:
        write_corpus(tmp_path / "new", spec)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("positions", [0, -1, 65521**2 + 1])
def test_a_sparse_corpus_of_no_possible_size_is_refused(tmp_path, positions):
    with pytest.raises(UsageError, match=f"not {positions}"):
        write_sparse(tmp_path, positions)


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot be written"):
        write_corpus(tmp_path / "file" / "below", ONE)
