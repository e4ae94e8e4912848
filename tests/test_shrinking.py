"""Counterexamples are made as small as they go, and stay counterexamples of the same failure."""

from __future__ import annotations

import dataclasses
import io

import pytest
import sample_documents as samples
from hypothesis import given
from hypothesis import strategies as st
from loadstone.harness.inquiry import Inquiry
from loadstone.harness.subjects import find
from loadstone.loaders.traits import Traits
from loadstone.reports.document import Document, Finding
from loadstone.reports.html import render_html
from loadstone.reports.junit import render_junit
from loadstone.reports.markdown import render_markdown
from loadstone.reports.terminal import print_document
from loadstone.suites.evidence import Evidence
from loadstone.suites.families import REGISTER
from loadstone.suites.museum import entries
from loadstone.suites.scenario import CorpusRef, Scenario
from loadstone.suites.scenarios import Shape
from loadstone.suites.shrinking import ORDER, Case, SpentError, alike, shrink, told
from loadstone.suites.trace import Trace
from rich.console import Console

SIZES = st.integers(1, 60)
CASES = st.builds(Case, SIZES, SIZES, SIZES, SIZES)


def smaller_by_one(case: Case) -> list[Case]:
    """The case with each of its sizes one less."""
    values = dataclasses.asdict(case)
    return [dataclasses.replace(case, **{name: n - 1}) for name, n in values.items() if n > 1]


def no_larger(one: Case, other: Case) -> bool:
    pairs = zip(dataclasses.astuple(one), dataclasses.astuple(other), strict=True)
    return all(a <= b for a, b in pairs)


@given(start=CASES, least=CASES)
def test_a_threshold_in_every_size_is_found_exactly(start, least):
    start = Case(*(max(pair) for pair in zip(*map(dataclasses.astuple, (start, least)), strict=True)))
    assert shrink(start, lambda case: no_larger(least, case)) == least


@given(start=CASES, least=CASES, most=st.integers(0, 40))
def test_a_search_that_is_ended_gives_a_case_that_fails(start, least, most):
    start = Case(*(max(pair) for pair in zip(*map(dataclasses.astuple, (start, least)), strict=True)))
    asked = []

    def fails(case: Case) -> bool:
        if len(asked) == most:
            raise SpentError
        asked.append(case)
        return no_larger(least, case)

    found = shrink(start, fails)
    assert no_larger(least, found)
    assert no_larger(found, start)


@given(start=CASES, by=st.integers(2, 5), of=st.sampled_from(ORDER), salt=st.integers(0, 99))
def test_whatever_fails_the_result_does_and_nothing_one_smaller(start, by, of, salt):
    def fails(case: Case) -> bool:
        odd = (getattr(case, of) * 7 + sum(dataclasses.astuple(case)) + salt) % by
        return case == start or odd == 0

    found = shrink(start, fails)
    assert fails(found)
    assert no_larger(found, start)
    assert not any(fails(one) for one in smaller_by_one(found))


@given(start=CASES)
def test_no_case_is_asked_twice_and_few_are_asked(start):
    asked: list[Case] = []

    def fails(case: Case) -> bool:
        asked.append(case)
        return case.seq_len * case.batch_size >= 7

    shrink(dataclasses.replace(start, seq_len=7), fails)
    assert len(asked) == len(set(asked))
    assert len(asked) <= 4 * 3 * 7  # sizes, rounds, halvings of 60


def test_a_case_is_the_first_documents_each_cut_to_the_longest():
    spec = {"documents": (9, 0, 4), "val_documents": (8,), "kind": "keyed"}
    scenario = Scenario("pass", CorpusRef(spec=spec), config={"batch_size": 4, "seq_len": 16, "seed": 3})
    assert Case.of([scenario]) == Case(4, 16, 3, 9)
    less = Case(1, 2, 2, 5).applied(scenario)
    assert less.config == {"batch_size": 1, "seq_len": 2, "seed": 3}
    assert less.corpus.spec == {"documents": (5, 0), "val_documents": (5,), "kind": "keyed"}


def test_alike_is_the_same_cause_whatever_the_figures():
    one = Finding(id="a.b", family="f", verdict="fail", diagnosis="one row in every 11 is lost")
    assert alike(one, Finding(id="a.b", family="f", verdict="fail", diagnosis="one row in every 3 is lost"))
    assert not alike(one, Finding(id="a.b", family="f", verdict="fail", diagnosis="all rows are lost"))
    assert not alike(one, Finding(id="a.b", family="f", verdict="pass"))


def test_words_without_a_row():
    scenario = Scenario("pass", CorpusRef(spec={"documents": (3,)}), config={"batch_size": 1, "seq_len": 2})
    trace = Trace(scenario)
    finding = Finding(id="a.b", family="f", verdict="fail", reason="it is wrong")
    words, data = told(finding, [trace], Evidence(Traits(), {"pass": trace}))
    assert words == "B=1, T=2, one document of 3 tokens: it is wrong"
    assert (data["tokens"], data["batch_size"], data["seq_len"]) == (3, 1, 2)


def ask(inquiry: Inquiry, ref, check: str, shrink_s: float = 20.0) -> Finding:
    opened = inquiry.open(ref, {}, {})
    findings, _ = inquiry.check(opened, Shape(), (check,), shrink_s=shrink_s)
    [finding] = findings
    return finding


def test_a_double_shift_needs_three_tokens(inquiry: Inquiry):
    entry = next(one for one in entries() if one.checks == ("shift.exact",) and one.id == "A1")
    finding = ask(inquiry, find(entry.factory), "shift.exact")
    smallest = finding.evidence["smallest"]
    assert (smallest["batch_size"], smallest["seq_len"]) == (1, 1)
    assert smallest["y"][0] - smallest["x"][0] == 2
    assert smallest["tokens"] <= 6
    assert finding.smallest.startswith("B=1, T=1, ")


def test_nothing_is_sought_where_no_time_is_given(inquiry: Inquiry):
    finding = ask(inquiry, find("textbook.parquet_stream"), "pairs.end", shrink_s=0.0)
    assert (finding.verdict, finding.smallest) == ("fail", "")
    assert "smallest" not in finding.evidence


@pytest.mark.parametrize("check", ["coverage.buffer_flush", "index.meaning"])
def test_the_taught_buffer_in_its_smallest_case(inquiry: Inquiry, check: str):
    finding = ask(inquiry, find("textbook.parquet_stream"), check)
    smallest = finding.evidence["smallest"]
    assert smallest["batch_size"] == smallest["seq_len"] == 1
    assert smallest["tokens"] <= 60
    assert check in REGISTER


def printed(document: Document) -> str:
    out = Console(file=io.StringIO(), width=100)
    print_document(document, out)
    return out.file.getvalue()


@pytest.mark.parametrize("render", [render_markdown, render_html, render_junit, printed])
def test_every_report_shows_it(render):
    text = render(samples.red())
    text = text.decode() if isinstance(text, bytes) else text
    assert "one document of 3 tokens" in " ".join(text.split())
