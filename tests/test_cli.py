"""The command line: its verbs, its exit codes, and what it says where."""

from __future__ import annotations

import subprocess
import sys
import time
from xml.etree import ElementTree as ET

import command
import loadstone
import pytest
import sample_documents as samples
from command import assert_refused, call
from loadstone.errors import LoadstoneError
from loadstone.harness import run
from loadstone.harness.cli import cli
from loadstone.harness.versions import LIBRARIES
from loadstone.reports.document import encode, load
from loadstone.suites.checks import REGISTER, Check, ok

VERBS = ("list", "run", "check", "bench", "show", "compare", "report", "new-loader", "corpus")
SHIFTED_TWICE = """
import numpy as np, torch
def loader(corpus, config):
    tokens = np.fromfile(corpus.token_file("train"), corpus.token_dtype).astype(np.int64)
    size = config.batch_size * config.seq_len
    for start in range(0, len(tokens) - size - 2, size):
        x, y = tokens[start : start + size], tokens[start + 2 : start + size + 2]
        shape = config.batch_size, config.seq_len
        yield torch.from_numpy(x.reshape(shape).copy()), torch.from_numpy(y.reshape(shape).copy())
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run in an empty folder, so that what is written is seen."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_every_verb_has_its_help(capsys, verb, word):
    said = call(capsys, verb, word)
    assert said.code == 0
    assert said.out.startswith(f"Usage: loadstone {verb}")
    assert said.err == ""


def test_the_help_lists_the_verbs_and_the_exit_codes(capsys):
    said = call(capsys, "--help")
    assert said.code == 0
    places = [said.out.index(f"\n  {verb} ") for verb in VERBS]
    assert places == sorted(places)
    assert set(cli.commands) >= set(VERBS)
    for word in (
        "0 all well",
        "1 a check failed",
        "2 interrupted",
        "3 our own",
        "4 wrong",
        "5 nothing",
        "10 ",
    ):
        assert word in said.out
    assert "\\b" not in said.out


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_every_option_says_what_it_is(capsys, verb):
    said = call(capsys, *filter(None, [verb]), "--help")
    context = cli.make_context("loadstone", [], resilient_parsing=True)
    chosen = cli.commands[verb] if verb else cli
    options = [one for one in chosen.get_params(context) if one.param_type_name == "option"]
    assert [one.name for one in options if not getattr(one, "help", None)] == []
    assert all(one.opts[-1] in said.out for one in options)


def test_no_words_at_all_are_answered_with_the_help(capsys):
    said = call(capsys)
    assert said.code == 4
    assert said.out == ""
    assert said.err.startswith("Usage: loadstone")
    assert "Commands:" in said.err


def test_the_version(capsys, tmp_path):
    lines = call(capsys, "--version").out.splitlines()
    assert lines[0] == f"loadstone {loadstone.__version__}"
    assert [line.split()[0] for line in lines] == ["loadstone", "Python", *LIBRARIES]
    assert all(len(line.split()) > 1 for line in lines)
    assert command.program("--version", folder=tmp_path) == call(capsys, "--version")


def test_help_comes_at_once(tmp_path):
    """Under 0.3 s; the best of five, since others may be using the machine."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(
            [*command.PROGRAM, "--help"],
            cwd=tmp_path,
            env=command.environment(),
            check=True,
            capture_output=True,
        )
        times.append(time.perf_counter() - began)
    assert min(times) < 0.3


