"""``loadstone gate`` on real git repositories: what it finds, what it refuses, what it leaves behind."""

from __future__ import annotations

import json
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import command
import pytest
from command import call
from conftest import Kept
from git_repository import LOADER, Repository, two_commits
from loadstone.errors import UsageError
from loadstone.harness import gate_verb, gating_sides
from loadstone.harness.gating_limits import Limits, read_limits
from loadstone.harness.subjects import find
from loadstone.harness.trees import Tree
from loadstone.loaders.library_text import write_text_corpus
from loadstone.reports.document import load
from package_files import PACKAGE
from test_interrupting import begin, interrupt, wait_for

SPEED_ALONE = ["--only", "speed", "--limit", "first_batch=off", "--limit", "peak_memory=off"]
SOON = [*SPEED_ALONE, "--limit", "confidence=0.9"]  # seven pairs, where the effect is beyond doubt


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return write_text_corpus(tmp_path_factory.mktemp("text") / "text", 300_000)


@pytest.fixture
def gate(launcher, corpus, monkeypatch, capsys):
    """The verb in this process, over the shared launcher and a small corpus."""
    monkeypatch.setattr(gating_sides, "Launcher", lambda: Kept(launcher))
    monkeypatch.setattr(gate_verb, "measured_corpus", lambda *_: corpus)

    def run(repository: Repository | Path, *words: object) -> command.Said:
        monkeypatch.chdir(getattr(repository, "folder", repository))
        return call(capsys, "gate", *words)

    return run


@pytest.fixture
def planted(gate, tmp_path, monkeypatch):
    """A loader that does everything three times, gated, with all files that a gate can write."""
    repository = two_commits(tmp_path / "repository", base=1, head=3)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    report = tmp_path / "report"
    said = gate(repository, "mine.py:loader", "--against", "HEAD~1", *SPEED_ALONE, "-o", report,
                "--junit", tmp_path / "junit.xml")  # fmt: skip
    return repository, said, report


def test_a_planted_regression_is_stopped_and_told_alike_everywhere(planted, tmp_path):
    repository, said, report = planted
    base, head = (repository.git("rev-parse", name) for name in ("HEAD~1", "HEAD"))
    assert said.code == 1, said
    assert "mine.py:loader regressed" in said.out
    assert "past the limit of 2 %" in said.out.replace("\n", " ")
    assert base[:10] in said.out
    assert head[:10] in said.out
    assert repository.worktrees() == 1

    document = load(report / "results.json")
    (row,) = document.gate.rows
    assert document.exit_code == 1
    assert (row.subject, row.measure, row.outcome) == ("mine.py:loader", "speed", "regressed")
    assert 1.5 < row.low <= row.ratio <= row.high
    assert row.pairs == len(row.samples_ratio) == len(row.samples_head) >= 11
    assert (document.gate.base.commit, document.gate.head.commit) == (base, head)

    junit = ET.parse(tmp_path / "junit.xml").getroot()
    assert (junit.get("failures"), junit.get("errors")) == ("1", "0")
    assert junit.find("./testsuite/testcase/failure") is not None

    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.splitlines()[0].startswith("# Loadstone gate: mine.py:loader regressed")
    assert summary == (report / "report.md").read_text(encoding="utf-8")
    (annotation,) = [line for line in said.out.splitlines() if line.startswith("::")]
    assert annotation.startswith("::error title=mine.py%3Aloader")
    assert "%25 slower" in annotation
    assert_numbers_for_other_tools(report)


def assert_numbers_for_other_tools(report):
    (entry,) = json.loads((report / "bigger-is-better.json").read_text(encoding="utf-8"))
    assert set(entry) == {"name", "unit", "value", "range", "extra"}
    assert entry["unit"] == "tokens/s"
    assert entry["value"] > 0
    stored = json.loads((report / "pytest-benchmark.json").read_text(encoding="utf-8"))
    (benchmark,) = stored["benchmarks"]
    assert benchmark["stats"]["min"] <= benchmark["stats"]["median"] <= benchmark["stats"]["max"]
    assert benchmark["stats"]["rounds"] == len(benchmark["stats"]["data"])
    assert stored["commit_info"]["id"]


def test_what_stayed_as_it_was_passes(gate, tmp_path):
    """The limit is wide, so that only a process three times as slow as its twin could fail this."""
    repository = two_commits(tmp_path / "repository")
    said = gate(repository, "mine.py:loader", "--against", "main~1", *SOON, "--limit", "speed=200%")
    assert said.code == 0, said
    assert "Nothing regressed in 1 loader" in said.out


