"""Calling the command: in this process where that is enough, as a program where it is not."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from loadstone.errors import EXIT_USAGE
from loadstone.harness.cli import main

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = [sys.executable, "-m", "loadstone"]


@dataclasses.dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *words: object) -> Said:
    """The command in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    told = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return Said(left.value.code, told.out, told.err)


def environment(**more: str) -> dict[str, str]:
    """The environment of a program whose output is looked at line by line."""
    left_out = ("PYTHONWARNDEFAULTENCODING", "GITHUB_STEP_SUMMARY", "FORCE_COLOR")
    return {name: value for name, value in os.environ.items() if name not in left_out} | more


def program(*words: object, folder: Path, **settings: Any) -> Said:
    """The command as a program of its own, run in a folder."""
    done = subprocess.run(
        [*PROGRAM, *map(str, words)],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False, **settings,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


def assert_refused(said: Said, *parts: str, code: int = EXIT_USAGE) -> None:
    """One line on standard error, which says this; nothing else anywhere."""
    assert said.code == code, said
    assert said.out == ""
    assert said.err.startswith("loadstone: ")
    assert said.err.count("\n") == 1, said.err
    assert said.err.endswith("\n")
    assert "Traceback" not in said.err
    assert [part for part in parts if part not in said.err] == [], said.err


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder and what is in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
