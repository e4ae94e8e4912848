"""The cost of transfer: figures from samples, renderings of hand-made documents, and the job's own steps."""

from __future__ import annotations

import io
import itertools
from typing import Any

import pytest
import torch
from loadstone.harness.jobs import sending, transfer
from loadstone.harness.jobs.transfer import measure
from loadstone.reports.document import Document, Span, decode, encode
from loadstone.reports.html import render_html
from loadstone.reports.markdown import render_markdown
from loadstone.reports.terminal import print_document
from loadstone.reports.transfer import HEAD, rows
from loadstone.reports.transfer_chart import timeline_chart, ways_chart
from loadstone.suites.late_device.patches import late_device
from loadstone.suites.throughput import Facts
from loadstone.suites.transfer_cost import Copied, Way, judge_transfer, share_hidden
from rich.console import Console
from sample_documents import compared_ways, document, loader, transferred, untransferred


def copied(**changes: Any) -> Copied:
    """Ten rounds: pinned int64 at half the link's limit and wholly hidden, uint16 in a fifth of the time."""
    n = 10
    pinned = Way(source="pinned", waits=False, dtype="int64", bytes_per_batch=2_000_000, copy_us=[200.0] * n,
                 host_us=[9.0] * n, kernel_us=[200.0] * n, both_us=[200.0] * n)  # fmt: skip
    narrow = Way(source="pinned", waits=False, dtype="uint16", bytes_per_batch=250_000, copy_us=[40.0] * n,
                 host_us=[8.0] * n, kernel_us=[40.0] * n, both_us=[60.0] * n)  # fmt: skip
    slow = Way(source="pageable", waits=True, dtype="int64", bytes_per_batch=2_000_000,
               copy_us=[400.0 + i for i in range(n)], host_us=[410.0] * n)  # fmt: skip
    whole = Copied(
        Facts(), device="Example GPU", ways=[slow, pinned, narrow], limit_bytes=20_000_000,
        limit_us=[1000.0] * n, prefetched=[[1000.0, 1200.0, 1230.0]] * n, register_us=[900.0] * n,
        register_bytes=1 << 26, spans=[Span(lane="copy", step=0, begin_us=0.0, end_us=5.0)],
    )  # fmt: skip
    for name, value in changes.items():
        setattr(whole, name, value)
    return whole


def test_figures_come_from_the_samples() -> None:
    found = judge_transfer(copied(), 64, 2048)
    assert (found.verdict, found.measured, found.device) == ("pass", True, "Example GPU")
    assert (found.copy_us, found.gbytes_per_s, found.rounds) == (200.0, 10.0, 10)
    assert (found.limit_gbytes_per_s, found.prefetched_share, found.register_us) == (20.0, 0.97, 900.0)
    assert found.prefetched_kernel_us == 1200.0
    slow, pinned, narrow = found.methods
    assert (slow.copy_us, slow.hidden_share) == (404.5, None)
    assert slow.low_us is not None
    assert slow.high_us is not None
    assert slow.low_us < 404.5 < slow.high_us
    assert (pinned.limit_share, pinned.hidden_share, pinned.host_us) == (0.5, 1.0, 9.0)
    assert (narrow.gbytes_per_s, narrow.hidden_share) == (6.25, 0.5)
    assert len(found.timeline) == 1


def test_a_batch_that_changed_fails_and_what_was_not_measured_says_so() -> None:
    assert judge_transfer(copied(intact=False), 4, 8).verdict == "fail"
    nothing = judge_transfer(Copied(Facts(reason="not measured: no CUDA device")), 4, 8)
    assert (nothing.verdict, nothing.measured, nothing.methods) == ("not_measured", False, [])
    assert nothing.reason == "not measured: no CUDA device"
    assert judge_transfer(copied(ways=[], limit_us=[], prefetched=[], register_us=[]), 4, 8).copy_us is None


@pytest.mark.parametrize(
    ("both", "share"), [(200.0, 0.0), (250.0, 0.0), (100.0, 1.0), (90.0, 1.0), (105.0, 0.95)]
)
def test_what_is_hidden_stays_between_nothing_and_all(both: float, share: float) -> None:
    assert share_hidden(100.0, 100.0, both) == share