def test_the_installed_command_is_the_module(tmp_path):
    code = (
        "import sys; from importlib.metadata import entry_points; sys.argv[:] = ['loadstone', '--version'];"
        "(one,) = entry_points(group='console_scripts', name='loadstone'); one.load()()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == command.program("--version", folder=tmp_path).out


@pytest.mark.usefixtures("quick_start")
class TestCodes:
    """The exit code, the document and the JUnit file tell the same."""

    def test_0_all_well(self, here, capsys):
        said = call(capsys, "check", "in_memory", "--only", "shift")
        assert (said.code, said.err) == (0, "")
        assert "in_memory passes" in said.out
        assert list(here.iterdir()) == []

    def test_1_a_check_failed(self, here, capsys):
        (here / "twice.py").write_text(SHIFTED_TWICE, encoding="utf-8")
        words = ["check", "twice.py:loader", "--only", "shift.exact", "--json", "x.json", "--junit", "x.xml"]
        said = call(capsys, *words)
        assert (said.code, said.err) == (1, "")
        assert "two positions" in said.out
        assert load(here / "x.json").exit_code == 1
        suites = ET.parse(here / "x.xml").getroot()
        assert (suites.get("failures"), suites.get("errors")) == ("1", "0")

    def test_3_our_own_error(self, here, capsys, monkeypatch):
        def broken(*args):
            raise RuntimeError("a slip of ours")

        monkeypatch.setattr(run.Run, "execute", broken)
        said = call(capsys, "check", "in_memory", "-o", here / "report")
        assert (said.code, said.out) == (3, "")
        assert "Traceback" in said.err
        assert "a slip of ours" in said.err
        assert said.err.splitlines()[-1].startswith("loadstone: this is Loadstone's own error; please report")
        assert list(here.iterdir()) == []

    def test_3_what_we_know_to_be_our_own_needs_no_trace(self, here, capsys, monkeypatch):
        def broken(*args):
            raise LoadstoneError("the process that\nforks children has died; run again.")

        monkeypatch.setattr(run.Run, "execute", broken)
        said = call(capsys, "check", "in_memory")
        assert_refused(said, "the process that forks children has died; run again.", code=3)

    @pytest.mark.parametrize(
        ("words", "parts"),
        [
            (["shft.exact"], ["--only shft.exact selects no check", "did you mean 'shift.exact'"]),
            (["shift", "--only", "zzz"], ["--only zzz selects no check"]),
            (["shi"], ["--only shi"]),
        ],
    )
    def test_5_nothing_selected(self, here, capsys, words, parts):
        said = call(capsys, "check", "in_memory", "-o", here / "report", "--only", *words)
        assert_refused(said, *parts, code=5)
        assert list(here.iterdir()) == []

    def test_5_nothing_that_could_be_judged(self, here, capsys):
        said = call(capsys, "check", "in_memory", "--only", "pairs", "--json", "x.json")
        assert said.code == 5
        assert load(here / "x.json").exit_code == 5

    def test_10_a_check_of_ours_that_breaks(self, here, capsys, monkeypatch):
        def broken(evidence):
            raise ZeroDivisionError("no batches counted")

        entry = Check("shift.broken", "contract", "Nothing.", ("pass",), broken)
        monkeypatch.setitem(REGISTER, entry.id, entry)
        said = call(capsys, "check", "in_memory", "--only", "shift", "--json", "x.json", "--junit", "x.xml")
        assert said.code == 10
        (finding,) = (one for one in load(here / "x.json").subjects[0].checks if one.id == "shift.broken")
        assert (finding.verdict, "ZeroDivisionError" in finding.reason) == ("unknown", True)
        assert ET.parse(here / "x.xml").getroot().get("errors") == "1"

    def test_a_check_that_is_added_is_asked(self, here, capsys, monkeypatch):
        entry = Check("own.one", "contract", "All is well.", ("pass",), lambda evidence: ok("well"))
        monkeypatch.setitem(REGISTER, entry.id, entry)
        said = call(capsys, "check", "in_memory", "--only", "own", "--json", "x.json")
        assert said.code == 0
        assert [one.id for one in load(here / "x.json").subjects[0].checks] == ["own.one"]

    def test_quiet_says_nothing_and_writes_its_files(self, here, capsys):
        words = ["check", "in_memory", "--only", "shift", "--quiet", "--json", "x.json", "-o", "report"]
        assert call(capsys, *words) == command.Said(0, "", "")
        names = sorted(path.name for path in (here / "report").iterdir())
        assert names == ["badge.svg", "index.html", "report.md", "results.csv", "results.json"]
        assert (here / "x.json").read_bytes() == (here / "report" / "results.json").read_bytes()


@pytest.mark.parametrize("name", samples.EVERY)
def test_a_stored_run_is_told_with_its_own_code(here, capsys, name):
    document = samples.EVERY[name]()
    (here / "run.json").write_bytes(encode(document))
    said = call(capsys, "report", "run.json", "-o", "again", "--json", "copy.json", "--junit", "x.xml")
    assert (said.code, said.err) == (document.exit_code, "")
    assert (here / "again" / "results.json").read_bytes() == (here / "run.json").read_bytes()
    assert (here / "copy.json").read_bytes() == (here / "run.json").read_bytes()
    suites = ET.parse(here / "x.xml").getroot()
    red = int(suites.get("failures", "0")) + int(suites.get("errors", "0"))
    assert (red > 0) == (document.exit_code != 0)


@pytest.mark.parametrize("code", [2, 5, 10])
def test_a_stored_run_keeps_any_code(here, capsys, code):
    document = samples.green()
    document.exit_code = code
    (here / "run.json").write_bytes(encode(document))
    assert call(capsys, "report", "run.json", "--quiet", "--junit", "x.xml").code == code
    assert ET.parse(here / "x.xml").getroot().get("errors") == "1"
    assert (here / "loadstone-report" / "index.html").is_file()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("loadstone mus", ["plain,museum"]),
        ("loadstone check memmap_", ["plain,memmap_per_batch", "plain,memmap_persistent"]),
        ("loadstone run in_memory my_fi", ["file,my_fi"]),
        ("loadstone nothing at", []),
    ],
)
def test_the_shell_completes_verbs_and_subjects(capsys, monkeypatch, typed, offered):
    words = typed.split()
    monkeypatch.setenv("_LOADSTONE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    said = call(capsys)
    assert said.out.split() == offered
    assert said.err == ""
