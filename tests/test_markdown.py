"""The Markdown report: order, escaping, and the summary page of a CI step."""

from __future__ import annotations

import re

import pytest
import sample_documents as samples
from loadstone.errors import UsageError
from loadstone.reports.markdown import STEP_SUMMARY_LIMIT, append_step_summary, render_markdown, shortened
from loadstone.reports.markdown_text import code, escape, fenced


def test_the_answer_comes_first_and_the_command_last():
    text = render_markdown(samples.red())
    assert text.splitlines()[0] == "# Loadstone: 4 of 7 loaders fail, 1 leaks and 1 stays unknown."
    headings = re.findall(r"^## (.+)$", text, flags=re.M)
    assert headings == [
        "Verdicts",
        "What failed, and why",
        "Throughput",
        "Feeding",
        "Memory",
        "Transfer",
        "Environment",
        "How to repeat it",
    ]
    assert text.rstrip().endswith("Exit 1: a check failed, a leak was found, or a loader regressed.")
    assert "```sh\nloadstone run textbook.parquet_stream double_shift.py:my_loader stuck" in text


def test_findings_tell_reason_cause_likeness_and_evidence():
    text = render_markdown(samples.red())
    finding = text[text.index("- ✗ **`coverage.buffer_flush`**") :]
    assert finding.startswith("- ✗ **`coverage.buffer_flush`** 81 of 1000 rows never appear")
    assert (
        "  - Likely cause: the row in hand is forgotten each time the buffer of 10 is flushed"
        in finding[:400]
    )
    assert "  - Resembles: B7, the row lost at a buffer flush" in finding[:400]
    assert "  rows_lost: 81\n  period: 11" in finding[:600]


@pytest.mark.parametrize("name", samples.EVERY)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(name):
    cells = 0
    for line in render_markdown(samples.EVERY[name]()).splitlines():
        if not line.startswith("|"):
            cells = 0
            continue
        count = len(re.findall(r"(?<!\\)\|", line))
        assert count == (cells or count), line
        cells = count


def test_nothing_of_a_subject_becomes_markup():
    text = render_markdown(samples.red())
    outside = re.sub(r"```.*?```|``.*?``|`[^`\n]*`", "", text, flags=re.S)
    assert "<script>" not in outside
    assert "<img" not in outside
    assert re.findall(r"<(?!details>|summary>|/summary>|/details>)", outside) == []
    assert "\x1b" not in text


def test_void_rows_are_struck_and_named():
    row = next(line for line in render_markdown(samples.red()).splitlines() if "~~512 M tokens/s~~" in line)
    assert "void: `shift.exact`" in row
    assert "~~37 %~~" in row


def test_what_is_not_measured_is_said_plainly():
    text = render_markdown(samples.green())
    assert "Not timed anywhere: not measured: no CUDA device." in text
    assert "page cache, reclaimable: not a leak" in text
    assert "Copy 15.8 µs (15.6 µs to 16.1 µs, n = 200 batches)" in render_markdown(samples.on_gpu())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b*c_d", r"a\|b\*c\_d"),
        ("<i>&`x`", r"&lt;i&gt;&amp;\`x\`"),
        ("@you [a](b)", r"&#64;you \[a\]\(b\)"),
        ("one\ntwo", "one two"),
        ("https://x.y", "https&#58;//x.y"),
    ],
)
def test_text_is_escaped(text, shown):
    assert escape(text) == shown


def test_code_outlasts_the_backticks_in_it():
    assert code("plain") == "`plain`"
    assert code("a`b``c|d") == "``` a`b``c\\|d ```"
    assert fenced("a\n```\nb") == "````\na\n```\nb\n````"


def test_the_step_summary_is_appended_and_stays_under_its_limit(tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    environ = {"GITHUB_STEP_SUMMARY": str(path)}
    assert append_step_summary(samples.green(), environ) == path
    assert path.read_text() == "before\n" + render_markdown(samples.green())
    path.write_bytes(b"x" * (STEP_SUMMARY_LIMIT - 3000))
    append_step_summary(samples.red(), environ)
    assert STEP_SUMMARY_LIMIT - 600 < path.stat().st_size < STEP_SUMMARY_LIMIT
    assert path.read_text().endswith("The whole report is in report.md.*\n")


def test_a_full_summary_is_left_alone(tmp_path):
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * (STEP_SUMMARY_LIMIT - 10))
    append_step_summary(samples.red(), {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.stat().st_size == STEP_SUMMARY_LIMIT - 10


def test_no_summary_is_written_unless_asked(tmp_path):
    assert append_step_summary(samples.green(), {}) is None
    with pytest.raises(UsageError, match="GITHUB_STEP_SUMMARY"):
        append_step_summary(samples.green(), {"GITHUB_STEP_SUMMARY": str(tmp_path)})


def test_a_cut_closes_what_it_opened():
    text = "intro\n\n<details>\n\n```\n" + "line\n" * 200 + "```\n\n</details>\n"
    cut = shortened(text, 600).decode()
    assert cut.count("```") == 2
    assert cut.count("<details>") == cut.count("</details>") == 1
    assert len(cut.encode()) <= 600
