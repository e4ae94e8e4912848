"""``show``: x over y, ids and text, as a person reads them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import subject_files as subjects
from command import assert_refused, call

pytestmark = pytest.mark.usefixtures("quick_start")
NUMBER = re.compile(r"-?\d+")


def rows(out: str, label: str) -> list[list[int]]:
    """The ids of every line of x, or of y."""
    found = [
        line.partition(f"{label} ")[2]
        for line in out.splitlines()
        if re.match(rf"(row \d+)?\s*{label} ", line)
    ]
    return [list(map(int, NUMBER.findall(line))) for line in found]


def test_targets_stand_under_the_inputs_they_follow(tmp_path, capsys):
    np.arange(1000, 1200).astype(np.uint16).tofile(tmp_path / "train.bin")
    words = ["show", "memmap_per_batch", "--data", tmp_path, "-B", 2, "-T", 4]
    said = call(capsys, *words)
    assert (said.code, said.err) == (0, "")
    x, y = rows(said.out, "x"), rows(said.out, "y")
    assert len(x) == len(y) == 2
    assert [[one + 1 for one in row] for row in x] == y
    assert f"context {x[0][0]} {x[0][1]} -> target {x[0][2]}" in said.out
    for line, below in zip(said.out.splitlines(), said.out.splitlines()[1:], strict=False):
        if line.startswith("row"):
            assert len(line) == len(below)


@pytest.mark.parametrize("name", ["conversation_deque", "parquet_stream", "in_memory"])
def test_the_first_rows_of_a_batch(capsys, name):
    said = call(capsys, "show", name, "-T", 24, "--rows", 2, "--no-color")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{name}: ")
    assert "row 0" in said.out
    assert "row 1" in said.out
    assert "row 2" not in said.out
    assert "x int" in said.out
    assert "stream  t0=" in said.out
    assert "\x1b" not in said.out
    assert "-> target" not in said.out


def test_a_conversation_begins_with_its_first_symbol_and_ignores_the_user(capsys):
    said = call(capsys, "show", "conversation_deque", "-B", 1, "-T", 8)
    assert "stream  t0=<|bos|> t1=" in said.out
    assert " ·" in said.out
    assert "% of the targets are supervised" in said.out


def test_fewer_rows_than_asked_for_are_all_shown(capsys):
    said = call(capsys, "show", "in_memory", "-B", 1, "--rows", 4)
    assert said.code == 0
    assert "row 1" not in said.out


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("    raise ValueError('torn')", ["gave no batch to show", "ValueError: torn"]),
        ("    return iter(())", ["gave no batch on this data"]),
        ("    return iter([None])", ["the batch is None"]),
        ("    os._exit(3)", ["exit code 3"]),
        ("    raise MemoryError", ["MemoryError"]),
    ],
)
def test_a_subject_without_a_batch_says_why(tmp_path: Path, capsys, body, parts):
    subjects.write(tmp_path, f"def subject(corpus, config):\n{body}\n")
    assert_refused(call(capsys, "show", f"{tmp_path}/subject.py:subject"), *parts)


def test_a_subject_that_hangs_is_told(tmp_path, capsys):
    subjects.write(tmp_path, "def subject(corpus, config):\n    time.sleep(60)\n")
    said = call(capsys, "show", f"{tmp_path}/subject.py:subject", "--deadline", 0.5)
    assert_refused(said, "gave no batch to show", "deadline")


@pytest.mark.parametrize(
    ("instead", "told"),
    [
        ("x[:0], y[:0]", "x of shape (0, 4) and type int64"),
        ("x.float(), y.float()", "type float32"),
        ("x[0], y[0]", "x of shape (4,)"),
        ("x, y.view(2, 2, 2)", "y of shape (2, 2, 2)"),
    ],
)
def test_what_is_no_rows_of_ids_is_refused(tmp_path, capsys, instead, told):
    subjects.write(tmp_path, f"def subject(c, g):\n    for x, y in batches(c, g, 2): yield {instead}\n")
    said = call(capsys, "show", f"{tmp_path}/subject.py:subject", "-B", 2, "-T", 4)
    assert_refused(said, "subject.py:subject gave", told, "cannot be shown")


@pytest.mark.parametrize(
    "instead", ["x, y[:, :2]", "x[:, :2], y", "{'tokens': x}", "x, y, y * 0", "x - 50, y"]
)
def test_strange_rows_are_shown(tmp_path, capsys, instead):
    subjects.write(tmp_path, f"def subject(c, g):\n    for x, y in batches(c, g, 2): yield {instead}\n")
    said = call(capsys, "show", f"{tmp_path}/subject.py:subject", "-B", 2, "-T", 4)
    assert (said.code, said.err) == (0, "")
    assert "row 1" in said.out
