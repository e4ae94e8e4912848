"""Bad input to the command: one clear sentence, exit 4, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import command
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import assert_refused, call, contents

pytestmark = pytest.mark.usefixtures("quick_start")
TURN = {"role": "user", "content": "a"}
TALK = json.dumps({"messages": [TURN]})


def ids(count: int, dtype: str = "uint16") -> bytes:
    return np.arange(count).astype(dtype).tobytes()


def parquet(folder: Path, **columns: list) -> Path:
    pq.write_table(pa.table(columns), folder / "x.parquet")
    return folder / "x.parquet"


def cut_short(folder: Path) -> Path:
    file = parquet(folder, text=["a"] * 1000)
    file.write_bytes(file.read_bytes()[:-20])
    return file


def no_row_groups(folder: Path) -> Path:
    pq.ParquetWriter(folder / "x.parquet", pa.schema([("text", pa.string())])).close()
    return folder / "x.parquet"


def put(name: str, content: bytes | str):
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return write


DATA = {
    "missing": (lambda folder: folder / "nowhere", (), ["nowhere", "there is no file or folder"]),
    "empty folder": (lambda folder: folder, (), ["is empty", "looked for"]),
    "empty .bin": (put("train.bin", b""), (), ["train.bin", "is empty"]),
    "odd bytes": (put("train.bin", ids(3000) + b"x"), (), ["train.bin", "6001 bytes"]),
    "too few": (put("train.bin", ids(1024)), (), ["1024 tokens", "1024", "1025"]),
    "too few, T given": (put("train.bin", ids(9)), ("-T", 9), ["9 tokens", "10"]),
    "outside": (put("train.bin", ids(3000)), ("--vocab-size", 50), ["the id 50", "vocabulary of 50"]),
    "dtype": (put("train.bin", ids(3000)), ("--dtype", "uint17"), ["'uint17'", "did you mean 'uint16'"]),
    "vocabulary": (put("train.bin", ids(3000)), ("--vocab-size", 0), ["--vocab-size", "not 0"]),
    "no column": (lambda folder: parquet(folder, body=["a"]), (), ["x.parquet", "text", "body"]),
    "no row groups": (no_row_groups, (), ["x.parquet", "row group"]),
    "truncated": (cut_short, (), ["x.parquet", "cut short"]),
    "broken line": (put("x.jsonl", f"{TALK}\n" * 2 + '{"messages": ['), (), ["line 3", "not JSON"]),
    "role": (put("x.jsonl", TALK.replace("user", "usr")), (), ["line 1", "'usr'", "did you mean 'user'"]),
    "no messages": (put("x.jsonl", f'{TALK}\n{{"messages": []}}\n'), (), ["line 2", "no messages"]),
    "pickle": (put("meta.pkl", b"x"), (), ["meta.pkl", "looked for"]),
}  # fmt: skip


@pytest.mark.parametrize("verb", ["run", "bench", "show"])
@pytest.mark.parametrize("case", DATA)
def test_bad_data(tmp_path, capsys, case, verb):
    make, more, parts = DATA[case]
    (tmp_path / "data").mkdir()
    data = make(tmp_path / "data")
    before = contents(tmp_path)
    if verb == "show":
        words = ["show", "memmap_per_batch", "--data", data, *more]
        if case.startswith("too few"):
            words += ["-T", 1024] if "-T" not in more else []
    else:
        words = [verb, "--quick", "--data", data, "-o", tmp_path / "report", *more]
    assert_refused(call(capsys, *words), *parts)
    assert contents(tmp_path) == before
    assert not (tmp_path / "report").exists()


FILES = {
    "syntax.py": ("def f(:", ["syntax.py cannot be imported", "SyntaxError"]),
    "noise.py": ("\0\1\2", ["noise.py cannot be imported"]),
    "raises.py": ("raise OSError('no\\nnetwork')", ["raises.py", "OSError: no network", "make `python -c"]),
    "exits.py": ("raise SystemExit(0)", ["exits.py", "SystemExit"]),
    "dies.py": ("import os; os._exit(9)", ["dies.py:f", "exit code 9"]),
    "misspelt.py": ("def ff(c, g): return []", ["has no 'f'", "did you mean 'ff'"]),
    "value.py": ("f = 7", ["value.py:f is a int, not a factory"]),
    "traits.py": (
        "import loadstone\n@loadstone.loader(order='shufled')\ndef f(c, g): return []",
        ["order='shufled'", "did you mean 'shuffled'"],
    ),
    "data.txt": ("words", ["data.txt", "end in .py"]),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("verb", ["run", "check"])
def test_bad_files(tmp_path, capsys, name, verb):
    content, parts = FILES[name]
    (tmp_path / name).write_text(content, encoding="utf-8")
    words = [verb, f"{tmp_path}/{name}:f", "-o", tmp_path / "report"]
    assert_refused(call(capsys, *words), *parts)
    assert list(contents(tmp_path)) == [name]


NAMES = {
    "memmap_persistant": ["no subject 'memmap_persistant'", "did you mean 'memmap_persistent'"],
    "zzz": ["no subject 'zzz'", "known subjects: ", "path/to/file.py:factory"],
    "no/such/file.py:f": ["no/such/file.py does not exist"],
    "no_such_module_at_all:f": ["no_such_module_at_all cannot be imported", "a missing package"],
    "in_memory[order]": ["the option 'order' has no value"],
    "in_memory[ordr=windows]": ["accepts no option 'ordr'", "did you mean 'order'"],
    "in_memory[order=window]": ["'window'", "did you mean 'windows'"],
    "": ["the subject ''"],
}


@pytest.mark.parametrize("verb", ["run", "check", "bench", "show"])
@pytest.mark.parametrize("name", NAMES)
def test_bad_names(tmp_path, capsys, monkeypatch, name, verb):
    monkeypatch.chdir(tmp_path)
    assert_refused(call(capsys, verb, name), *NAMES[name])
    assert contents(tmp_path) == {}


WORDS = {
    ("--option", "bufer_size=3"): ["'bufer_size'", "did you mean 'buffer_size'"],
    ("--option", "buffer_size=many"): ["buffer_size", "takes int, not 'many'"],
    ("--option", "buffer_size"): ["--option 'buffer_size' has no value"],
    ("--trait", "ordr=windows"): ["no trait 'ordr'", "did you mean 'order'"],
    ("--trait", "order=window"): ["order='window'", "did you mean 'windows'"],
    ("--trait", "order"): ["--trait 'order' has no value"],
    ("--trait", "overlap=some"): ["trait overlap", "'some'"],
    ("-B", "0"): ["batch_size must be a whole number of at least 1, not 0"],
    ("-B", "-4"): ["batch_size", "not -4"],
    ("-B", "many"): ["'many'"],
    ("-T", "0"): ["seq_len must be a whole number of at least 1, not 0"],
    ("-T", "-1"): ["seq_len", "not -1"],
    ("-T", "1e3"): ["'1e3'"],
    ("-T", "1000000000000"): ["1000000000000", "a zero too many"],
    ("-B", "1000000000"): ["1000000000", "a zero too many"],
    ("--seed", "-1"): ["seed", "not -1"],
    ("--seed", "9999999999"): ["seed 9999999999"],
    ("--memory-limit", "much"): ["--memory-limit 'much'", "2GiB"],
    ("--memory-limit", "2"): ["--memory-limit '2'", "was GiB meant?"],
    ("--deadline", "0"): ["--deadline", "above 0, not 0"],
    ("--deadline", "-5"): ["--deadline", "not -5"],
    ("--deadline", "nan"): ["--deadline", "not nan"],
    ("--deadline", "soon"): ["'soon'"],
    ("--no-such-option",): ["--no-such-option"],
    ("--bach-size", "4"): ["--bach-size", "--batch-size"],
}
MEASURING = {
    ("--device", "cdua"): ["no device 'cdua'", "did you mean 'cuda'"],
    ("--device", "mps"): ["no device 'mps' here", "omit --device"],
    ("--device", "cuda:77"): ["no device 'cuda:77' here", "omit --device"],
    ("--dtype", "uint16"): ["--dtype uint16", "give --data too"],
    ("--vocab-size", "100"): ["--vocab-size 100", "give --data too"],
}


@pytest.mark.parametrize("verb", ["run", "check"])
@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_bad_words(tmp_path, capsys, words, verb):
    said = call(capsys, verb, "parquet_stream", "-o", tmp_path / "report", *words)
    assert_refused(said, *WORDS[words])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["run", "bench", "show"])
@pytest.mark.parametrize("words", MEASURING, ids=" ".join)
def test_bad_words_for_measurements(tmp_path, capsys, monkeypatch, words, verb):
    monkeypatch.chdir(tmp_path)
    assert_refused(call(capsys, verb, "in_memory", *words), *MEASURING[words])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["chek"], ["no verb 'chek'", "did you mean 'check'"]),
        (["frobnicate"], ["no verb 'frobnicate'", "known verbs: bench, check"]),
        (["bench", "--only", "speed"], ["'speed'", "throughput"]),
        (["show"], ["SUBJECT"]),
        (["check", "in_memory", "--resume"], ["--resume needs the report folder", "-o"]),
        (["show", "in_memory", "--rows", "0"], ["--rows", "0"]),
        (["corpus"], ["FOLDER"]),
        (["corpus", "x", "--tokens", "0"], ["--tokens must be at least 1, not 0"]),
        (["corpus", "x", "--tokens", "-5"], ["not -5"]),
        (["corpus", "x", "--tokens", "100000"], ["65521"]),
        (["corpus", "x", "--kind", "prime"], ["'prime'", "permutation"]),
        (["report", "nothing.json"], ["nothing.json cannot be read", "results.json of a run"]),
    ],
)
def test_bad_calls_of_verbs(tmp_path, capsys, monkeypatch, words, parts):
    monkeypatch.chdir(tmp_path)
    assert_refused(call(capsys, *words), *parts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", "\0", '{"schema": "loadstone/2"}', '{"schema": "loadstone/1"}']
)
def test_a_report_of_what_is_no_document(tmp_path, capsys, content):
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    said = call(capsys, "report", tmp_path / "x.json", "-o", tmp_path / "report")
    assert_refused(said, "x.json is not a loadstone/1 document", "results.json")
    assert list(contents(tmp_path)) == ["x.json"]


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("-o", "file/report"),
        ("-o", "file"),
        ("--json", "file/x.json"),
        ("--junit", "file/x.xml"),
        ("--json", "folder"),
        ("--junit", "folder"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "check", "bench"])
def test_places_that_cannot_be_written(tmp_path, capsys, monkeypatch, verb, option, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    assert_refused(call(capsys, verb, "in_memory", option, place), place.split("/")[0], option)
    assert contents(tmp_path) == {"file": b"mine"}


def test_a_corpus_where_nothing_can_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for place in ("file", "file/corpus"):
        assert_refused(
            call(capsys, "corpus", tmp_path / place), "cannot be written", "choose a folder that can"
        )
    assert contents(tmp_path) == {"file": b"mine"}


def test_as_a_program_it_is_one_line_too(tmp_path):
    said = command.program("check", "memmap_persistant", folder=tmp_path)
    assert_refused(said, "did you mean 'memmap_persistent'")
