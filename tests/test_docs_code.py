"""Every code block of README and docs holds: programs run or compile, commands exist, settings can be read.

A comment before a block says what is done with it: ``file: NAME`` writes it into the page's folder, ``edit:
NAME`` puts it in the place of that file's last statement of the same shape, ``run`` calls its commands there
and looks for each line of output, in order (``...`` stands for some that are left out), ``fragment`` marks
what cannot stand alone and is only read.
"""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import textwrap
import tomllib
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from command import call
from loadstone.harness.cli import cli

ROOT = Path(__file__).parents[1]
MADE = {"reference.md", "museum.md", "performance.md", "log.md"}  # from the code, or of days gone by
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in MADE),
]
BLOCK = re.compile(r"(?:^<!-- ([^\n]*?) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: the comment before it, its language, its text."""

    page: str
    mark: str
    language: str
    text: str


def blocks(path: Path) -> list[Block]:
    return [Block(path.name, *found) for found in BLOCK.findall(path.read_text("utf-8"))]


EVERY = [block for path in PAGES for block in blocks(path)]


def commands(text: str) -> list[list[str]]:
    """The ``loadstone`` commands of a block, or of a line in any other text."""
    lines = re.findall(r"^(?:\$ |- run: )?(loadstone [a-z].*)$", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("block", EVERY, ids=lambda block: f"{block.page}-{block.language}")
def test_a_block_can_be_read_as_what_it_is(block):
    if block.language == "python":
        ast.parse(textwrap.dedent(block.text) if block.mark.startswith("edit") else block.text)
    elif block.language == "toml":
        assert tomllib.loads(block.text)
    elif block.language == "ini":
        parser = configparser.ConfigParser()
        parser.read_string(block.text)
        assert parser.sections()
    else:
        assert block.language in {"console", "text", "sh", "yaml"}, (
            "say in this test how it is held to be true"
        )
    for words in commands(block.text):
        understood(words)


def understood(words: list[str]) -> None:
    """The verb and every option exist, and their values are of their kind."""
    verb = cli.get_command(click.Context(cli), words[1])
    assert verb is not None
    verb.make_context(f"loadstone {words[1]}", words[2:])


def test_blocks_are_found_and_wrong_commands_are_seen():
    assert {block.page for block in EVERY} >= {"README.md", "tutorial.md", "how-to.md", "doors.md"}
    assert len(EVERY) > 25
    with pytest.raises(click.UsageError, match="no verb"):
        understood(["loadstone", "chekc", "in_memory"])
    with pytest.raises(click.NoSuchOption):
        understood(["loadstone", "check", "--trat", "a=b"])


def edit(path: Path, text: str) -> None:
    """Put the lines in the place of the last of the file, as many as that statement takes."""
    source = path.read_text("utf-8")
    body = ast.parse(source).body[-1]
    method = body.body[-1] if isinstance(body, ast.ClassDef) else body
    assert isinstance(method, ast.FunctionDef)
    kept = [node for node in method.body if isinstance(node, ast.Expr) or "config" in ast.unparse(node)]
    path.write_text("\n".join(source.splitlines()[: kept[-1].end_lineno]) + "\n" + text, "utf-8")


def counted(line: str) -> str:
    """A line without blanks at its ends, its number of checks left open: new ones are no fault of a page."""
    return re.sub(r"\d+ checks", "n checks", line.strip())


def assert_said(expected: str, out: str) -> None:
    """Each line shown was said, in order; blanks at the ends of lines do not count, nor how many checks."""
    said, shown = ([counted(line) for line in text.splitlines()] for text in (out, expected))
    at = 0
    for line in filter(None, shown):
        if line == "...":
            continue
        found = next((place for place in range(at, len(said)) if said[place].startswith(line)), None)
        assert found is not None, f"not said, or not in this order: {line!r} in\n{out}"
        at = found + 1


def test_the_tutorial_goes_as_it_says(capsys, monkeypatch, tmp_path, quick_start):
    monkeypatch.chdir(tmp_path)
    ran = 0
    for block in blocks(ROOT / "docs" / "tutorial.md"):
        kind, _, name = block.mark.partition(": ")
        if kind == "edit":
            edit(tmp_path / name, block.text)
        elif kind == "run":
            command, _, expected = block.text.partition("\n")
            assert_said(expected, call(capsys, *shlex.split(command.removeprefix("$ loadstone "))).out)
            ran += 1
    assert ran == 4
