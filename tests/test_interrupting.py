"""A run that is interrupted: exit 2, no process left, what was finished kept, and gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import command
import psutil
import pytest
import subject_files as subjects
from command import call
from loadstone.harness import run
from loadstone.harness.inquiry import Inquiry
from loadstone.harness.journal import NAME
from loadstone.reports.document import load
from sample_documents import MACHINE
from test_run import REPORT

PATIENCE_S = 120.0
HANGS = "open({note!r}, 'w').close()\ntime.sleep(600)"


def begin(folder: Path, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command.PROGRAM, *map(str, words)],
        cwd=folder, env=command.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for(file: Path, running: subprocess.Popen[str]) -> None:
    """Until the subject says that it hangs now."""
    until = time.monotonic() + PATIENCE_S
    while not file.exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def wait_for_lines(file: Path, lines: int, running: subprocess.Popen[str]) -> None:
    """Until the file has so many lines."""
    until = time.monotonic() + PATIENCE_S
    while not file.exists() or file.read_bytes().count(b"\n") < lines:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def interrupt(running: subprocess.Popen[str], how: signal.Signals = signal.SIGINT) -> command.Said:
    """Send the signal as a terminal or a time limit would; what it said, once no child of its is left."""
    children = psutil.Process(running.pid).children(recursive=True)
    assert children
    running.send_signal(how)
    out, err = running.communicate(timeout=PATIENCE_S)
    _, left = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert left == []
    return command.Said(running.returncode, out, err)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_leaves_nothing(tmp_path, how):
    note = tmp_path / "note"
    ref = subjects.generator(tmp_path, HANGS.format(note=str(note)))
    running = begin(tmp_path, "check", f"{ref.module}:subject", "--deadline", 600)
    wait_for(note, running)
    command.assert_refused(interrupt(running, how), "interrupted; nothing is kept", code=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["note", "subject.py"]


@pytest.mark.parametrize("part", ["memory", "throughput"])
def test_an_interrupted_measurement_waits_for_no_one(tmp_path, part):
    (tmp_path / "text.txt").write_text("some text to be read again and again. " * 2000, encoding="utf-8")
    note = tmp_path / "note"
    hangs = HANGS.format(note=str(note)).replace("\n", "; ")
    ref = subjects.write(tmp_path, f"def subject(corpus, config): {hangs}")
    words = ["bench", f"{ref.module}:subject", "in_memory", "--only", part, "--data", tmp_path / "text.txt"]
    running = begin(tmp_path, *words)
    wait_for(note, running)
    command.assert_refused(interrupt(running), "interrupted", code=2)


@pytest.fixture
def interrupted(tmp_path):
    """A run of two subjects, stopped in the checks of the second; its words."""
    note, report = tmp_path / "note", tmp_path / "report"
    ref = subjects.generator(tmp_path, HANGS.format(note=str(note)))
    words = ["run", "memmap_per_batch", f"{ref.module}:subject", "--quick", "--only", "shift", "-o", report]
    running = begin(tmp_path, *words, "--deadline", 600)
    wait_for(note, running)
    wait_for_lines(report / NAME, 2, running)  # the other subject is asked at the same time
    command.assert_refused(interrupt(running), f"is kept in {report}", "--resume goes on", code=2)
    subjects.write(tmp_path, subjects.GOOD)
    return [*words, "--deadline", 600]


def test_what_was_finished_is_kept_and_gone_on_with(interrupted, tmp_path, capsys, monkeypatch):
    report = tmp_path / "report"
    assert [path.name for path in report.iterdir()] == [NAME]
    _, line = (report / NAME).read_text(encoding="utf-8").splitlines()
    kept = json.loads(line)
    assert (kept["subject"], kept["part"]) == ("memmap_per_batch", "checks")

    command.assert_refused(call(capsys, *interrupted, "--resume", "--seed", 7), "other settings", "--resume")
    assert (report / NAME).read_text(encoding="utf-8").splitlines()[1] == line

    asked, check = [], Inquiry.check
    monkeypatch.setattr(Inquiry, "check", lambda *args: asked.append(args[1].ref.name) or check(*args))
    monkeypatch.setattr(run, "describe_machine", lambda: MACHINE)
    said = call(capsys, *interrupted, "--resume")
    assert said.code in (0, 10), said  # the memory of so short a run may stay undecided
    assert asked == ["subject.py:subject"]
    document = load(report / "results.json")
    assert [subject.name for subject in document.subjects] == ["memmap_per_batch", "subject.py:subject"]
    checks = json.loads((report / "results.json").read_bytes())["subjects"][0]["checks"]
    assert [one for one in checks if one in kept["value"]["findings"]] == kept["value"]["findings"]
    assert sorted(path.name for path in report.iterdir()) == REPORT
