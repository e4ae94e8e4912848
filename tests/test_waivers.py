"""Waivers and traits of a repository: read strictly, applied to what they name, stale ones told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from loadstone.errors import EXIT_OK, EXIT_USAGE, UsageError
from loadstone.harness.configuration import configure, load, nearest
from loadstone.harness.run import Run
from loadstone.harness.settings import Settings
from loadstone.harness.subjects import find
from loadstone.harness.waivers import Waiver, apply
from loadstone.reports.answers import sentence, summarise
from loadstone.reports.document import Finding, Subject
from loadstone.reports.terminal import make_console, print_document

TODAY = dt.date(2026, 11, 21)
LOADER = '''
import numpy as np, torch, loadstone

@loadstone.loader(reads="tokens", order="sequential", passes="endless", targets="shifted", ranks="none",
                  overlap=1, row_overlap=1, resume="none", workers=False)
def subject(corpus, config):
    """Advances by one token too many."""
    tokens = torch.from_numpy(np.fromfile(corpus.token_file(config.split), corpus.token_dtype).astype("i8"))
    size, at = config.batch_size * config.seq_len, 0
    while True:
        if at + size + 1 > len(tokens):
            at = 0
        rows = tokens[at : at + size + 1]
        at += size + 1
        shape = (config.batch_size, config.seq_len)
        yield rows[:-1].view(shape).clone(), rows[1:].view(shape).clone()
'''


def repository(folder: Path, toml: str) -> Path:
    (folder / "pyproject.toml").write_text(toml, encoding="utf-8")
    inner = folder / "src" / "loaders"
    inner.mkdir(parents=True, exist_ok=True)
    (inner / "mine.py").write_text(LOADER, encoding="utf-8")
    return inner / "mine.py"


def refused(folder: Path, toml: str) -> str:
    with pytest.raises(UsageError) as caught:
        configure([find(f"{repository(folder, toml)}:subject")])
    assert caught.value.exit_code == EXIT_USAGE
    assert "\n" not in str(caught.value)
    assert str(folder / "pyproject.toml") in str(caught.value)
    return str(caught.value)


def fail(check: str = "coverage.tail", verdict: str = "fail") -> Finding:
    return Finding(id=check, family="coverage", verdict=verdict, reason="64 lost", diagnosis="a cause")


def test_a_failure_is_waived_with_its_reason_and_what_was_seen():
    (waived,) = apply([fail()], [Waiver("coverage.tail", "known upstream")], TODAY)
    assert (waived.verdict, waived.diagnosis) == ("waived", "")
    assert waived.reason == "known upstream; what was seen: 64 lost"


def test_other_checks_and_other_verdicts_stay_as_they_are():
    kept = [fail("shift.exact"), fail(verdict="pass"), fail(verdict="unknown"), fail(verdict="skip")]
    assert apply(kept, [Waiver("coverage.tail", "known")], TODAY) == kept


@pytest.mark.parametrize(("days", "verdict"), [(0, "waived"), (1, "waived"), (-1, "fail")])
def test_a_waiver_holds_through_its_last_day(days, verdict):
    waiver = Waiver("coverage.tail", "until the fix", TODAY + dt.timedelta(days=days))
    (finding,) = apply([fail()], [waiver], TODAY)
    assert finding.verdict == verdict
    assert ("expired on 2026-11-20: until the fix" in finding.reason) == (verdict == "fail")


def test_of_two_waivers_of_a_check_the_valid_one_counts():
    both = [Waiver("coverage.tail", "old", dt.date(2020, 1, 1)), Waiver("coverage.tail", "new")]
    (finding,) = apply([fail()], both, TODAY)
    assert finding.reason.startswith("new;")


def test_a_waived_check_that_passes_is_told_as_stale_and_does_not_fail():
    subject = Subject(name="s", checks=[fail(verdict="pass")], waivers={"coverage.tail": "known"})
    assert subject.stale() == ["coverage.tail"]
    assert subject.status() == "pass"
    assert "Stale waiver of coverage.tail" in sentence(subject)
    assert summarise([subject])["stale_waivers"] == {"s": ["coverage.tail"]}
    subject.checks = [fail(verdict="waived")]
    assert "tale" not in sentence(subject)
    assert summarise([subject])["stale_waivers"] == {}


@pytest.mark.parametrize(
    ("toml", "parts"),
    [
        ('[tool.loadstone.waivers]\n"coverage.tial" = "x"', ("coverage.tial", "coverage.tail")),
        ('[tool.loadstone.waivers]\ncoverage.tial = "x"', ("coverage.tial", "coverage.tail")),
        ('[tool.loadstone.waivers]\n"coverage.tail" = ""', ("no reason",)),
        ('[tool.loadstone.waivers]\n"coverage.tail" = {expires = 2027-01-01}', ("no reason",)),
        ('[tool.loadstone.waivers]\n"coverage.tail" = true', ("True", "reason =")),
        ('[tool.loadstone.waivers]\n"coverage.tail" = {reason = "x", expire = "2027-01-01"}', ("expires",)),
        ('[tool.loadstone.waivers]\n"coverage.tail" = {reason = "x", expires = "soon"}', ("YYYY-MM-DD",)),
        ('[tool.loadstone.waivers]\n"coverage.tail" = {reason = "x", subject = 3}', ("3",)),
        ('[tool.loadstone]\nwaivers = "all"', ("no table",)),
        ("[tool.loadstone.waiver]", ("waivers",)),
        ('[tool.loadstone.traits]\nordre = "windows"', ("ordre", "order")),
        ('[tool.loadstone.traits]\norder = "window"', ("windows",)),
        ("[tool.loadstone\n", ("correct it",)),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(tmp_path, toml, parts):
    said = refused(tmp_path, toml)
    assert [part for part in parts if part not in said] == [], said


def test_ids_may_stand_with_and_without_quotes(tmp_path):
    toml = '[tool.loadstone.waivers]\n"shift.exact" = "a"\ncoverage.tail = {reason = "b"}\n'
    ref = find(f"{repository(tmp_path, toml)}:subject")
    waivers = configure([ref])[ref.name].waivers
    assert [(one.check, one.reason) for one in waivers] == [("shift.exact", "a"), ("coverage.tail", "b")]


def test_a_waiver_may_speak_of_one_subject_only(tmp_path):
    toml = """[tool.loadstone.waivers]