def test_the_working_tree_is_what_is_judged(gate, tmp_path):
    repository = two_commits(tmp_path / "repository")
    (repository.folder / "amount.py").write_text("TIMES = 3\n", encoding="utf-8")
    said = gate(repository, "mine.py:loader", "--against", "HEAD", *SOON)
    assert said.code == 1, said
    assert "with changes that are not committed" in said.out


def test_another_subject_of_the_same_tree(gate, tmp_path):
    (tmp_path / "fast.py").write_text(LOADER.replace("from amount import TIMES", "TIMES = 1"), "utf-8")
    (tmp_path / "slow.py").write_text(LOADER.replace("from amount import TIMES", "TIMES = 3"), "utf-8")
    said = gate(tmp_path, "slow.py:loader", "--against-subject", "fast.py:loader", *SOON)
    assert said.code == 1, said
    assert "Base: fast.py:loader" in said.out


SHIFTED = LOADER.replace("rows[:, 1:].copy()", "rows[:, 1:].copy().clip(5)").replace(
    "rows[:, :-1].copy()", "np.roll(rows, 1, axis=1)[:, :-1].copy()"
)


def test_a_check_that_newly_fails(gate, tmp_path):
    repository = Repository(tmp_path / "repository")
    repository.commit("right", mine__py=LOADER, amount__py="TIMES = 1\n")
    repository.commit("wrong", mine__py=SHIFTED)
    said = gate(repository, "mine.py:loader", "--against", "HEAD~1", "--only", "checks")
    assert said.code == 1, said
    assert "newly fails shift." in said.out.replace("\n", " ")


def test_a_base_with_wrong_batches_is_no_base(gate, tmp_path):
    repository = Repository(tmp_path / "repository")
    repository.commit("wrong", mine__py=SHIFTED, amount__py="TIMES = 1\n")
    repository.commit("right", mine__py=LOADER)
    said = gate(repository, "mine.py:loader", "--against", "HEAD~1", "--only", "checks", "--only", "speed")
    assert said.code == 10, said
    assert "a speed of wrong batches means nothing" in said.out.replace("\n", " ")


@pytest.mark.parametrize(
    ("base", "words", "says"),
    [
        ({}, [], "it has no mine.py: mine.py:loader is new"),
        ({"mine__py": "import nothing_of_the_kind\n"}, [], "cannot be imported: ModuleNotFoundError"),
        ({"mine__py": "def other(corpus, config): pass\n"}, [], "has no 'loader'"),
        (
            {"mine__py": "def loader(corpus, config):\n    raise OSError('no disk')\n"},
            [],
            "raised OSError: no disk",
        ),
    ],
    ids=["new", "import", "renamed", "breaks"],
)
def test_a_base_that_cannot_be_used_is_not_comparable(gate, tmp_path, base, words, says):
    repository = Repository(tmp_path / "repository")
    repository.commit("before", notes__txt="", **base)
    repository.commit("after", mine__py=LOADER, amount__py="TIMES = 1\n")
    said = gate(repository, "mine.py:loader", "--against", "HEAD~1", *SPEED_ALONE, "--json",
                tmp_path / "gate.json", "--junit", tmp_path / "junit.xml")  # fmt: skip
    assert said.code == 10, said
    told = " ".join(said.out.split())
    assert says in told
    assert not re.search(r"(?<!\.)\.\.(?!\.)", told), "two full stops"
    assert "Traceback" not in said.out + said.err
    (row,) = load(tmp_path / "gate.json").gate.rows
    assert row.outcome == "not_comparable"
    assert row.ratio is None
    junit = ET.parse(tmp_path / "junit.xml").getroot()
    assert (junit.get("failures"), junit.get("errors")) == ("0", "1")
    assert repository.worktrees() == 1


def test_a_base_that_does_not_build(gate, tmp_path):
    repository = two_commits(tmp_path / "repository")
    said = gate(
        repository, "mine.py:loader", "--against", "HEAD~1", "--prepare", "echo no compiler >&2; exit 7"
    )
    command.assert_refused(said, "does not build", "exit code 7: no compiler", code=10)
    assert repository.worktrees() == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["mine.py:loader", "--against", "no-such-branch"], ["no-such-branch", "no commit"]),
        (["mine.py:loader"], ["--against REV"]),
        (["in_memory", "--against", "HEAD"], ["Loadstone's own", "--against-subject"]),
        (["mine.py:loader", "--against", "HEAD", "--limit", "sped=3%"], ["did you mean 'speed'"]),
        (["mine.py:loader", "--against", "HEAD", "--limit", "speed=fast"], ["'fast'", "no number"]),
        (["mine.py:loader", "--against", "HEAD", "--base-python", "mine.py"], ["mine.py is no program"]),
        (["broken.py:loader", "--against", "HEAD"], ["broken.py cannot be imported"]),
    ],
)
def test_what_is_refused(gate, tmp_path, words, says):
    repository = two_commits(tmp_path / "repository")
    repository.commit("broken", broken__py="import nothing_of_the_kind\n")
    command.assert_refused(gate(repository, *words), *says)
    assert repository.worktrees() == 1


