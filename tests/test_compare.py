"""Comparing runs: what got worse is found, what may not be divided is not, and the code says so."""

from __future__ import annotations

import copy
import io

import pytest
import sample_documents as samples
from command import assert_refused, call
from golden_files import assert_golden
from loadstone.reports.comparing import compare, ratio
from loadstone.reports.comparison import comparison_html, comparison_markdown, print_comparison
from loadstone.reports.document import Document, Subject, encode
from rich.console import Console
from test_html import Page


def before() -> Document:
    return samples.document([samples.loader(name, rate) for name, rate in RATES.items()])


RATES = {"in_memory": 48.9e6, "parquet_stream": 2.9e6, samples.NASTY: 4e6}


def after() -> Document:
    """One fails now and is slower, one leaks, one is gone, one is new."""
    double = samples.finding("shift.exact", "Contract / shift", "fail", reason="y is two on",
                             diagnosis="shifted twice <b>")  # fmt: skip
    return samples.document(
        [
            samples.loader("in_memory", 48.9e6, samples.checks(shift__exact=double)),
            samples.loader("parquet_stream", 1.4e6, memory=[samples.leaking()]),
            samples.loader("new_one", 5e6),
        ]
    )


def shown(*documents: Document, width: int = 100) -> str:
    out = io.StringIO()
    made = compare(documents, [f"run-{at}.json" for at in range(len(documents))])
    print_comparison(made, Console(file=out, width=width, highlight=False, emoji=False))
    return out.getvalue()


def test_a_run_is_the_same_as_itself():
    for make in samples.EVERY.values():
        document = make()
        made = compare([document, document], ["a", "b"])
        assert made.of("worse", "better", "changed") == []
        assert made.machines == {}
    assert compare([samples.green(), samples.green()], ["a", "b"]).exit_code == 0
    assert compare([samples.empty(), samples.empty()], ["a", "b"]).exit_code == 5


def test_what_got_worse_is_found_and_is_the_exit_code():
    made = compare([before(), after()], ["a", "b"])
    worse = {(line.subject, line.kind, line.what) for line in made.of("worse")}
    assert ("parquet_stream", "memory", "") in worse
    assert ("parquet_stream", "throughput", "12 \N{MULTIPLICATION SIGN} 1024") in worse
    assert made.exit_code == 1
    missing = {(line.subject, line.why) for line in made.of("not comparable") if line.kind == "subject"}
    assert missing == {(samples.NASTY, "not in this run"), ("new_one", "not in the first run")}


def test_a_check_that_fails_now_is_worse_and_says_why_and_one_that_passes_now_is_better():
    bad = samples.finding("shift.exact", "Contract / shift", "fail", diagnosis="shifted twice")
    one = samples.document([samples.loader("it", 1e6)])
    other = samples.document([samples.loader("it", 1e6, samples.checks(
        skipped=("resume.every_k", "coverage.buffer_flush"), shift__exact=bad))])  # fmt: skip
    (line,) = compare([one, other], ["a", "b"]).of("worse")
    assert (line.what, line.values, line.why) == ("shift.exact", ("✓ pass", "✗ fail"), "shifted twice")
    back = compare([other, one], ["a", "b"])
    assert [line.what for line in back.of("better")] == ["shift.exact"]
    assert back.exit_code == 0


