"""Data that cannot be read: one sentence that says what, where, why and what to do."""

from __future__ import annotations

import json

import numpy as np
import pytest
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.real_data import open_data
from refusals import assert_says, refusal

GOOD_LINE = b'{"messages": [{"role": "user", "content": "a"}]}\n'
TURN = {"role": "user", "content": "a"}


def ids(*values: int, dtype: str = "uint16") -> bytes:
    return np.array(values, dtype).tobytes()


TOKENS = {
    "empty": (b"", {}, ["x.bin is empty", "break off"]),
    "odd": (b"\1\2\3", {}, ["has 3 bytes", "no whole number of uint16 ids (2 bytes each)", "--dtype"]),
    "not of four": (b"\1\2\3\4\5\6", {"dtype": "uint32"}, ["6 bytes", "uint32 ids (4 bytes"]),
    "outside": (
        ids(1, 2, 70, 99),
        {"vocab_size": 65},
        ["the id 70 at index 2", "the vocabulary of 65 (0 to 64)", "another dtype than uint16"],
    ),
    "at the edge": (ids(64, 65), {"vocab_size": 65}, ["the id 65 at index 1"]),
    "negative": (ids(5, -1, dtype="int32"), {"dtype": "int32"}, ["the id -1 at index 1"]),
    "two in one": (
        ids(*range(100, 200)),
        {"dtype": "uint32"},
        [f"the id {101 * 65536 + 100} at index 0", "probably not uint32", "--dtype"],
    ),
    "halves": (ids(*range(500), dtype="uint32"), {}, ["every second uint16 id", "say --dtype uint32"]),
    "llm.c": (ids(20240520, 1, 5, 5, dtype="int32") * 64, {}, ["1024-byte header of llm.c", "tail -c +1025"]),
    "unknown dtype": (ids(1), {"dtype": "unit16"}, ["no token dtype 'unit16'", "did you mean 'uint16'"]),
    "float dtype": (ids(1), {"dtype": "f8"}, ["no token dtype 'f8'", "uint32"]),
    "no vocabulary": (ids(1), {"vocab_size": 0}, ["--vocab-size", "at least 1, not 0"]),
}


@pytest.mark.parametrize("case", TOKENS)
def test_a_bad_token_file(tmp_path, case):
    content, stated, parts = TOKENS[case]
    (tmp_path / "x.bin").write_bytes(content)
    assert_says(refusal(tmp_path / "x.bin", **stated), *parts)


def test_a_stated_dtype_is_not_doubted(tmp_path):
    (tmp_path / "x.bin").write_bytes(ids(*range(500), dtype="uint32"))
    assert open_data(tmp_path / "x.bin", dtype="uint16").num_tokens() == 1000


def test_a_bad_validation_file_is_found_too(tmp_path):
    (tmp_path / "train.bin").write_bytes(ids(1, 2))
    (tmp_path / "val.bin").write_bytes(b"")
    assert_says(refusal(tmp_path), "val.bin is empty")


LINES = {
    "empty file": (b"", ["is empty"]),
    "broken": (GOOD_LINE * 2 + b'{"messages": [', ["line 3 of", "is not JSON", "cut short"]),
    "empty line": (GOOD_LINE + b"\n" + GOOD_LINE, ["line 2 of", "is empty; remove it"]),
    "no messages key": (b'{"text": "a", "id": 1}\n', ["line 1 of", "has no 'messages' but text, id"]),
    "no key": (GOOD_LINE + b"{}\n", ["line 2 of", "has no 'messages' but no key at all"]),
    "a list": (b"[1, 2]\n", ["line 1 of", "is no conversation"]),
    "content is no text": (
        GOOD_LINE + b'{"messages": [{"role": "user", "content": [1]}]}\n',
        ["line 2 of", "$.messages[0].content"],
    ),
    "no messages": (GOOD_LINE * 4 + b'{"messages": []}\n', ["line 5 of", "conversation with no messages"]),
    "unknown role": (
        GOOD_LINE + b'{"messages": [{"role": "asistant", "content": "a"}]}\n',
        ["line 2 of", "unknown role 'asistant'", "did you mean 'assistant'?"],
    ),
    "far role": (
        b'{"messages": [{"role": "gpt", "content": "a"}]}\n',
        ["unknown role 'gpt'", "known roles: assistant, system, user."],
    ),
    "not UTF-8": (GOOD_LINE + b'{"x": "\xff"}\n', ["line 2 of", "not UTF-8 (at byte 7 of the line)"]),
    "pretty": (json.dumps({"messages": [TURN]}, indent=2).encode(), ["line 1 of", "pretty-printed"]),
    "half a pair": (b'{"messages": [{"role": "user", "content": "\\ud800"}]}\n', ["line 1 of"]),
    "deep": (b'{"x": ' + b"[" * 100_000 + b"\n", ["line 1 of"]),
}


