"""The document on a terminal: it fits, it is plain where asked, and what matters comes last."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sample_documents as samples
from loadstone.reports import terminal
from loadstone.reports.terminal import Progress, print_document
from rich.console import Console

if TYPE_CHECKING:
    from loadstone.reports.document import Document

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def shown(document: Document, width: int = 80, *, is_terminal: bool = False, **more: object) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=is_terminal, highlight=False, emoji=False, **more)
    print_document(document, console, report=Path("loadstone-report/index.html"))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("name", samples.EVERY)
def test_no_line_is_longer_than_the_terminal(name, width):
    lines = shown(samples.EVERY[name](), width).splitlines()
    assert lines
    assert [line for line in lines if len(line) > width] == []


def test_what_matters_comes_last():
    last = shown(samples.red(), 160).splitlines()[-3:]
    assert last[0] == "4 of 7 loaders fail, 1 leaks and 1 stays unknown."
    assert last[1] == "Report: loadstone-report/index.html"
    assert last[2] == "Exit 1: a check failed, a leak was found, or a loader regressed."
    sentences = shown(samples.red(), 160).splitlines()[-10:-3]
    assert [line[0] for line in sentences] == list("✗✗✗✗✗?✓")
    assert sentences[2].startswith("✗ stuck fails end.finite: did not finish within 20 s")


def test_a_failure_comes_with_reason_cause_and_likeness():
    text = shown(samples.red(), 160)
    start = text.index("coverage.buffer_flush  81 of 1000 rows never appear")
    assert "cause: the row in hand is forgotten" in text[start : start + 400]
    assert "resembles: B7" in text[start : start + 400]
    assert "end.finite  did not finish within 20 s" in text
    assert "made at: my_loader.py:41" in text


def test_the_table_has_every_number_with_unit_interval_and_n():
    text = shown(samples.green(), 160)
    row = next(line for line in text.splitlines() if "in_memory" in line)
    assert re.search(r"✓ +in_memory +16✓ 2. +12.1024 +48\.9 M +\(46\.5.50\.9 M\) +3\.5 % +clean", row)
    assert "median (95 % interval) of n = 7 rounds" in text
    assert "page cache, reclaimable: not a leak" in text
    assert "Transfer: not measured: no CUDA device" in text


def test_a_void_row_is_struck_and_names_its_check():
    text = shown(samples.red(), 120, is_terminal=True, color_system="standard")
    assert re.search(r"\x1b\[[0-9;]*\b9m512 M", text)
    assert "void: shift.exact" in ANSI.sub("", text)
    assert not re.search(r"\x1b\[[0-9;]*\b9m33\.1 M", text)


def test_transfer_has_a_column_where_some_was_measured():
    text = shown(samples.on_gpu(), 120)
    assert "Transfer" in text.splitlines()[0]
    assert "pass, 12.4 GB/s" in text
    assert "12 of 64 batches changed after the copy was queued" in text


def test_signs_tell_without_colour():
    assert not ANSI.search(shown(samples.red()))
    coloured = shown(samples.red(), is_terminal=True, color_system="standard")
    assert ANSI.search(coloured)
    assert ANSI.sub("", coloured).split() == shown(samples.red()).split()


def test_control_characters_and_markup_of_a_subject_stay_text():
    text = shown(samples.red(), 160)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]�[31mESC" in text


def printed(capsys, **more: object) -> str:
    print_document(samples.red(), **more)  # type: ignore[arg-type]
    return capsys.readouterr().out


def test_a_pipe_gets_no_colour(capsys):
    assert "4 of 7 loaders fail" in (text := printed(capsys))
    assert not ANSI.search(text)


def test_force_color_colours_a_pipe_and_the_flag_and_no_color_win(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert re.search(r"\x1b\[[0-9;]*31m", printed(capsys))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", printed(capsys, no_color=True))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", printed(capsys))


def test_a_dumb_terminal_gets_no_colour(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert not ANSI.search(shown(samples.red(), is_terminal=True))


def test_an_ascii_stream_does_not_end_the_run(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    print_document(samples.green())
    stream.flush()
    assert b"All 5 loaders pass." in raw.getvalue()


def test_the_terminal_needs_no_drawing_library():
    import subprocess
    import sys

    heavy = "{'altair', 'vl_convert', 'jinja2', 'numpy', 'torch'}"
    code = f"import sys, loadstone.reports.terminal; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "set()"


def run_progress(*, quiet: bool = False, **console: object) -> str:
    out = io.StringIO()
    with Progress(3, quiet, console=Console(file=out, width=80, **console)) as progress:  # type: ignore[arg-type]
        for text in ("in_memory: checks", "[red]: speed", "leaky: memory"):
            progress.step(text)
            progress.advance()
    return out.getvalue()


def test_progress_is_a_bar_on_a_terminal():
    text = run_progress(force_terminal=True)
    assert "3/3" in text
    assert "leaky: memory" in text


def test_progress_is_silent_when_quiet_or_piped():
    assert run_progress(force_terminal=True, quiet=True) == ""
    assert run_progress(force_terminal=False) == ""


def test_progress_writes_few_plain_lines_in_ci(monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert run_progress(force_terminal=False) == ""  # over within two seconds
    monkeypatch.setattr("loadstone.reports.progress._SHORT_S", 0.0)
    assert re.fullmatch(r"0/3 after .*s: in_memory: checks\n", run_progress(force_terminal=False))
    monkeypatch.setattr("loadstone.reports.progress._QUIET_S", 0.0)
    text = run_progress(force_terminal=False)
    assert "[red]: speed" in text
    assert not ANSI.search(text)
    assert len(text.splitlines()) == 6


def test_the_report_folder_is_pointed_at_by_its_page(tmp_path):
    assert terminal.plain_path(tmp_path) == str(tmp_path / "index.html")
