"""Feeding: shares of a step, their arithmetic, how they are shown, and a loader that is too slow."""

from __future__ import annotations

import io
import re

import jsonschema
import msgspec
import pytest
import sample_documents as samples
from command import assert_refused, call
from hypothesis import given
from hypothesis import strategies as st
from loadstone.harness.jobs.feeding import MIN_STEPS, run_turn
from loadstone.reports import feeding as words
from loadstone.reports.document import Finding, json_schema, load
from loadstone.reports.html import render_html
from loadstone.reports.markdown import render_markdown
from loadstone.reports.terminal import print_document
from loadstone.suites.feeding import Fed, data_loading, feeding_row, strike_feeding, unfed, utilisation
from rich.console import Console

SLOW = """
import time, torch
def loader(corpus, config):
    while True:
        time.sleep(0.012)
        x = torch.zeros(config.batch_size, config.seq_len, dtype=torch.int64)
        yield x, x
def broken(corpus, config):
    if False: yield
    raise OSError("the shard is gone")
"""
STEP_S = 0.004


class TestArithmetic:
    def test_shares_of_a_turn(self):
        fed = Fed(steps=10, seconds=0.1, waited_s=0.055)
        assert utilisation(fed, STEP_S) == pytest.approx(0.4)
        assert data_loading(fed) == pytest.approx(0.55)

    @given(st.floats(1e-6, 1.0), st.floats(0, 1.0), st.integers(1, 1000))
    def test_without_delay_the_two_make_up_the_whole(self, step_s, wait_s, steps):
        fed = Fed(steps, steps * (step_s + wait_s), steps * wait_s)
        assert utilisation(fed, step_s) + data_loading(fed) == pytest.approx(1.0)

    def test_a_row_holds_the_medians_and_the_rounds(self):
        turns = [Fed(10, 0.05 + 0.001 * i, 0.01 + 0.001 * i) for i in range(7)]
        ceiling = [Fed(10, 0.0405, 0.0) for _ in range(7)]
        row = feeding_row((12, 1024), STEP_S, 2, turns, ceiling)
        assert (row.batch_size, row.seq_len, row.prefetch, row.rounds, row.steps) == (12, 1024, 2, 7, 70)
        assert row.utilisation == pytest.approx(0.04 / 0.053)
        assert row.utilisation_low == min(row.samples_utilisation)
        assert row.utilisation_high == max(row.samples_utilisation) == pytest.approx(0.8)
        assert row.data_loading_share == pytest.approx(0.013 / 0.053)
        assert row.ceiling_utilisation == pytest.approx(0.04 / 0.0405)

    def test_a_failed_check_makes_measured_rows_void(self):
        rows = [samples.feeding(0.9), unfed((1, 2), STEP_S, 0, "late")]
        strike_feeding(rows, [Finding(id="resume.exact", family="x", verdict="fail")])
        assert [row.struck_by for row in rows] == ["", ""]
        strike_feeding(rows, [Finding(id="shift.exact", family="x", verdict="fail")])
        assert [row.struck_by for row in rows] == ["shift.exact", ""]


class TestTurn:
    def test_it_makes_the_least_of_steps_however_short_the_time(self):
        fed = run_turn(iter(range(100)), STEP_S, 0.0, MIN_STEPS)
        assert fed.steps == MIN_STEPS
        assert fed.seconds >= MIN_STEPS * STEP_S  # a step is never shorter than it should be

    def test_it_goes_on_for_its_time(self):
        fed = run_turn(iter(range(10**6)), 0.001, 0.03, 1)
        assert 3 <= fed.steps <= 30
        assert fed.waited_s < fed.seconds