@pytest.mark.parametrize("case", LINES)
def test_a_bad_line_is_named_by_its_number(tmp_path, case):
    content, parts = LINES[case]
    (tmp_path / "x.jsonl").write_bytes(content)
    assert_says(refusal(tmp_path / "x.jsonl"), "x.jsonl", *parts)


def test_text_that_is_not_utf8(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"caf\xe9 au lait")
    assert_says(refusal(tmp_path / "x.txt"), "not UTF-8 text (at byte 3)", "Convert it to UTF-8")
    (tmp_path / "y.txt").write_bytes(b"")
    assert_says(refusal(tmp_path / "y.txt"), "y.txt is empty")
    (tmp_path / "z.txt").write_bytes("cut short é".encode()[:-1])
    assert_says(refusal(tmp_path / "z.txt"), "not UTF-8")


def test_text_needs_a_vocabulary_that_holds_its_tokens(tmp_path):
    (tmp_path / "x.txt").write_text("text")
    assert_says(refusal(tmp_path / "x.txt", vocab_size=100), "--vocab-size 100 is too small", "4096 ids")
    assert open_data(tmp_path / "x.txt", vocab_size=4160).vocab_size == 4160


@pytest.mark.parametrize("name", ["x.json", "x.npy", "x.pkl", "x.jsonl.gz", "x.arrow"])
def test_a_kind_that_cannot_be_read_is_told_what_to_do(tmp_path, name):
    (tmp_path / name).write_bytes(b"whatever")
    assert_says(refusal(tmp_path / name), name, ";")


def test_what_is_not_there(tmp_path):
    for name in ("nothing", "nothing.bin", "deep/er"):
        assert_says(refusal(tmp_path / name), "there is no file or folder", name)


def test_folders_with_nothing_to_read(tmp_path):
    assert_says(refusal(tmp_path), "is empty", "looked for corpus.json, train.bin, *.parquet")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    assert_says(refusal(tmp_path), "holds nothing that can be read", "image.png", "looked for")
    (tmp_path / "shard.bin").write_bytes(b"\0\0")
    assert_says(refusal(tmp_path), "shard.bin but no train.bin")


def test_a_folder_of_validation_alone(tmp_path):
    (tmp_path / "val.jsonl").write_bytes(GOOD_LINE)
    assert_says(refusal(tmp_path), "only validation files", "val.jsonl")


def test_something_that_is_neither_file_nor_folder():
    assert_says(refusal("/dev/null"), "/dev/null is neither")


@pytest.mark.parametrize(
    ("break_it", "stated", "parts"),
    [
        (lambda folder: (folder / "val.bin").unlink(), {}, ["lacks val.bin", "write the corpus again"]),
        (lambda folder: (folder / "train.bin").write_bytes(b"\0\0"), {}, ["holds 1 tokens, but", "900"]),
        (lambda folder: None, {"dtype": "uint32"}, ["--dtype uint32 contradicts", "says uint16"]),
        (lambda folder: None, {"vocab_size": 256}, ["--vocab-size 256 contradicts", "65530"]),
        (lambda folder: (folder / "corpus.json").write_text("[]"), {}, ["corpus.json cannot be read"]),
    ],
)
def test_a_written_corpus_that_is_no_longer_what_it_says(tmp_path, break_it, stated, parts):
    write_corpus(tmp_path, CorpusSpec.random(1000))
    break_it(tmp_path)
    assert_says(refusal(tmp_path, **stated), *parts)
