"""Data that others made: opened as what it is."""

from __future__ import annotations

import json
import pickle
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loadstone.errors import DataError, UsageError
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.library_text import library_text
from loadstone.loaders.real_data import open_data, require_window
from loadstone.loaders.sparse_corpus import write_sparse
from loadstone.loaders.tokenizer import SPECIAL_NAMES, bpe_encoding

IDS = np.arange(100, 612)
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello?"},
    {"role": "assistant", "content": "Hello."},
]


@pytest.fixture(scope="module")
def text() -> str:
    return "".join(library_text(60_000))


def write_bin(path, ids=IDS, dtype="uint16"):
    np.asarray(ids).astype(dtype).tofile(path)
    return path


def write_table(path, **columns):
    path.parent.mkdir(exist_ok=True, parents=True)
    pq.write_table(pa.table(columns), path)
    return path


def write_lines(path, *values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def test_a_nanogpt_folder_of_real_text(tmp_path, text):
    ids = bpe_encoding().encode_ordinary(text)
    cut = int(0.9 * len(ids))
    write_bin(tmp_path / "train.bin", ids[:cut])
    write_bin(tmp_path / "val.bin", ids[cut:])
    corpus = open_data(tmp_path)
    assert corpus.reads() == ["tokens"]
    assert (corpus.num_tokens("train"), corpus.num_tokens("val")) == (cut, len(ids) - cut)
    assert corpus.vocab_size == max(ids) + 1
    assert corpus.token_dtype == np.uint16
    read = np.fromfile(corpus.token_file("train"), corpus.token_dtype)
    assert bpe_encoding().decode(read.tolist()) == bpe_encoding().decode(ids[:cut])
    require_window(corpus, 1024, "val")


def test_a_pickle_beside_the_tokens_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (sys.exit, ("unpickled",))

    write_bin(tmp_path / "train.bin")
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "input.txt").write_text("the text it was made of")
    corpus = open_data(tmp_path)
    assert any("meta.pkl was not read" in note for note in corpus.manifest.notes)
    assert corpus.reads() == ["tokens"]


def test_the_vocabulary_is_the_largest_id_of_all_splits_unless_stated(tmp_path):
    write_bin(tmp_path / "train.bin", [5, 9, 3])
    write_bin(tmp_path / "val.bin", [5, 70])
    assert open_data(tmp_path).vocab_size == 71
    assert "vocabulary of 71" in open_data(tmp_path).manifest.notes[0]
    assert open_data(tmp_path, vocab_size=50304).vocab_size == 50304
    assert open_data(str(tmp_path), vocab_size=71).vocab_size == 71


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint32", "int64", "uint64"])
def test_a_token_file_of_a_stated_dtype(tmp_path, dtype):
    path = write_bin(tmp_path / "some.bin", IDS % 256, dtype)
    corpus = open_data(path, dtype=dtype)
    assert corpus.token_dtype == dtype
    assert corpus.num_tokens() == len(IDS)
    assert corpus.vocab_size == int((IDS % 256).max()) + 1
    assert corpus.token_file() == path
    assert corpus.name == "some"


def test_ids_past_the_first_chunk_are_read_too(tmp_path, monkeypatch):
    monkeypatch.setattr("loadstone.loaders.validate.CHUNK", 100)
    path = write_bin(tmp_path / "x.bin", [*range(350), 9999, 3])
    assert open_data(path).vocab_size == 10_000
    with pytest.raises(DataError, match="id 9999 at index 350, outside the vocabulary of 5000"):
        open_data(path, vocab_size=5000)


@pytest.mark.parametrize("spec", [CorpusSpec.random(2000), CorpusSpec.random(2000, kind="keyed")])
def test_a_written_corpus_is_opened_by_its_description(tmp_path, spec):
    made = write_corpus(tmp_path, spec)
    for path in (tmp_path, tmp_path / "corpus.json"):
        assert open_data(path, vocab_size=made.vocab_size).manifest == made.manifest


def test_a_written_sparse_corpus_opens_at_once(tmp_path):
    made = write_sparse(tmp_path, 2**31 + 5)
    assert open_data(tmp_path).manifest == made.manifest


def test_a_parquet_file_of_text(tmp_path):
    path = write_table(tmp_path / "x.parquet", text=["one", "two <|bos|>", ""], url=["a", "b", "c"])
    corpus = open_data(path)
    assert corpus.reads() == ["documents"]
    assert [corpus.tokenizer.decode(ids.tolist()) for ids in corpus.iter_documents()] == [
        "one",
        "two <|bos|>",
        "",
    ]
    assert corpus.vocab_size == 4096
    assert corpus.special == {name: bpe_encoding().encode_single_token(name) for name in SPECIAL_NAMES}


@pytest.mark.parametrize("kind", [pa.list_(pa.uint16()), pa.large_list(pa.int64()), pa.list_(pa.int32())])
def test_special_tokens_are_numbered_after_ids_that_are_given(tmp_path, kind):
    path = write_table(tmp_path / "x.parquet", tokens=pa.array([[1, 50_000], [], [7]], kind))
    corpus = open_data(path)
    assert [ids.tolist() for ids in corpus.iter_documents()] == [[1, 50_000], [], [7]]
    assert min(corpus.special.values()) == 50_001
    assert corpus.vocab_size == max(corpus.special.values()) + 1
    assert min(open_data(path, vocab_size=50_257).special.values()) == 50_257


