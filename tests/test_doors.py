"""Python's and pytest's doors: the same checks, for factories that a name leads to and for others."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import loadstone
import psutil
import pytest
import torch
from loadstone.errors import SubjectError, TraitError, UsageError
from loadstone.harness import here
from loadstone.harness.doors import Asked, Recorded, failure, parametrize_with_checks
from loadstone.harness.subjects import HELD
from loadstone.loaders.in_memory import in_memory
from loadstone.reports.document import Finding
from loadstone.suites.families import REGISTER
from subject_files import PREAMBLE

pytest_plugins = ["pytester"]
QUICK = ("shift", "stride", "alias.hold")
STATED = {"reads": "tokens", "order": "sequential", "targets": "shifted", "overlap": 1, "row_overlap": 1}


def loader_of(tokens_later: int):
    """A closure: batches whose targets are so many tokens on."""

    def closed_over(corpus, config):
        import numpy as np

        tokens = torch.from_numpy(np.fromfile(corpus.token_file("train"), corpus.token_dtype).astype("i8"))
        size, shape = config.batch_size * config.seq_len, (config.batch_size, config.seq_len)
        for at in range(config.rank * size, len(tokens) - size - tokens_later + 1, size * config.world_size):
            x, y = (tokens[at + shift :][:size].view(shape).clone() for shift in (0, tokens_later))
            yield x, y

    return closed_over


def verdicts(document) -> dict[str, str]:
    return {finding.id: finding.verdict for finding in document.subjects[0].checks}


def test_a_closure_is_checked_with_what_it_closes_over():
    right = loadstone.check(loader_of(1), traits=STATED, only=QUICK)
    wrong = loadstone.check(loader_of(2), traits=STATED, only=QUICK)
    assert verdicts(right)["shift.exact"] == "pass"
    assert verdicts(wrong)["shift.exact"] == "fail"
    assert (right.exit_code, wrong.exit_code) == (0, 1)
    assert right.subjects[0].name == "closed_over"
    assert right.subjects[0].origin == "object"
    assert not HELD


def test_a_closure_is_checked_although_threads_of_torch_have_run_here():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert torch.isfinite(torch.ones(600, 600) @ torch.ones(600, 600)).all()

        def multiplies(corpus, config):
            for x, y in loader_of(1)(corpus, config):
                torch.ones(600, 600) @ torch.ones(600, 600)
                yield x, y

        document = loadstone.check(multiplies, only=QUICK)
    finally:
        torch.set_num_threads(before)
    assert verdicts(document)["shift.exact"] == "pass"


def test_a_partial_and_a_lambda_are_factories():
    def picky(corpus, config, on):
        return loader_of(on)(corpus, config)

    for factory in (functools.partial(picky, on=1), lambda corpus, config: picky(corpus, config, 1)):
        document = loadstone.check(factory, only="shift.exact")
        assert list(verdicts(document)) == ["shift.exact"]
        assert verdicts(document)["shift.exact"] == "pass"
        assert document.subjects[0].name in ("picky", "lambda")


def test_a_function_of_a_script_is_checked_without_running_it_again(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        PREAMBLE + "import loadstone\nprint('started')\ndef mine(corpus, config):\n"
        "    return batches(corpus, config, 20)\n"
        "document = loadstone.check(mine, only=['alias.hold'])\n"
        "print(document.subjects[0].name, document.subjects[0].checks[0].verdict)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["started", "mine pass"]


def test_what_a_name_leads_to_is_asked_for_by_that_name(tmp_path, monkeypatch):
    assert here.reference(in_memory).module == "loadstone.loaders.in_memory"
    assert here.reference("in_memory").origin == "built-in"
    (tmp_path / "of_a_file.py").write_text("def factory(corpus, config):\n    return []\n")
    monkeypatch.syspath_prepend(tmp_path)
    import of_a_file

    ref = here.reference(of_a_file.factory)
    assert (ref.origin, ref.module, ref.name) == ("file", of_a_file.__file__, "of_a_file.py:factory")
    monkeypatch.setattr(of_a_file, "factory", lambda corpus, config: [])
    ref = here.reference(of_a_file.factory)
    assert ref.origin == "object"
    here.release(ref)


def test_the_process_that_called_is_left_as_it_was():
    threads = set(Path("/proc/self/task").iterdir())
    children = set(psutil.Process().children())
    loadstone.check(loader_of(1), only="shift.exact")
    assert set(Path("/proc/self/task").iterdir()) <= threads
    assert set(psutil.Process().children()) <= children


@pytest.mark.parametrize(
    ("factory", "settings", "error", "word"),
    [
        (3, {}, SubjectError, "int"),
        ("in_memor", {}, SubjectError, "in_memory"),
        ("in_memory", {"traits": {"ordre": "windows"}}, TraitError, "order"),
        ("in_memory", {"traits": {"order": "window"}}, TraitError, "windows"),
        ("in_memory", {"options": {"ordre": "windows"}}, UsageError, "ordre"),
        ("in_memory", {"batch_size": 0}, UsageError, "batch_size"),
        ("in_memory", {"memory_limit": "much"}, UsageError, "much"),
        ("in_memory", {"deadline": -1}, UsageError, "deadline"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(factory, settings, error, word):
    with pytest.raises(error) as caught:
        loadstone.check(factory, **settings)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_is_wanted():
    for subjects in ("in_memory", []):
        with pytest.raises(UsageError, match="list"):
            parametrize_with_checks(subjects)


class Told(Recorded):
    """A subject of which everything is known already."""

    def __init__(self, **findings):
        super().__init__("some/where/loaders.py:mine[a=b]", {})
        self._found = {name: Finding(id=name, family="coverage", **told) for name, told in findings.items()}


def test_verdicts_are_told_in_the_words_of_pytest():
    told = Told(
        good={"verdict": "pass"},
        bad={"verdict": "fail", "reason": "lost 3", "diagnosis": "a buffer", "evidence": {"lost": 3}},
        left={"verdict": "skip", "reason": "no knob"},
        known={"verdict": "waived", "reason": "upstream"},
        broken={"verdict": "unknown", "reason": "the check broke"},
    )
    assert told.name == "mine[a=b]"
    assert Asked(told, "good")() is None
    with pytest.raises(AssertionError, match=r"bad: lost 3\ncause: a buffer\nlost: 3"):
        Asked(told, "bad")()
    with pytest.raises(pytest.skip.Exception, match="no knob"):
        Asked(told, "left")()
    with pytest.raises(pytest.xfail.Exception, match="upstream"):
        Asked(told, "known")()
    with pytest.raises(AssertionError, match="broken stays unknown: the check broke"):
        Asked(told, "broken")()


def test_a_failure_without_more_to_say_is_one_line():
    assert failure(Finding(id="a.b", family="coverage", verdict="fail", reason="r")) == "a.b: r"


TESTS = f"""{PREAMBLE.replace("{", "{{").replace("}", "}}")}
import loadstone, pathlib

