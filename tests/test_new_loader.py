"""``new-loader`` writes a file that fails as it is, passes once filled in, and overwrites nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from command import assert_refused, call
from loadstone.harness.new_loader import loader_source
from loadstone.harness.subjects import find
from loadstone.suites.scenarios import Shape


def verdicts(inquiry, path, source: str, *only: str) -> dict[str, list[str]]:
    path.write_text(source)
    findings, _ = inquiry.check(inquiry.open(find(f"{path}:{path.stem}"), {}, {}), Shape(), only)
    found: dict[str, list[str]] = {}
    for finding in findings:
        found.setdefault(finding.verdict, []).append(f"{finding.id}: {finding.reason}")
    return found


def filled_in(source: str) -> str:
    """The body that the comment shows, in the place of the error."""
    lines = [f"        {line}" for line in re.findall(r"^        #     (.*)$", source, re.MULTILINE)]
    assert len(lines) == 2
    return source.replace('        raise NotImplementedError("fill in batch_at")', "\n".join(lines))


def test_the_tutorial_fills_it_in_as_its_comment_says():
    """That it then passes every check is what tests/test_docs_code.py sees."""
    tutorial = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text("utf-8")
    filled = filled_in(loader_source("my_rows", "my_rows.py"))
    assert "\n".join(filled.splitlines()[-2:]) in tutorial


def test_as_it_is_it_fails_and_says_what_to_fill_in(inquiry, tmp_path):
    found = verdicts(inquiry, tmp_path / "empty.py", loader_source("empty", "empty.py"), "shift", "end")
    assert any("fill in batch_at" in line for line in found["fail"])
    assert "unknown" not in found


def test_a_wrong_body_is_caught(inquiry, tmp_path):
    source = filled_in(loader_source("wrong", "wrong.py")).replace("window[1:]", "window[:-1]")
    found = verdicts(inquiry, tmp_path / "wrong.py", source, "shift")
    assert any(line.startswith("shift.") for line in found["fail"])


def test_the_verb_writes_the_file_and_says_what_comes_next(capsys, tmp_path):
    said = call(capsys, "new-loader", "packed_rows", "-o", tmp_path / "new")
    path = tmp_path / "new" / "packed_rows.py"
    assert said.code == 0
    assert str(path) in said.out
    assert "loadstone check" in said.out
    assert "def packed_rows(" in path.read_text()
    ast.parse(path.read_text())


def test_it_overwrites_nothing(capsys, tmp_path):
    (tmp_path / "mine.py").write_text("precious")
    assert_refused(call(capsys, "new-loader", "mine", "-o", tmp_path), "mine.py exists")
    assert (tmp_path / "mine.py").read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("my-loader", "write my_loader"), ("2fast", "write my_loader"), ("class", "write my_loader"),
     ("", "write my_loader"), ("../up", "write up"), ("torch", "write torch_loader"), ("json", "hide")],
)  # fmt: skip
def test_bad_names_are_one_sentence(capsys, tmp_path, name, hint):
    assert_refused(call(capsys, "new-loader", name, "-o", tmp_path), hint)
    assert list(tmp_path.iterdir()) == []