@pytest.mark.parametrize(
    ("factor", "change"), [(1.0, "same"), (0.97, "same"), (1.03, "same"), (0.7, "worse"), (1.5, "better")]
)
def test_a_rate_differs_only_beyond_what_two_runs_can_show(factor, change):
    one, other = (samples.document([samples.loader("it", 5e7)]) for _ in range(2))
    row = other.subjects[0].throughput[0]
    row.tokens_per_s *= factor
    row.samples_tokens_per_s = [factor * sample for sample in row.samples_tokens_per_s]
    (line,) = [line for line in compare([one, other], ["a", "b"]).lines if line.kind == "throughput"]
    assert line.change == change
    middle, low, high = ratio(one.subjects[0].throughput[0], row)
    assert low < middle < high
    assert low <= factor <= high


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda run: run.machine.identity.update(torch="2.14.0"), "not the same machine"),
        (lambda run: run.data.update(fingerprint="other"), "not the same data"),
        (lambda run: run.config.update(device="cuda"), "not the same device"),
        (lambda run: run.subjects[0].throughput.clear(), "not measured in both runs"),
        (lambda run: setattr(run.subjects[0].throughput[0], "struck_by", "shift.exact"),
         "void: fails shift.exact"),
        (lambda run: run.subjects[0].throughput[0].samples_tokens_per_s.clear(), "fewer than 5 rounds"),
    ],
)  # fmt: skip
def test_rates_that_may_not_be_divided_are_not(spoil, why):
    one, other = (copy.deepcopy(samples.document([samples.loader("it", 5e7)])) for _ in range(2))
    spoil(other)
    made = compare([one, other], ["a", "b"])
    (line,) = [line for line in made.lines if line.kind == "throughput"]
    assert (line.change, line.why) == ("not comparable", why)
    assert "\N{MULTIPLICATION SIGN}" not in line.values[1]
    assert made.exit_code == 10
    assert list(made.machines) == (["torch"] if why == "not the same machine" else [])


def test_checks_asked_in_one_run_only_are_told_once():
    one, other = before(), before()
    del other.subjects[0].checks[3:]
    lines = compare([one, other], ["a", "b"]).of("not comparable")
    assert [(line.subject, line.what) for line in lines] == [("in_memory", "15 checks")]
    assert lines[0].values == ("15 asked", "0 asked")


def test_every_run_after_the_first_is_compared_with_it():
    made = compare([before(), after(), before()], ["a", "b", "c"])
    (line,) = [line for line in made.of("worse") if line.kind == "memory"]
    assert [one.change for one in line.against] == ["worse", "same"]


def test_no_line_is_longer_than_the_terminal():
    assert max(map(len, shown(before(), after(), width=80).splitlines())) <= 80


def test_renderings_are_as_kept():
    spoilt = after()
    spoilt.machine = copy.deepcopy(spoilt.machine)
    spoilt.machine.identity["cpus"] = 4
    assert_golden("comparison.txt", shown(before(), after(), spoilt))
    assert_golden("comparison.md", comparison_markdown(compare([before(), after(), spoilt], list("abc"))))


def test_the_page_is_well_formed_and_nothing_foreign_becomes_markup():
    page = comparison_html(compare([before(), after()], [samples.NASTY, "b"]))
    parsed = Page(page)
    assert parsed.errors == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert samples.NASTY not in page
    assert samples.NASTY in "".join(parsed.words)
    assert "<script" not in page


def test_the_verb(capsys, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "results.json").write_bytes(encode(before()))
    (tmp_path / "b.json").write_bytes(encode(after()))
    said = call(capsys, "compare", tmp_path / "a", tmp_path / "b.json", "-o", tmp_path / "out")
    assert said.code == 1
    assert said.out.splitlines()[-1] == "Exit 1: something got worse."
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"comparison.md", "comparison.html"}
    quiet = call(capsys, "compare", tmp_path / "a", tmp_path / "a", "--quiet")
    assert (quiet.code, quiet.out) == (0, "")


def test_bad_input_is_one_sentence(capsys, tmp_path):
    (tmp_path / "a.json").write_bytes(encode(before()))
    (tmp_path / "none.json").write_text("{}")
    assert_refused(call(capsys, "compare", tmp_path / "a.json"), "two documents or more")
    assert_refused(call(capsys, "compare", tmp_path / "a.json", tmp_path / "none.json"), "none.json", "not a")
    assert_refused(call(capsys, "compare", tmp_path / "a.json", tmp_path / "gone.json"), "cannot be read")


def test_runs_with_nothing_in_common():
    one, other = (samples.document([Subject(name=name)]) for name in ("a", "b"))
    assert compare([one, other], ["a", "b"]).exit_code == 5
