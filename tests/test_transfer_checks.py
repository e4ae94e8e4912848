"""Whatever spoils a batch on its way to the device is caught on a CPU; every sound way passes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from _pytest.mark import ParameterSet
from asking import failed, findings
from loadstone.harness.inquiry import Inquiry
from loadstone.harness.jobs.transferring import transfer
from loadstone.harness.subjects import find
from loadstone.loaders.corpus_writer import CorpusSpec
from loadstone.loaders.traits import Traits
from loadstone.suites.arrivals import OTHER, REPLACED, TORN, UNARRIVED, damages
from loadstone.suites.checks import Opinion
from loadstone.suites.evidence import Evidence
from loadstone.suites.late_device.patches import late_device
from loadstone.suites.late_device.poison import POISON
from loadstone.suites.museum import Entry, everything
from loadstone.suites.scenario import CorpusRef, Scenario
from loadstone.suites.trace import End, Note, Recorded, Tensor, Trace
from loadstone.suites.transfer import (
    xfer_async_really,
    xfer_backpressure,
    xfer_content,
    xfer_cpu_fallback,
    xfer_deferred,
    xfer_drop_source,
    xfer_pinned_really,
    xfer_side_stream,
)
from loadstone.suites.transferring import ASKED, BATCHES

XFER = [entry for entry in everything() if ".transfer" in entry.factory]
FIVE = (
    "in_memory", "in_memory[order=sequential]", "memmap_per_batch", "memmap_persistent", "parquet_stream",
    "parquet_stream[reads=pairs]", "conversation_deque",
)  # fmt: skip
# One of each kind now, the rest with `tox run -e exhaustive`: each costs a second.
NOW = {"PinnedScratch", "OneStagingBuffer", "TwoDeviceBuffers", "RecordedOneLevelDeep", "RegisteredPool",
       "DeviceComparedWithString", "PinsAnyway", "FreshPinned", "SlotsWithEvents", "BlockingCopy",
       "prefetched_to_device", "in_memory", "parquet_stream[reads=pairs]", "conversation_deque"}  # fmt: skip


def params(entries: list[Entry]) -> list[ParameterSet]:
    return [
        pytest.param(one, id=f"{one.id}-{one.name}", marks=[] if one.name in NOW else [pytest.mark.slow])
        for one in entries
    ]


# With real loaders


@pytest.mark.parametrize("entry", params([one for one in XFER if one.checks]))
def test_a_defect_is_caught_without_a_gpu(entry: Entry, inquiry: Inquiry) -> None:
    found = failed(findings(inquiry, entry.factory, only=entry.checks))
    assert set(found) == set(entry.checks), found
    assert all("fail" in said and said.split("|")[1].strip() for said in found.values())


@pytest.mark.parametrize("entry", params([one for one in XFER if not one.checks]))
def test_a_sound_way_is_not_accused(entry: Entry, inquiry: Inquiry) -> None:
    found = {finding.id: finding for finding in findings(inquiry, entry.factory, only=["xfer"])}
    assert failed(list(found.values())) == {}
    assert found["xfer.deferred"].verdict == "pass", found["xfer.deferred"].reason


@pytest.mark.parametrize(
    "subject", [one if one in NOW else pytest.param(one, marks=pytest.mark.slow) for one in FIVE]
)
def test_the_five_pass_every_check_of_transfer(subject: str, inquiry: Inquiry) -> None:
    told = {finding.id: finding.verdict for finding in findings(inquiry, subject, only=["xfer"])}
    assert set(told.values()) == {"pass"}, told
    assert len(told) == 8


def test_the_taught_conversation_loop_is_torn(inquiry: Inquiry) -> None:
    found = {f.id: f for f in findings(inquiry, "textbook.conversation_deque", only=["xfer"])}
    seen = {"xfer.deferred", "xfer.backpressure"} if torch.cuda.is_available() else {"xfer.deferred"}
    assert {check for check, f in found.items() if f.verdict == "fail"} == seen
    deferred = found["xfer.deferred"]
    assert deferred.evidence["fields"] == ["y"]
    assert "inputs went by way of a copy of their own" in deferred.diagnosis
    assert deferred.resembles.startswith("K1")


def test_one_that_never_touches_a_device_is_not_accused(inquiry: Inquiry) -> None:
    found = findings(inquiry, "textbook.in_memory", only=["xfer.cpu_fallback"])
    assert [f.verdict for f in found] == ["pass"]


class Heard:
    """A channel that keeps what is sent."""

    def __init__(self) -> None:
        self.frames: list[Any] = []

    def send(self, frame: Any) -> None:
        self.frames.append(frame)


@pytest.mark.parametrize("schedule", ["cuda", "cuda-idle"])
def test_the_steps_on_cuda_itself(schedule: str, inquiry: Inquiry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken on the late device, for want of another: nothing is measured here but that they can be taken."""
    slept: list[int] = []
    monkeypatch.setattr(torch.cuda, "_sleep", slept.append, raising=False)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda _: None)
    corpus = CorpusRef(spec=dataclasses.asdict(CorpusSpec(documents=(60,) * 40)))
    plan = Scenario("transfer/cuda", corpus, {"device": "cuda", "seq_len": 16}, batches=3, schedule=schedule)
    heard = Heard()
    with late_device("prompt"):
        transfer(heard, find("in_memory"), plan, str(inquiry.corpora.get(corpus).folder))  # type: ignore[arg-type]
    told = {frame.name: frame.value for frame in heard.frames if isinstance(frame, Note)}["transfer"]
    assert len([frame for frame in heard.frames if isinstance(frame, Recorded)]) == 3
    assert told["on_device"]
    assert told["all_s"] >= told["first_s"] > 0
    assert ("all_runs" in told) == ("first_runs" in told) == (schedule == "cuda") == bool(slept)
    assert told["waited_at"] == []