def test_an_environment_that_lacks_what_is_needed(tmp_path):
    gating_sides.require_python(Path(sys.executable))
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho torch\n", encoding="utf-8")
    bare.chmod(0o755)
    with pytest.raises(UsageError, match=r"lacks what a loader is measured with \(torch\)"):
        gating_sides.require_python(bare)


def test_outside_of_a_repository(gate, tmp_path):
    (tmp_path / "mine.py").write_text(LOADER, encoding="utf-8")
    command.assert_refused(gate(tmp_path, "mine.py:loader", "--against", "HEAD"), "no git repository")


def test_limits_of_the_repository_and_their_mistakes(gate, tmp_path):
    repository = two_commits(tmp_path / "repository")
    project = repository.folder / "pyproject.toml"
    project.write_text("[tool.loadstone.gate]\nspede = 0.03\n", encoding="utf-8")
    command.assert_refused(gate(repository, "mine.py:loader", "--against", "HEAD"), "'spede'", "'speed'")
    assert read_limits({"speed": "3%", "leak": False, "first_batch": False}, "here") == Limits(
        speed=0.03, leak=False, first_batch=None
    )


def test_our_own_loaders_come_from_the_tree_they_are_asked_from(inquiry, tmp_path):
    """A copy of Loadstone whose loader knows one more option, beside the one that is installed."""
    shutil.copytree(PACKAGE / "loaders", tmp_path / "loaders")
    shutil.copy(PACKAGE / "errors.py", tmp_path / "errors.py")
    file = tmp_path / "loaders" / "memmap_persistent.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("options={", 'options={"only_here": 1, '), encoding="utf-8")
    assert file.read_text(encoding="utf-8") != text
    ref = find("memmap_persistent")
    tree = Tree(root=str(tmp_path), cwd=str(tmp_path), ours=True, title="the copy")
    there = inquiry.open(type(ref)(**{**_fields(ref), "tree": tree}), {}, {})
    assert "only_here" in there.described.known
    assert "only_here" not in inquiry.open(ref, {}, {}).described.known


def _fields(ref):
    return {name: getattr(ref, name) for name in ref.__struct_fields__}


HANGS = """
import os, time
from pathlib import Path
import mine
from mine import *

NOTES = Path({notes!r})

def loader(corpus, config):
    began = len(list(NOTES.iterdir()))
    (NOTES / f"{{began}}-{{os.getpid()}}").touch()
    if began >= {after}:
        (NOTES / "hangs").touch()
        time.sleep(600)
    return mine.loader(corpus, config)
"""


@pytest.mark.parametrize("after", [0, 7], ids=["at once", "in the fourth pair"])
def test_an_interrupted_gate_keeps_what_it_measured_and_cleans_up(tmp_path, after):
    repository = two_commits(tmp_path / "repository")
    notes = tmp_path / "notes"
    notes.mkdir()
    repository.commit("hangs", hanging__py=HANGS.format(notes=str(notes), after=after))
    report = tmp_path / "report"
    running = begin(repository.folder, "gate", "hanging.py:loader", "--against", "HEAD", *SPEED_ALONE,
                    "--quick", "--deadline", 600, "-o", report)  # fmt: skip
    wait_for(notes / "hangs", running)
    assert repository.worktrees() == 2
    said = interrupt(running)
    assert said.code == 2, said
    assert "interrupted" in said.err
    assert "Traceback" not in said.err
    assert repository.worktrees() == 1
    document = load(report / "results.json")
    assert document.exit_code == 2
    rows = [(row.outcome, row.pairs) for row in document.gate.rows]
    assert rows == ([("inconclusive", 3)] if after else [])


def test_an_interruption_while_the_base_is_checked_out(tmp_path):
    repository = two_commits(tmp_path / "repository")
    note = tmp_path / "note"
    words = ["gate", "mine.py:loader", "--against", "HEAD", "--prepare", f"touch {note}; sleep 600"]
    running = begin(repository.folder, *words)
    wait_for(note, running)
    said = interrupt(running)
    command.assert_refused(said, "interrupted", code=2)
    assert repository.worktrees() == 1