class TestShown:
    def test_how_many_accelerators_a_row_feeds(self):
        row = samples.throughput(4.2e6)
        assert words.accelerators(row, 100_000) == pytest.approx(42)
        row.struck_by = "shift.exact"
        assert words.accelerators(row, 100_000) is None
        (note,) = words.feeds_notes(samples.green())
        assert note.startswith(
            "Feeds: 11.0 (conversation_deque) to 810 (memmap_persistent) accelerators of 100 k"
        )
        assert words.feeds_notes(samples.empty()) == []

    def test_the_terminal_has_a_table_only_where_it_was_measured(self):
        assert "Data" not in self.shown(samples.green())
        text = self.shown(samples.fed())
        assert re.search(r"in_memory +4\.7 % 95\.3 % \(92\.4.97\.2\) +1\.2 % 98\.8 % \(95\.8.99\.9\)", text)
        assert "an accelerator computing 5.00 ms on each batch; median (95 % interval), n = 7" in text
        assert "Without a loader the same loop keeps it busy 99.1 %" in text
        assert "Feeding not measured: stuck, stuck behind Prefetch: stopped delivering" in text
        assert "fails shift.exact" in text

    def shown(self, document):
        out = io.StringIO()
        print_document(document, Console(file=out, width=80, highlight=False, emoji=False))
        lines = [line.rstrip() for line in out.getvalue().splitlines()]
        assert max(map(len, lines)) <= 80
        return re.sub(r"\n  (?=\S)", " ", "\n".join(lines))  # notes are broken over lines

    def test_markdown_and_page_hold_both_tables(self):
        text = render_markdown(samples.fed()).replace("\N{MULTIPLICATION SIGN}", "x")
        assert "| `conversation_deque` | 12 x 1024 | 5.00 ms | 2 | 38.2 % |" in text
        assert "| `in_memory` | 12 x 1024 | 489 | 48.9 |" in text
        assert "void: shift.exact" in text
        page = render_html(samples.fed())
        assert page.count('id="feeding"') == 1
        assert "<td>489</td>" in page
        assert "An emulated step" in page
        assert "Accelerator busy: 5.00 ms a step" in page
        assert "<script" not in page
        assert 'id="feeding"' not in render_html(samples.empty())


@pytest.mark.usefixtures("quick_start")
class TestCommand:
    @pytest.fixture
    def slow(self, tmp_path, monkeypatch):
        (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def bench(self, capsys, folder, *more):
        said = call(
            capsys, "bench", "--quick", "-B", 2, "-T", 8, "--only", "feeding", "--json", "x.json", *more
        )
        document = load(folder / "x.json")
        jsonschema.validate(msgspec.to_builtins(document), json_schema())
        return said, document

    def test_a_loader_slower_than_the_step(self, slow, capsys):
        """It sleeps 12 ms a batch: 4 of 16 ms are busy, and 4 of 12 when both go on at once."""
        said, document = self.bench(capsys, slow, "slow.py:loader", "in_memory", "--step-time", 4)
        assert said.code == 0, said
        late, built_in = document.subjects
        alone, ahead = late.feeding
        assert (alone.prefetch, ahead.prefetch, alone.step_s) == (0, 2, 0.004)
        assert 0.1 < alone.utilisation < 0.26
        assert 0.12 < ahead.utilisation < 0.35
        assert alone.data_loading_share > 0.5
        assert alone.data_loading_share > ahead.data_loading_share
        assert built_in.feeding[0].utilisation > alone.utilisation
        assert alone.ceiling_utilisation > 0.5
        assert "accelerator busy" in said.out
        assert not late.throughput

    def test_a_loader_that_breaks_fails(self, slow, capsys):
        said, document = self.bench(capsys, slow, "slow.py:broken", "--step-time", 4)
        assert said.code == 1
        assert [(one.id, one.verdict) for one in document.subjects[0].checks] == [("end.measured", "fail")]
        assert all("the shard is gone" in row.reason for row in document.subjects[0].feeding)

    @pytest.mark.parametrize("verb", ["run", "bench"])
    @pytest.mark.parametrize("step", ["0", "-1", "nan", "inf", "1e9"])
    def test_a_step_that_is_none(self, slow, capsys, verb, step):
        said = call(capsys, verb, "in_memory", f"--step-time={step}")
        assert_refused(
            said, "--step-time must be milliseconds above 0 and up to 60000", f"not {float(step):g}"
        )

    def test_feeding_and_its_step_belong_together(self, slow, capsys):
        assert_refused(call(capsys, "bench", "in_memory", "--only", "feeding"), "give --step-time")
        said = call(capsys, "bench", "in_memory", "--only", "memory", "--step-time", 5)
        assert_refused(said, "--step-time 5 measures feeding", "--only memory leaves out")
        assert_refused(call(capsys, "bench", "in_memory", "--step-time", "soon"), "'soon'")
