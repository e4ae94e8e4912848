"""The main job on real data: what can read it is measured, the rest is skipped with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import call
from loadstone.harness.settings import EFFORTS, Effort
from loadstone.loaders.tokenizer import get_encoding
from loadstone.reports.document import Subject, load

pytestmark = pytest.mark.usefixtures("quick_start", "little_effort")
WORDS = "A loader that is asked for a batch of tokens gives the next ones of its stream, and so on. "
LINES = [f"{number}: {WORDS * (1 + number % 3)}" for number in range(600)]


@pytest.fixture
def little_effort(monkeypatch):
    """As quick as it can be and still judge: six rounds, and samples for eight floors."""
    little = Effort(
        rounds=6, slot_s=0.01, memory_batches=1000, memory_s=300.0, characters=300_000, shrink_s=0.0
    )
    monkeypatch.setitem(EFFORTS, "quick", little)


def nano_gpt(folder: Path) -> Path:
    """A folder as nanoGPT prepares it: uint16 ids of real text."""
    ids = get_encoding("bpe4k").encode_ordinary("\n".join(LINES))
    cut = int(0.9 * len(ids))
    np.array(ids[:cut], np.uint16).tofile(folder / "train.bin")
    np.array(ids[cut:], np.uint16).tofile(folder / "val.bin")
    (folder / "meta.pkl").write_bytes(b"never read")
    return folder


def parquet(folder: Path) -> Path:
    pq.write_table(pa.table({"text": LINES}), folder / "train.parquet", row_group_size=100)
    return folder


def pairs(folder: Path) -> Path:
    pq.write_table(pa.table({"prompt": LINES, "response": LINES[::-1]}), folder / "train.parquet")
    return folder


def conversations(folder: Path) -> Path:
    with (folder / "chat.jsonl").open("w", encoding="utf-8") as file:
        for line in LINES:
            turns = [{"role": "user", "content": line}, {"role": "assistant", "content": WORDS}]
            file.write(json.dumps({"messages": turns, "id": 7}) + "\n")
    return folder / "chat.jsonl"


def text(folder: Path) -> Path:
    (folder / "input.txt").write_text("\n".join(LINES), encoding="utf-8")
    return folder / "input.txt"


CASES = {
    "nanoGPT": (nano_gpt, ["in_memory", "memmap_per_batch"], "parquet_stream"),
    "parquet": (parquet, ["parquet_stream"], "memmap_persistent"),
    "pairs": (pairs, ["parquet_stream"], "in_memory"),
    "conversations": (conversations, ["conversation_deque"], "memmap_per_batch"),
    "text": (text, ["in_memory"], "conversation_deque"),
}


def run(capsys, folder: Path, data: Path, *subjects: str) -> dict[str, Subject]:
    """The subjects of a quick run, under the names they began with."""
    words = ["run", *subjects, "--quick", "--only", "shift", "--data", data, "-o", folder / "report"]
    said = call(capsys, *words, "-B", 4, "-T", 32, "--deadline", 300)
    document = load(folder / "report" / "results.json")
    assert (said.code, document.exit_code, said.err) == (0, 0, ""), said.out
    assert document.data["kind"] == "foreign"
    return {subject.name.partition("[")[0]: subject for subject in document.subjects}


@pytest.mark.parametrize("case", CASES)
def test_what_can_read_it_is_measured_and_the_rest_skipped(tmp_path, capsys, case):
    make, readers, other = CASES[case]
    (tmp_path / "data").mkdir()
    data = make(tmp_path / "data")
    found = run(capsys, tmp_path, data, *readers, other)
    assert set(found) == {*readers, other}
    for name in readers:
        (row,) = found[name].throughput
        assert row.tokens_per_s, row.reason
        assert found[name].memory[0].verdict == "clean", found[name].memory[0].reason
        real = [one for one in found[name].checks if one.id == "shift.real_data"]
        assert [(one.verdict, one.evidence["share"]) for one in real] == [("pass", 1.0)] or case == "pairs"
    (row,) = found[other].throughput
    assert row.tokens_per_s is None
    assert "the data holds" in row.reason
    assert found[other].memory[0].verdict == "not_measured"
    assert row.reason == found[other].memory[0].reason


def test_a_written_corpus_is_data_too(tmp_path, capsys):
    assert call(capsys, "corpus", tmp_path / "corpus", "--tokens", 60_000).code == 0
    words = ["bench", *("memmap_per_batch", "conversation_deque"), "--quick", "--data", tmp_path / "corpus"]
    said = call(capsys, *words, "--only", "throughput", "-T", 64, "--json", tmp_path / "x.json")
    assert (said.code, said.err) == (0, "")
    assert all(one.throughput[0].tokens_per_s for one in load(tmp_path / "x.json").subjects)


def test_a_corpus_of_many_documents_is_measured(tmp_path, capsys):
    """Its description is larger than a socket takes at once."""
    words = ["--kind", "keyed", "--tokens", 3_000_000]
    assert call(capsys, "corpus", tmp_path / "corpus", *words).code == 0
    words = ["bench", "memmap_persistent", "--quick", "--data", tmp_path / "corpus", "--only", "throughput"]
    assert call(capsys, *words).code == 0


ARRAYS = """
import numpy as np
def loader(corpus, config):
    tokens = np.fromfile(corpus.token_file("train"), corpus.token_dtype).astype(np.int64)
    size = config.batch_size * config.seq_len
    while True:
        for start in range(0, len(tokens) - size - 1, size):
            x, y = tokens[start : start + size], tokens[start + 1 : start + size + 1]
            yield {form}
"""


@pytest.mark.parametrize("form", ["(x.reshape(config.batch_size, -1), y.reshape(config.batch_size, -1))",
                                  "{'input_ids': x.reshape(config.batch_size, -1)}"])  # fmt: skip
def test_a_loader_of_arrays_is_measured(tmp_path, capsys, form):
    (tmp_path / "arrays.py").write_text(ARRAYS.replace("{form}", form), encoding="utf-8")
    words = ["bench", f"{tmp_path}/arrays.py:loader", "--quick", "--only", "throughput"]
    said = call(capsys, *words, "--json", tmp_path / "x.json")
    (subject,) = load(tmp_path / "x.json").subjects
    assert subject.throughput[0].tokens_per_s, subject.throughput[0].reason
    assert said.code == 0


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("None", "the batch is None"),
        ("1 / 0", "ZeroDivisionError"),
        ("__import__('os')._exit(9)", "exit code 9"),
    ],
)
def test_one_that_breaks_while_it_is_measured_has_failed(tmp_path, capsys, form, reason):
    (tmp_path / "breaks.py").write_text(ARRAYS.replace("{form}", form), encoding="utf-8")
    words = ["bench", f"{tmp_path}/breaks.py:loader", "memmap_per_batch", "--quick", "--only", "throughput"]
    said = call(capsys, *words, "--json", tmp_path / "x.json")
    broken, right = load(tmp_path / "x.json").subjects
    assert said.code == 1
    (finding,) = (one for one in broken.checks if one.id == "end.measured")
    assert finding.verdict == "fail"
    assert reason in finding.reason
    assert right.throughput[0].tokens_per_s