"shift.exact" = [{reason = "a", subject = "subject"}, {reason = "b", subject = "other"}]
"coverage.tail" = {reason = "c", subject = "mine.py:subject", expires = 2027-01-01}
"""
    ref = find(f"{repository(tmp_path, toml)}:subject")
    waivers = configure([ref])[ref.name].waivers
    assert [one.reason for one in waivers] == ["a", "c"]
    assert str(waivers[1]) == "c (until 2027-01-01)"


def test_the_nearest_file_counts_for_files_and_the_current_folder_for_names(tmp_path, monkeypatch):
    path = repository(tmp_path, '[tool.loadstone.traits]\norder = "windows"\n')
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "pyproject.toml").write_text('[tool.loadstone.waivers]\n"shift.exact" = "here"\n')
    monkeypatch.chdir(tmp_path / "here")
    refs = [find(f"{path}:subject"), find("in_memory")]
    told = configure(refs)
    assert told[refs[0].name].path == tmp_path / "pyproject.toml"
    assert told[refs[0].name].traits == {"order": "windows"}
    assert [one.reason for one in told["in_memory"].waivers] == ["here"]
    assert nearest(path.parent) == tmp_path / "pyproject.toml"


def test_a_repository_states_no_traits_of_what_ships_with_us(tmp_path, monkeypatch):
    repository(tmp_path, '[tool.loadstone.traits]\norder = "windows"\n')
    monkeypatch.chdir(tmp_path)
    assert configure([find("in_memory")])["in_memory"].traits == {}


def test_a_file_that_says_nothing_of_us_waives_nothing(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert load(tmp_path / "pyproject.toml").waivers == ()


class Silent:
    def step(self, text):
        pass

    def advance(self, n=1):
        pass


def run(path: Path, launcher, only: tuple[str, ...]) -> Subject:
    settings = Settings(subjects=(f"{path}:subject",), parts=("checks",), only=only)
    with Run(settings, launcher=launcher) as job:
        document = job.execute(Silent())
    run.document = document
    return document.subjects[0]


def test_a_run_applies_them_to_the_document_its_code_and_the_terminal(tmp_path, launcher, capsys):
    toml = """[tool.loadstone.waivers]
"stride.declared" = {reason = "as the course teaches it", expires = "2999-01-01"}
"coverage.transitions" = "follows from it"
"shift.exact" = "was wrong once"
[tool.loadstone.traits]
mask = "none"
"""
    path = repository(tmp_path, toml)
    only = ("stride", "coverage.transitions", "shift.exact")
    subject = run(path, launcher, only)
    verdicts = {finding.id: finding.verdict for finding in subject.checks}
    assert verdicts == {
        "stride.declared": "waived", "coverage.transitions": "waived", "shift.exact": "pass",
    }  # fmt: skip
    assert run.document.exit_code == EXIT_OK
    assert subject.waivers["stride.declared"] == "as the course teaches it (until 2999-01-01)"
    assert subject.traits.stated["mask"] == "none"
    assert run.document.summary["stale_waivers"] == {subject.name: ["shift.exact"]}
    print_document(run.document, make_console(no_color=True))
    assert "Stale waiver of shift.exact" in " ".join(capsys.readouterr().out.split())


def test_past_its_date_it_fails_and_says_so(tmp_path, launcher):
    toml = '[tool.loadstone.waivers]\n"stride.declared" = {reason = "soon fixed", expires = "2020-01-01"}\n'
    subject = run(repository(tmp_path, toml), launcher, ("stride",))
    assert subject.status() == "fail"
    assert "expired on 2020-01-01: soon fixed" in subject.checks[0].reason