def my_loader(corpus, config):
    with open({{counter!r}}, "a") as file:
        print(corpus.num_tokens("train"), config.batch_size, config.seq_len, file=file)
    for x, y in batches(corpus, config, 20):
        yield x, torch.roll(y, 1, dims=1)

@loadstone.parametrize_with_checks([my_loader], only={QUICK!r}, traits={{STATED}})
def test_loader(check):
    check()
"""


def test_a_decorated_test_becomes_one_for_each_check_and_they_share_a_recording(pytester, tmp_path):
    counter = tmp_path / "counted"
    pytester.makepyfile(test_mine=TESTS.format(counter=str(counter), STATED=STATED))
    pytester.makefile(
        ".toml", pyproject='[tool.loadstone.waivers]\n"stride.declared" = "x"\n"alias.hold" = "x"\n'
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rs", "-v")
    result.stdout.fnmatch_lines(
        ["*test_loader?shift.exact-my_loader? FAILED*", "*test_loader?stride.declared-my_loader? *"]
    )
    result.stdout.fnmatch_lines(["*AssertionError: shift.exact: * targets are not the successor*"])
    result.stdout.fnmatch_lines(["loadstone: stale waiver of my_loader: alias.hold: passes now*"])
    recordings = of_the_main_corpus(counter)
    assert recordings > 0
    both = pytester.runpytest_subprocess("-n", "2", "--dist", "each", "-k", "shift.exact-my_loader")
    both.assert_outcomes(failed=2)
    assert of_the_main_corpus(counter) == 2 * recordings  # once a session, however many tests and workers


def of_the_main_corpus(counter: Path) -> int:
    """Recordings of the largest corpus at B=4, T=16: how many smaller ones are tried depends on the time."""
    lines = [tuple(map(int, line.split())) for line in counter.read_text().splitlines()]
    tokens = [tokens for tokens, *shape in lines if shape == [4, 16]]
    return tokens.count(max(tokens))


def test_the_plugin_does_nothing_unless_asked(pytester):
    pytester.makepyfile(
        "import sys\ndef test_it():\n    assert 'loadstone.harness.doors' not in sys.modules\n"
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    assert "loadstone 0" not in result.stdout.str()


def test_the_plugin_loads_nothing_heavy_unless_asked():
    code = "import sys, loadstone.harness.pytest_plugin\nprint([m for m in sys.modules if m in %r])"
    heavy = ("torch", "numpy", "pyarrow", "rich", "msgspec", "click")
    done = subprocess.run([sys.executable, "-c", code % (heavy,)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def subject(pytester) -> str:
    (pytester.path / "mine.py").write_text(PREAMBLE + "def good(c, g):\n    return batches(c, g, 20)\n")
    return "mine.py:good"


def test_the_plugin_adds_an_item_for_each_check(pytester, subject):
    result = pytester.runpytest_subprocess("--loadstone", subject, "--collect-only", "-q")
    lines = [line for line in result.outlines if "::" in line]
    assert len(lines) == len(REGISTER)
    assert "loadstone/mine.py:good::shift.exact-good" in lines
    chosen = ("-k", "shift.exact-good or alias.hold")
    result = pytester.runpytest_subprocess("--loadstone", subject, *chosen, "-v")
    result.assert_outcomes(passed=2, deselected=len(REGISTER) - 2)
    result.stdout.fnmatch_lines([f"loadstone {loadstone.__version__}: * checks of mine.py:good", "*PASSED*"])


def test_the_plugin_is_asked_by_the_settings_too(pytester, subject):
    pytester.makeini(f"[pytest]\nloadstone =\n    {subject}\n")
    result = pytester.runpytest_subprocess("-k", "alias.hold")
    result.assert_outcomes(passed=1, deselected=len(REGISTER) - 1)


def test_the_plugin_refuses_what_is_no_subject(pytester):
    result = pytester.runpytest_subprocess("--loadstone", "in_memor")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --loadstone: there is no subject 'in_memor'; did you mean*"])


def test_a_subject_that_cannot_be_imported_fails_its_tests_in_a_sentence(pytester):
    (pytester.path / "mine.py").write_text("import nothing_of_that_name\n")
    result = pytester.runpytest_subprocess("--loadstone", "mine.py:good", "-k", "shift.exact or alias.hold")
    result.assert_outcomes(failed=2, deselected=len(REGISTER) - 2)
    result.stdout.fnmatch_lines(["mine.py cannot be imported: ModuleNotFoundError*"])
    assert "Traceback" not in result.stdout.str()