def test_a_folder_of_parquet_with_validation_and_shards(tmp_path):
    for name in ("train-00000", "train-00001", "validation-00000"):
        write_table(tmp_path / "data" / f"{name}.parquet", text=[name])
    write_table(tmp_path / "test" / "0.parquet", text=["held out"])
    write_table(tmp_path / "valentine.parquet", text=["a name that only begins like val"])
    corpus = open_data(tmp_path)
    names = {split: [p.name for p in corpus.document_files(split)] for split in ("train", "val")}
    assert names == {
        "train": ["train-00000.parquet", "train-00001.parquet", "valentine.parquet"],
        "val": ["validation-00000.parquet", "0.parquet"],
    }


def test_a_folder_without_validation_is_all_training(tmp_path):
    for name in "ab":
        write_table(tmp_path / f"{name}.parquet", text=[name])
    corpus = open_data(tmp_path)
    assert len(corpus.document_files()) == 2
    with pytest.raises(DataError, match="no parquet documents for 'val'"):
        corpus.document_files("val")


def test_parquet_pairs_and_conversations(tmp_path):
    pairs = open_data(write_table(tmp_path / "p.parquet", prompt=["1+1="], response=["2"]))
    assert pairs.reads() == ["pairs"]
    assert list(pairs.iter_pairs()) == [("1+1=", "2")]
    talks = open_data(write_table(tmp_path / "c.parquet", messages=[TALK, TALK[1:]]))
    assert talks.reads() == ["conversations"]
    assert list(talks.iter_conversations()) == [TALK, TALK[1:]]


def test_a_file_that_is_several_things_is_listed_as_all_of_them(tmp_path):
    path = write_table(tmp_path / "x.parquet", text=["a"], prompt=["b"], response=["c"], messages=[TALK])
    assert open_data(path).reads() == ["documents", "pairs", "conversations"]


def test_jsonl_conversations_with_keys_nobody_needs(tmp_path):
    lines = [
        {"id": 7, "messages": TALK, "source": {"nested": [1]}},
        {"messages": [turn | {"x": 1} for turn in TALK]},
    ]
    corpus = open_data(write_lines(tmp_path / "talks.jsonl", *lines))
    assert corpus.reads() == ["conversations"]
    found = [
        [{key: turn[key] for key in ("role", "content")} for turn in talk]
        for talk in corpus.iter_conversations()
    ]
    assert found == [TALK, TALK]
    assert corpus.special["<|user_start|>"] < corpus.vocab_size == 4096


@pytest.mark.parametrize("name", ["book.txt", "README", "code.py"])
def test_plain_text_whatever_it_is_called(tmp_path, name):
    (tmp_path / name).write_text("naïve café\n" * 50, "utf-8")
    corpus = open_data(tmp_path / name)
    assert corpus.text_files() == [tmp_path / name]
    assert corpus.reads() == ["tokens"]
    assert corpus.vocab_size == 4096


def test_a_character_cut_by_a_chunk_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("loadstone.loaders.validate.CHUNK", 3)
    (tmp_path / "x.txt").write_text("a漢字é😀b", "utf-8")
    assert open_data(tmp_path / "x.txt").text_files()
    (tmp_path / "y.txt").write_bytes("漢字é".encode() + b"\xff tail")
    with pytest.raises(DataError, match=r"at byte 8\)"):
        open_data(tmp_path / "y.txt")


def test_the_kind_with_the_most_structure_wins_in_a_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("notes")
    assert open_data(tmp_path).reads() == ["tokens"]
    write_lines(tmp_path / "talks.jsonl", {"messages": TALK})
    assert open_data(tmp_path).reads() == ["conversations"]
    write_table(tmp_path / "x.parquet", text=["a"])
    assert open_data(tmp_path).reads() == ["documents"]
    write_bin(tmp_path / "train.bin")
    assert open_data(tmp_path).manifest.token_files


def test_the_fingerprint_is_of_the_content_and_not_of_the_path(tmp_path):
    one, same = (write_bin(tmp_path / name) for name in ("one.bin", "same.bin"))
    other = write_bin(tmp_path / "other.bin", IDS + 1)
    marks = [open_data(path).manifest.fingerprint for path in (one, same, other)]
    assert marks[0] == marks[1] != marks[2]


def test_the_corpus_travels_to_another_process(tmp_path):
    corpus = open_data(write_bin(tmp_path / "x.bin"))
    assert pickle.loads(pickle.dumps(corpus)).manifest == corpus.manifest


def test_opening_imports_no_torch():
    # In a fresh interpreter: this one has loaded torch for other tests.
    import subprocess

    heavy = "{'torch', 'pyarrow', 'tiktoken'} & set(sys.modules)"
    code = f"import sys, loadstone.loaders.real_data; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("dtype", ["int8", "uint16"])
def test_a_dtype_is_for_token_files_alone(tmp_path, dtype):
    path = write_table(tmp_path / "x.parquet", text=["a"])
    with pytest.raises(UsageError, match=f"--dtype {dtype} is for raw token files"):
        open_data(path, dtype=dtype)