def with_ways() -> Document:
    subject = loader("in_memory", 8e8)
    subject.transfer = [compared_ways()]
    return document([subject])


def without() -> Document:
    subject = loader("in_memory", 8e8)
    subject.transfer = [untransferred()]
    return document([subject])


def printed(doc: Document) -> str:
    out = io.StringIO()
    print_document(doc, Console(file=out, width=100, highlight=False, emoji=False))
    return out.getvalue()


def test_every_rendering_tells_the_ways() -> None:
    doc = with_ways()
    assert decode(encode(doc)) == doc
    markdown, page, said = render_markdown(doc), render_html(doc), printed(doc)
    assert f"| {' | '.join(HEAD)} |" in markdown
    assert "registered memory" in markdown
    prefetcher = "DevicePrefetcher hides 97 % of the copy (96 % to 98 %) under a kernel of 410 µs"
    assert prefetcher in markdown.replace("\\", "")
    assert page.count("ways to the device, GB/s and bytes a batch</title>") == 2  # wide and narrow
    assert page.count("copies and computation of 4 steps</title>") == 2
    assert "link limit 25 GB/s (24.8 to 25.1, n = 50 rounds)" in " ".join(said.split())
    assert "16.0 µs" in said
    assert len(rows(compared_ways())) == 16


def test_without_cuda_every_rendering_says_so_and_nothing_is_failed() -> None:
    doc = without()
    assert doc.exit_code == 0
    for said in (render_markdown(doc), render_html(doc), printed(doc)):
        assert "not measured: no cuda device" in " ".join(said.lower().split())
        assert "registered memory" not in said


def test_charts_draw_without_a_limit_too() -> None:
    entry = compared_ways()
    entry.limit_gbytes_per_s = None
    assert ways_chart(entry, "mine", "a", 500).startswith("<svg")
    assert timeline_chart(entry, "mine", "b", 300).count("<path") > 8
    assert transferred().methods == []


def test_the_job_takes_its_steps_on_the_late_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time means anything there; that every way runs, and brings what it took, does."""
    monkeypatch.setattr(torch.cuda, "_sleep", lambda _: None, raising=False)
    monkeypatch.setattr(sending, "LIMIT_BYTES", 4096)
    monkeypatch.setattr(transfer, "WARM_UP", 1)
    flat = torch.arange(13 * 10)
    pairs = ((flat[k : k + 12].view(3, 4), flat[k + 1 : k + 13].view(3, 4)) for k in itertools.count())
    with late_device("prompt"):
        found = measure(Copied(Facts()), pairs, rounds=2)
    assert found.intact
    assert len(found.ways) == 16
    assert {len(way.copy_us) for way in found.ways} == {2}
    assert {way.dtype: way.bytes_per_batch for way in found.ways} == {"int64": 192, "uint16": 30}
    assert len(found.spans) == 10


def test_uint16_is_tried_where_ids_fit_and_targets_are_the_rows_own() -> None:
    rows_of = torch.arange(15).view(3, 5)
    with late_device("prompt"):
        made = sending.ways(rows_of[:, :-1].clone(), rows_of[:, 1:].clone())
        assert {one.way.dtype for one in made} == {"int64", "uint16"}
        for off in (rows_of + (1 << 16), rows_of - 100, rows_of * torch.arange(5)):
            made = sending.ways(off[:, :-1].clone(), off[:, 1:].clone() + (off is rows_of))
            assert ("uint16" in {one.way.dtype for one in made}) == (int(off.min()) == 0)
        paired = sending.ways(rows_of, rows_of[:, :3].clone())
        assert {one.way.dtype for one in paired} == {"int64"}


def test_a_way_that_the_driver_refuses_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "register", lambda *_: False)
    x = torch.arange(12).view(3, 4)
    with late_device("prompt"):
        assert {one.way.source for one in sending.ways(x, x + 1)} == {"pageable", "pinned", "pin_each"}
        assert sending.Registration(4096).turn() == []