# With traces made by hand


def tensor(values: list[int], dtype: type = np.int64) -> Tensor:
    array = np.array(values, dtype).reshape(1, -1)
    return Tensor(array.tobytes(), array.shape, array.dtype.str, str(array.dtype))


def stream(*rows: list[int], targets: list[list[int]] | None = None) -> list[Recorded]:
    ys = targets if targets is not None else [[i + 1 for i in row] for row in rows]
    return [Recorded(k, x=tensor(row), y=tensor(y)) for k, (row, y) in enumerate(zip(rows, ys, strict=True))]


RIGHT = stream([0, 1], [2, 3], [4, 5])
QUEUED = {
    "on_device": True,
    "pinned": False,
    "pending": [1, 1, 1],
    "copies": [["torch", "queued", "a.py:1", 6]],
}


def evidence(copies: str | None = None, told: object = None, **traces: list[Recorded]) -> Evidence:
    """Right everywhere, apart from the traces that are given by the last part of their names."""
    made: dict[str, Trace] = {}
    for scenario in ("pass", "again", *ASKED):
        trace = Trace(Scenario(scenario, CorpusRef(), batches=BATCHES))
        for batch in traces.get(scenario.rpartition("/")[2].replace("-", "_"), RIGHT):
            trace.add(batch)
        trace.add(Note("transfer", told if told is not None else QUEUED))
        trace.add(End(0, "stop"))
        made[scenario] = trace
    for scenario in ("transfer/cuda", "transfer/cuda-idle"):
        made[scenario].notes["not_measured"] = "no CUDA device"
    return Evidence(Traits(copies=copies), made)


def test_what_arrived_is_told_apart() -> None:
    poison = int.from_bytes(bytes([POISON]) * 8, "little")
    arrived = stream([2, 3], [2, 5], [poison, 5], targets=[[1, 2], [3, 4], [99, 6]])
    kinds = {(d.batch, d.field): (d.kind, d.cells, d.other) for d in damages(RIGHT, arrived)}
    assert kinds == {
        (0, "x"): (REPLACED, 2, 1), (1, "x"): (TORN, 1, 2),
        (2, "x"): (UNARRIVED, 1, -1), (2, "y"): (OTHER, 1, -1),
    }  # fmt: skip
    assert damages(RIGHT, RIGHT) == []
    assert [d.kind for d in damages(RIGHT[:1], [Recorded(0, x=tensor([0, 1, 2]))])] == [OTHER, OTHER]


def test_all_right_is_a_pass() -> None:
    told = evidence(copies="queued")
    for judge in (xfer_content, xfer_deferred, xfer_backpressure, xfer_side_stream, xfer_drop_source,
                  xfer_cpu_fallback, xfer_pinned_really, xfer_async_really):  # fmt: skip
        assert judge(told).verdict == "pass", judge


NEXT = stream([2, 3], [4, 5], [4, 5])
LATE_TARGETS = stream([0, 1], [2, 3], [4, 5], targets=[[3, 4], [5, 6], [5, 6]])


@pytest.mark.parametrize(
    ("arrived", "resembles", "word"),
    [(NEXT, "K2", "silently become later ones"), (LATE_TARGETS, "K1", "targets are sent from")],
)
def test_both_shapes_of_a_refilled_buffer(arrived: list[Recorded], resembles: str, word: str) -> None:
    told = xfer_deferred(evidence(late=arrived))
    assert (told.verdict, told.resembles) == ("fail", resembles)
    assert word in told.diagnosis


def test_a_defect_is_told_once() -> None:
    """What is torn while everything is held is torn behind a kernel, too, and when let go of."""
    told = evidence(late=NEXT, busy=NEXT, dropped=NEXT, dropped_busy=NEXT)
    verdicts = [judge(told).verdict for judge in (xfer_backpressure, xfer_side_stream, xfer_drop_source)]
    assert verdicts == ["skip"] * 3


def opinions(told: Evidence) -> dict[str, Opinion]:
    return {
        "backpressure": xfer_backpressure(told),
        "side": xfer_side_stream(told),
        "drop": xfer_drop_source(told),
    }


def test_what_only_a_busy_device_or_a_dropped_batch_shows() -> None:
    assert opinions(evidence(busy=NEXT))["backpressure"].resembles == "K3"
    assert opinions(evidence(dropped_busy=NEXT))["side"].resembles == "K9"
    assert opinions(evidence(dropped=NEXT))["drop"].resembles == "K5"


