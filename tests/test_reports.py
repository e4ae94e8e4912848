"""The report folder, and what all renderings of one document share."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import sample_documents as samples
from loadstone.errors import UsageError
from loadstone.reports import digest, measured_words, writer
from loadstone.reports.document import Subject, load
from loadstone.reports.html import render_html
from loadstone.reports.markdown import render_markdown
from loadstone.reports.writer import write_report


@pytest.mark.parametrize("name", samples.EVERY)
def test_a_report_folder_holds_the_document_and_its_renderings(name, tmp_path):
    document = samples.EVERY[name]()
    paths = write_report(document, tmp_path / "new" / "report")
    names = [path.name for path in paths]
    assert names[:5] == ["results.json", "report.md", "index.html", "results.csv", "badge.svg"]
    measured = {f"{row.batch_size}x{row.seq_len}" for one in document.subjects for row in one.throughput}
    assert set(names[5:]) == {f"{kind}-{at}.svg" for kind in ("throughput", "latency") for at in measured}
    assert sorted(paths) == sorted((tmp_path / "new" / "report").iterdir())
    assert load(paths[0]) == document
    assert paths[1].read_text() == render_markdown(document)
    assert paths[2].read_text() == render_html(document)


def test_charts_stand_alone_and_those_of_an_earlier_run_go(tmp_path):
    write_report(samples.green(), tmp_path)
    chart = (tmp_path / "throughput-64x2048.svg").read_text()
    assert "prefers-color-scheme:dark" in chart
    assert ET.fromstring(chart).get("role") == "img"
    (tmp_path / "mine-64x2048.svg").write_text("")
    write_report(samples.red(), tmp_path)
    charts = {path.name for path in tmp_path.glob("*-*x*.svg")}
    assert charts == {"throughput-12x1024.svg", "latency-12x1024.svg", "mine-64x2048.svg"}


def test_rendering_again_changes_nothing(tmp_path):
    first = [path.read_bytes() for path in write_report(samples.red(), tmp_path)]
    again = [path.read_bytes() for path in write_report(load(tmp_path / "results.json"), tmp_path / "again")]
    assert first == again


def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(UsageError, match="-o"):
        write_report(samples.green(), tmp_path / "taken" / "report")


def test_a_rendering_that_fails_writes_nothing(tmp_path, monkeypatch):
    def broken(document):
        raise RuntimeError("no page")

    monkeypatch.setattr(writer, "render_html", broken)
    with pytest.raises(RuntimeError):
        write_report(samples.green(), tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_the_headline_counts_what_is_not_well():
    assert digest.headline(samples.green()) == "All 5 loaders pass."
    assert digest.headline(samples.on_gpu()) == "1 of 2 loaders fails."
    assert digest.headline(samples.empty()) == "No loader was judged."
    one = samples.document([samples.loader("it", 1e6)])
    assert digest.headline(one) == "The loader passes."
    one.exit_code = 2
    assert digest.headline(one) == "Interrupted. The loader passes."
    mixed = samples.document([Subject(name="none"), samples.loader("leaky", 1e6, memory=[samples.leaking()])])
    assert digest.headline(mixed) == "1 of 2 loaders leaks and 1 could not be judged."


def test_a_cell_shows_its_worst_finding_first():
    red = samples.red()
    cells = digest.row(red.subjects[0], digest.families(red))
    assert [cell.verdict for cell in cells] == ["fail", "pass", "fail", "pass", "pass"]
    assert cells[0].findings[0].id == "shift.exact"
    assert cells[0].spoken == "1 failed, 4 passed"
    assert digest.row(Subject(name="none"), ["A"])[0].verdict == "none"


def test_the_command_that_repeats_it():
    document = samples.green()
    document.config["command"] = ["loadstone", "run", "a b.py:x", "--seed", "7"]
    assert digest.command(document) == "loadstone run 'a b.py:x' --seed 7"
    document.config["command"] = "loadstone bench in_memory"
    assert digest.command(document) == "loadstone bench in_memory"
    del document.config["command"]
    assert digest.command(document).startswith("loadstone run in_memory memmap_per_batch")
    assert digest.command(document).endswith("--seed 1234")


def test_page_cache_is_told_from_a_leak():
    assert "not a leak" in measured_words.page_cache_words(samples.clean(cache=289_000_000))
    assert measured_words.page_cache_words(samples.clean(cache=900_000)) == ""
    assert measured_words.page_cache_words(samples.leaking()) == ""


def test_foreign_text_is_tamed():
    assert digest.plain("a\x1b[31m\u202eb\r\nc\x00\ud800") == "a�[31m�b\nc��"
    assert digest.one_line("a\n  b\tc") == "a b c"
    assert digest.plain("x" * 50, 10) == "x" * 9 + "…"
    assert digest.evidence_text({"at": [1, 2], "trace": "one\ntwo"}) == "at: [1, 2]\ntrace: one\ntwo"
