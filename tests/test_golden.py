"""Every rendering of the sample documents is as kept: a change of one shows as a diff."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET

import pytest
import sample_documents as samples
from golden_files import assert_golden
from loadstone.reports.badge import COLOURS, badge_words, render_badge
from loadstone.reports.document import Subject
from loadstone.reports.junit import render_junit
from loadstone.reports.markdown import render_markdown
from loadstone.reports.tables import COLUMNS, render_csv
from test_html import contrast
from test_terminal import shown

RENDERINGS = {
    "terminal.txt": shown,
    "report.md": render_markdown,
    "junit.xml": lambda document: render_junit(document).decode(),
    "results.csv": render_csv,
    "badge.svg": render_badge,
}


@pytest.mark.parametrize("kind", RENDERINGS)
@pytest.mark.parametrize("name", ["green", "red"])
def test_a_rendering_is_as_kept(name, kind):
    text = RENDERINGS[kind](samples.EVERY[name]())
    assert_golden(f"{name}-{kind}", text.replace("\r\n", "\n"))


def table(document) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_csv(document), newline="")))


@pytest.mark.parametrize("name", samples.EVERY)
def test_csv_has_a_line_for_every_verdict_and_number(name):
    document = samples.EVERY[name]()
    rows = table(document)
    assert all(tuple(row) == COLUMNS and None not in row.values() for row in rows)
    for subject in document.subjects:
        mine = [row for row in rows if row["subject"] == subject.name]
        checks = [(row["name"], row["verdict"]) for row in mine if row["kind"] == "check"]
        assert checks == [(finding.id, finding.verdict) for finding in subject.checks]
        rates = [row["value"] for row in mine if row["kind"] == "throughput"]
        assert rates == [str(row.tokens_per_s or "") for row in subject.throughput]


def test_csv_gives_a_spreadsheet_no_formula_and_no_second_line():
    hostile = samples.document([Subject(name='=HYPERLINK("x")\n,"', checks=[samples.finding("a.b", "a")])])
    (row,) = table(hostile)
    assert row["subject"] == '\'=HYPERLINK("x") ,"'


def test_a_void_rate_says_so_in_csv():
    rows = table(samples.red())
    (row,) = [one for one in rows if one["kind"] == "throughput" and one["verdict"] == "void"]
    assert (row["subject"], row["reason"]) == ("double_shift.py:my_loader", "fails shift.exact")


def test_the_badge_says_the_worst():
    assert badge_words(samples.green()) == ("pass", "5 pass")
    assert badge_words(samples.red()) == ("fail", "4 of 7 fail")
    assert badge_words(samples.empty()) == ("skip", "not judged")
    leaky = samples.document([samples.loader("a", 1e6, memory=[samples.leaking()]), Subject(name="b")])
    assert badge_words(leaky) == ("leak", "1 of 2 leak")
    half = samples.document([samples.loader("a", 1e6), Subject(name="b")])
    assert badge_words(half) == ("pass", "1 of 2 pass")


def test_the_badge_is_svg_that_can_be_read_and_heard():
    root = ET.fromstring(render_badge(samples.red()))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "loadstone: 4 of 7 fail"
    assert all(contrast("#ffffff", colour) >= 4.5 for colour in COLOURS.values())
