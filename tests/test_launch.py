"""The two launchers: what a child is told, where it runs, and that none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import processes
import pytest
import subject_files as subjects
from loadstone.harness.answers import Described
from loadstone.harness.inquiry import Inquiry, plain, rank_env
from loadstone.harness.launch import Launcher
from loadstone.harness.subjects import BUILT_IN, built_in, find

LAUNCHERS = ("fork", "exec")


def describe(launcher: Launcher, how: str, ref, **settings):
    """The answer of a child that describes a subject, and the child."""
    child = getattr(launcher, how)(
        "describe", {"subject": plain(ref), "traits": {}, "options": {}}, **settings
    )
    told = child.hear(120)
    child.stop()
    return told, child


@pytest.mark.parametrize("how", LAUNCHERS)
def test_a_child_does_its_job_and_ends_well(launcher, how):
    told, child = describe(launcher, how, built_in("in_memory"))
    assert told["error"] == ""
    assert told["traits"]["reads"] == "tokens"
    assert (child.status, child.late) == (0, False)
    assert child.folder.is_dir()


@pytest.mark.parametrize("how", LAUNCHERS)
def test_a_job_may_be_larger_than_a_socket_holds(launcher, how):
    child = getattr(launcher, how)(
        "describe",
        {"subject": plain(built_in("in_memory")), "traits": {}, "options": {"unknown": "x" * 5_000_000}},
    )
    assert child.hear(120)["error"] == ""
    child.stop()
    assert child.status == 0


@pytest.mark.parametrize("how", LAUNCHERS)
def test_a_job_that_does_not_exist_is_told(launcher, how):
    child = getattr(launcher, how)("no_such_job", {})
    assert child.hear(120) is None
    assert child.fate().startswith("exit code 70: ModuleNotFoundError")
    assert "Traceback" in child.output()


@pytest.mark.parametrize("how", LAUNCHERS)
def test_environment_folder_and_output_are_the_childs_own(launcher, tmp_path, how):
    ref = subjects.write(
        tmp_path, "print(os.environ['LOADSTONE_X'], os.getsid(0) == os.getpid(), sys.stdin.read() == '')\n"
        + subjects.GOOD,
    )  # fmt: skip
    told, child = describe(launcher, how, ref, env={"LOADSTONE_X": "seven"})
    assert told["error"] == ""
    assert child.output().strip() == "seven True True"
    assert "LOADSTONE_X" not in os.environ


DRAWS = """
import random
import numpy as np
print(np.random.random(), random.random())
def load(corpus, config):
    return []
"""


@pytest.mark.parametrize("how", LAUNCHERS)
def test_unseeded_generators_of_two_children_differ(launcher, tmp_path, how):
    (tmp_path / "draws.py").write_text(DRAWS)
    ref = find(f"{tmp_path / 'draws.py'}:load")
    said = [(describe(launcher, how, ref)[1].folder / "stdout.txt").read_text().split() for _ in range(2)]
    assert [len(words) for words in said] == [2, 2]
    assert not set(said[0]) & set(said[1])


@pytest.mark.parametrize("how", LAUNCHERS)
def test_a_memory_limit_holds_beyond_what_it_starts_with(launcher, tmp_path, how):
    hungry = "try:\n    bytearray(300 << 20)\nexcept MemoryError:\n    print('stopped')\n" + subjects.GOOD
    ref = subjects.write(tmp_path, hungry)
    outputs = [describe(launcher, how, ref, memory_limit=mib << 20)[1].output() for mib in (200, 600)]
    assert outputs == ["stopped\n", ""]


@pytest.mark.parametrize("how", LAUNCHERS)
def test_a_question_past_its_deadline_ends_the_child(launcher, tmp_path, how):
    ref = subjects.write(tmp_path, "time.sleep(60)")
    child = getattr(launcher, how)("describe", {"subject": plain(ref), "traits": {}, "options": {}})
    assert child.hear(0.2) is None
    assert child.late
    assert child.fate() == "deadline"
    assert processes.gone(child.pid)


def test_abandoned_children_let_go_whoever_waits(tmp_path):
    ref = subjects.write(tmp_path, "time.sleep(60)")
    arguments = {"subject": plain(ref), "traits": {}, "options": {}}
    with Launcher() as launcher:
        children = [launcher.fork("describe", arguments), launcher.exec("describe", arguments)]
        launcher.abandon()
        assert [child.hear(120) for child in children] == [None, None]
        assert [child.late for child in children] == [False, False]
        assert not launcher.folder.joinpath("nothing").exists()
    assert not launcher.folder.exists()


OWNER = """
import sys, time
sys.path[:0] = {path!r}
import subject_files as subjects
from loadstone.harness.inquiry import plain
from loadstone.harness.launch import Launcher
from loadstone.harness.subjects import find
launcher = Launcher()
arguments = {{"subject": plain(find({subject!r})), "traits": {{}}, "options": {{}}}}
print(launcher.fork("describe", arguments).pid, launcher.exec("describe", arguments).pid,
      launcher._zygote.pid, flush=True)
time.sleep(60)
"""


def test_nothing_outlives_a_parent_that_is_killed(tmp_path):
    ref = subjects.write(tmp_path, "time.sleep(600)")
    code = OWNER.format(path=[str(Path(__file__).parent)], subject=f"{ref.module}:subject")
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 3
        owner.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while not all(map(processes.gone, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    assert [pid for pid in pids if not processes.gone(pid)] == []


def test_files_where_we_are_called_from_replace_no_library(tmp_path, monkeypatch):
    for name in ("queue", "inspect", "torch", "tempfile"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')", encoding="utf-8")
    (tmp_path / "mine.py").write_text("def loader(corpus, config): return []", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with Launcher() as launcher:
        told, _ = describe(launcher, "exec", built_in("in_memory"))
        assert told["error"] == ""
        assert Inquiry(launcher).open(built_in("in_memory"), {}, {}).traits.reads == "tokens"
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for name in ("queue", "inspect", "torch", "tempfile"):
        (tmp_path / f"{name}.py").unlink()
    with Launcher() as launcher:  # but a module named by the user is found there
        assert Inquiry(launcher).open(find("mine:loader"), {}, {}).traits.reads is None


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_states_what_it_is(inquiry, name):
    described = inquiry.open(built_in(name), {}, {}).described
    assert isinstance(described, Described)
    assert described.stated
    assert {"reads", "order", "passes", "targets"} <= set(described.traits)


def test_ranks_are_in_the_environment(inquiry, tmp_path):
    code = """
        def subject(corpus, config):
            names = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
            raise ValueError(" ".join(os.environ[name] for name in names))
    """
    config = {"batch_size": 2, "seq_len": 4, "rank": 1, "world_size": 3}
    trace = subjects.record(inquiry, subjects.write(tmp_path, code), config=config)
    assert trace.end.error == "ValueError: 1 1 3"
    assert rank_env({})["WORLD_SIZE"] == "1"