def test_a_cuda_device_is_heard_first() -> None:
    told = evidence(cuda=LATE_TARGETS)
    del told.traces["transfer/cuda"].notes["not_measured"]
    assert xfer_backpressure(told).resembles == "K1"
    del told.traces["transfer/cuda-idle"].notes["not_measured"]
    assert "a run that waits hides it" in xfer_backpressure(told).reason
    well = evidence()
    del well.traces["transfer/cuda"].notes["not_measured"]
    assert "on CUDA" in xfer_backpressure(well).reason


def on_cuda(behind: dict[str, object], without: dict[str, object], /, **traces: list[Recorded]) -> Evidence:
    told = evidence(copies="queued", **traces)
    for name, facts in (("cuda", behind), ("cuda-idle", without)):
        told.traces[f"transfer/{name}"].notes = {"transfer": QUEUED | facts}
    return told


@pytest.mark.parametrize(
    ("runs", "usual", "verdict"), [(True, 0.01, "pass"), (False, 0.01, "fail"), (False, 0.5, "pass")]
)
def test_a_kernel_in_front_shows_what_waits(runs: bool, usual: float, verdict: str) -> None:
    busy = {"first_s": 0.1, "first_runs": True, "all_s": 0.6, "all_runs": runs, "waited_at": ["mine.py:3"]}
    opinion = xfer_async_really(on_cuda(busy, {"first_s": 0.1, "all_s": usual}))
    assert opinion.verdict == verdict
    assert ("mine.py:3" in opinion.diagnosis) == (verdict == "fail")


@pytest.mark.parametrize(("first_runs", "verdict"), [(True, "pass"), (False, "fail")])
def test_a_slot_that_is_taken_may_be_waited_for(first_runs: bool, verdict: str) -> None:
    """Torch sees no wait for an event, so all that tells a right one is that other slots were free first."""
    first_s = 0.001 if first_runs else 0.5
    busy = {"first_s": first_s, "first_runs": first_runs, "all_s": 0.6, "all_runs": False, "waited_at": []}
    opinion = xfer_async_really(on_cuda(busy, {"first_s": 0.001, "all_s": 0.01}))
    assert opinion.verdict == verdict
    assert ("did not see where" in opinion.diagnosis) == (verdict == "fail")


def test_too_few_batches_to_see_a_wait() -> None:
    assert xfer_async_really(on_cuda({}, {})).verdict == "pass"


def test_on_cuda_what_is_changed_on_the_way_is_told_once() -> None:
    told = on_cuda({}, {}, cuda=NEXT, prompt=NEXT, late=NEXT, busy=NEXT)
    assert xfer_content(told).verdict == "fail"
    assert xfer_backpressure(told).verdict == "pass"


def test_on_cuda_a_device_buffer_is_not_called_a_staging_buffer() -> None:
    assert xfer_backpressure(on_cuda({}, {}, cuda=NEXT, late=NEXT)).resembles == "K2"
    told = xfer_backpressure(on_cuda({}, {}, cuda=NEXT, busy=NEXT))
    assert (told.verdict, told.resembles) == ("fail", "K3")
    assert "on CUDA" in told.reason


def test_content_is_not_judged_where_two_runs_differ() -> None:
    assert xfer_content(evidence(prompt=NEXT)).verdict == "fail"
    assert xfer_content(evidence(prompt=NEXT, again=NEXT)).verdict == "skip"


def test_pageable_batches_on_the_host_are_not_accused(inquiry: Inquiry) -> None:
    from loadstone.suites.evidence import Missing

    with pytest.raises(Missing, match="leaves its batches on the host"):
        xfer_deferred(evidence(told={"on_device": False, "pinned": False, "pending": [], "copies": []}))


@pytest.mark.parametrize(
    ("told", "judge", "word"),
    [
        (QUEUED | {"copies": [["pageable", "staged", "mine.py:7", 6]]}, xfer_pinned_really, "mine.py:7"),
        (QUEUED | {"copies": [["torch", "staged", "mine.py:7", 6]]}, xfer_pinned_really, "cast or gathered"),
        (QUEUED | {"pending": [0, 0, 0], "waits": [["item of a device tensor", "mine.py:9", 3]]},
         xfer_async_really, "mine.py:9"),
    ],
)  # fmt: skip
def test_a_claim_that_is_not_kept(told: dict[str, object], judge: object, word: str) -> None:
    assert callable(judge)
    opinion = judge(evidence(copies="queued", told=told))
    assert opinion.verdict == "fail"
    assert word in opinion.reason + opinion.diagnosis


def test_without_a_device_a_loader_must_work() -> None:
    told = evidence()
    broken = told.traces["transfer/none"]
    broken.add(
        End(0, "error", error="RuntimeError: pin_memory=True requires a CUDA or other accelerator backend")
    )
    assert xfer_cpu_fallback(told).resembles == "K8"
    broken.add(End(0, "error", error="FileNotFoundError: shard 3"))
    assert xfer_cpu_fallback(told).verdict == "skip"
