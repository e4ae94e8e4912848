"""Scaling: which axes a loader has, how points become a curve, how it is shown, and a small run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jsonschema
import msgspec
import pyarrow.parquet as pq
import pytest
import sample_documents as samples
from command import call
from loadstone.harness import scaling as harness
from loadstone.loaders.library_text import write_text_corpus
from loadstone.loaders.traits import Traits
from loadstone.reports import scaling as words
from loadstone.reports.document import Finding, json_schema, load
from loadstone.reports.html import render_html
from loadstone.reports.markdown import render_markdown
from loadstone.suites.scaling import AXES, axes_of, curve, shape_at, strike_scaling, uncurved
from loadstone.suites.throughput import unmeasured

ANY = ["batch_size", "seq_len", "corpus"]
FRAIL = """
import torch
def loader(corpus, config):
    if config.batch_size > 1:
        raise OSError("too wide")
    while True:
        x = torch.zeros(config.batch_size, config.seq_len, dtype=torch.int64)
        yield x, x
"""


class TestArrangement:
    @pytest.mark.parametrize(
        ("traits", "known", "more"),
        [
            ({}, {}, []),
            ({"reads": "tokens", "workers": False}, {"order"}, []),
            ({"reads": "documents"}, {"buffer_size"}, ["row_group", "buffer_size"]),
            ({"reads": "pairs"}, {}, ["row_group"]),
            ({"reads": "conversations", "workers": True}, {}, ["workers"]),
            ({"reads": "tokens"}, {"workers"}, ["workers"]),
        ],
    )
    def test_the_axes_a_subject_has(self, traits, known, more):
        assert axes_of(Traits(**traits), known) == ANY + more

    def test_only_its_own_axis_varies_the_shape(self):
        assert shape_at("batch_size", 4, (12, 512)) == (4, 1024)
        assert shape_at("seq_len", 128, (12, 512)) == (8, 128)
        assert {shape_at(axis, 10, (12, 512)) for axis in list(AXES)[2:]} == {(12, 512)}

    def test_values_ascend(self):
        assert all(list(axis.values) == sorted(set(axis.values)) for axis in AXES.values())

    def test_a_curve_keeps_points_without_a_number_and_why(self):
        rows = [
            samples.throughput(2e6),
            *(unmeasured(n, 8, "too wide.") for n in (4, 16)),
            unmeasured(1, 8, "x"),
        ]
        one = curve("batch_size", [1, 4, 16, 64], rows)
        assert one.values == [1, 4, 16, 64]
        assert one.tokens_per_s == [2e6, None, None, None]
        assert (one.low[0], one.high[0]) == (1.9e6, 2.08e6)
        assert one.limit_tokens_per_s == [1.38e9, None, None, None]
        assert one.rounds == [7, 0, 0, 0]
        assert one.reason == "4, 16: too wide; 64: x"
        assert one.measured()

    def test_a_failed_check_makes_measured_curves_void(self):
        curves = [samples.curve("workers", [1.0, 2.0, 3.0]), uncurved("corpus", "--data")]
        strike_scaling(curves, [Finding(id="resume.exact", family="x", verdict="fail")])
        assert [one.struck_by for one in curves] == ["", ""]
        strike_scaling(curves, [Finding(id="shift.exact", family="x", verdict="fail")])
        assert [one.struck_by for one in curves] == ["shift.exact", ""]

    @pytest.mark.parametrize("rows", [16, 64])
    def test_the_text_in_other_row_groups(self, tmp_path, rows):
        corpus = write_text_corpus(tmp_path, 400_000, row_group=rows)
        for path in corpus.document_files("train"):
            groups = pq.ParquetFile(path).metadata
            sizes = [groups.row_group(place).num_rows for place in range(groups.num_row_groups)]
            assert len(sizes) > 1
            assert set(sizes[:-1]) == {rows}


class TestShown:
    def test_a_table_has_a_column_for_each_point_and_the_limit_last(self):
        curves = words.by_axis(samples.scaled())["batch_size"]
        assert words.table_head(curves) == ["Loader", "1", "4", "16", "n"]
        rows = words.cells(curves)
        assert [len(row) for row in rows] == [5] * 4
        assert rows[0][0] == "in_memory"
        assert rows[0][1].startswith("20.0 M (18.0")
        assert rows[1][3] == words.MISSING
        assert rows[-1] == ["copy limit", "1.00 G", "1.00 G", "1.00 G", ""]

    def test_axes_have_an_order_and_one_without_numbers_says_why(self):
        axes = words.by_axis(samples.scaled())
        assert list(axes) == ["batch_size", "row_group", "workers"]
        assert words.cells(axes["row_group"]) == []
        assert words.reasons(axes["row_group"]) == ["Not measured: other_data: --data."]

    def test_markdown_and_page_hold_tables_and_charts(self):
        text = render_markdown(samples.scaled())
        assert "## Scaling" in text
        assert "| Loader | 1 | 4 | 16 | n |" in text
        assert "void: shift.exact" in text
        page = render_html(samples.scaled())
        assert page.count('id="scaling"') == 1
        assert page.count("Tokens/s by batch size</title>") == 2  # wide and narrow
        assert page.count("Tokens/s by workers</title>") == 2
        assert "Tokens/s by row groups" not in page
        assert "stroke-dasharray" in page
        assert 'id="scaling"' not in render_html(samples.fed())
        assert "## Scaling" not in render_markdown(samples.fed())

    def test_the_terminal_has_a_line_an_axis(self):
        notes = list(words.scaling_notes(samples.scaled()))
        assert notes[0] == (
            "Batch size (unit of batch_size), 1 to 16: in_memory 20.0 M to 90.0 M; "
            "stuck 1.00 M to 2.00 M tokens/s."
        )


@pytest.mark.usefixtures("quick_start")
class TestCommand:
    @pytest.fixture(autouse=True)
    def short(self, tmp_path, monkeypatch):
        monkeypatch.setattr(harness, "ROUNDS", 2)
        monkeypatch.setattr(harness, "SLOT_S", 0.004)
        few = {"batch_size": (1, 2), "seq_len": (8,), "corpus": (0.125, 1), "row_group": (64,)}
        for name, axis in AXES.items():
            values = few.get(name, axis.values[:1])
            monkeypatch.setitem(AXES, name, dataclasses.replace(axis, values=values))
        monkeypatch.chdir(tmp_path)

    def bench(self, capsys, *more):
        said = call(capsys, "bench", "--quick", "-B", 2, "-T", 8, "--json", "x.json", "-o", "out", *more)
        document = load(Path("x.json"))
        jsonschema.validate(msgspec.to_builtins(document), json_schema())
        return said, document

    def test_curves_beside_throughput(self, capsys):
        said, document = self.bench(capsys, "parquet_stream", "--only", "throughput", "--scaling")
        assert said.code == 0, said
        (subject,) = document.subjects
        assert subject.throughput[0].tokens_per_s
        assert [one.axis for one in subject.scaling] == [*ANY, "row_group", "buffer_size"]
        for one in subject.scaling:
            assert (one.reason, one.rounds) == ("", [2] * len(one.values))
            for rate, low, high in zip(one.tokens_per_s, one.low, one.high, strict=True):
                assert low <= rate <= high
            assert all(one.limit_tokens_per_s)
        small, large = subject.scaling[2].values
        assert 1000 < small < large
        assert "Tokens/s by batch size</title>" in Path("out/index.html").read_text("utf-8")
        assert "### Shuffle buffer" in Path("out/report.md").read_text("utf-8")
        assert "Batch size (rows a batch" in said.out

    def test_a_point_at_which_a_loader_breaks(self, capsys, tmp_path):
        (tmp_path / "frail.py").write_text(FRAIL, encoding="utf-8")
        said, document = self.bench(capsys, "frail.py:loader", "--only", "scaling")
        assert said.code == 0, said
        by_size, by_length, *_ = document.subjects[0].scaling
        assert by_size.tokens_per_s[0]
        assert by_size.tokens_per_s[1:] == [None]
        assert "2: the loader raised OSError: too wide" in by_size.reason
        assert by_length.tokens_per_s == [None]

    def test_given_data_is_not_written_anew(self, capsys, tmp_path):
        corpus = write_text_corpus(tmp_path / "text", 200_000)
        said, document = self.bench(capsys, "in_memory", "--only", "scaling", "--data", corpus.folder)
        assert said.code == 0, said
        curves = {one.axis: one for one in document.subjects[0].scaling}
        assert curves["corpus"].values == []
        assert "--data leaves it as it is" in curves["corpus"].reason
        assert curves["seq_len"].measured()

    def test_without_the_flag_there_are_none(self, capsys):
        _, document = self.bench(capsys, "in_memory", "--only", "throughput")
        assert document.subjects[0].scaling == []
