"""Send a stream to a device as a training loop does, and look at what arrived when all is over.

The device is one that stands in for CUDA and runs copies late, or CUDA itself behind a long kernel.
"""

from __future__ import annotations

import contextlib
import gc
import os
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ...loaders.batch import Batch, NotABatch, normalise
from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from ...suites.late_device.device import Device
from ...suites.late_device.patches import late_device
from ...suites.scenario import Scenario
from ...suites.trace import End, Note, Recorded
from ...suites.transferring import WARM
from ..subjects import SubjectRef, open_factory
from ..wire import Channel
from .plain import plain

REAL = ("cuda", "cuda-idle")
SLEEP_CYCLES = 1_000_000_000  # about half a second of a kernel that does nothing
NO_CUDA = "no CUDA device"
SYNCHRONISES = "synchronizing CUDA operation"  # what torch warns of
HERE = Path(__file__).name
_NONE = object()  # what an iterator gives that has ended

Sent = tuple[Recorded, dict[str, torch.Tensor]]


def transfer(channel: Channel, ref: SubjectRef, plan: Scenario, corpus: str) -> None:
    """Record one scenario of transfer."""
    if plan.schedule in REAL and not torch.cuda.is_available():
        channel.send(Note("not_measured", NO_CUDA))
        channel.send(End(0, "stop"))
        return
    if plan.schedule == "none":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    late = plan.schedule not in ("none", *REAL)
    with late_device(plan.schedule) if late else contextlib.nullcontext() as device:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            consumer = _Consumer(channel, plan, device)
            error = consumer.consume(ref, corpus)
        consumer.report(
            [f"{Path(one.filename).name}:{one.lineno}" for one in warned if SYNCHRONISES in str(one.message)]
        )
    if error is not None:
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        lines = "".join(traceback.format_exception(error))[-3000:]
        channel.send(End(0, "error", error=text, traceback=lines, where="next"))
    else:
        channel.send(End(0, "stop"))


class _Consumer:
    """Takes batches, queues their reading behind their copies, and waits for nothing until the end."""

    def __init__(self, channel: Channel, plan: Scenario, device: Device | None) -> None:
        self.channel, self.plan, self.device = channel, plan, device
        self.where = plan.config["device"]
        self.sent: list[Sent] = []
        self.held: list[Any] = []
        self.arrived: list[bool] = []  # of each batch: whether the loader gave it on the device
        self.pinned = False  # whether the loader gave page-locked host memory
        self.began = 0.0  # when the kernel was queued, or would have been
        self.kernel_ends: torch.cuda.Event | None = None
        self.on_cuda: dict[str, Any] = {}
        self.pending: list[int] = []  # works that were queued when each batch was received

    def consume(self, ref: SubjectRef, corpus: str) -> BaseException | None:
        """All batches; the error that the loader raised, if it did."""
        error: BaseException | None = None
        gc.freeze()  # what is there before the loader needs no looking through after each batch
        try:
            config = LoaderConfig(**self.plan.config)
            items = iter(open_factory(ref)(Corpus.open(corpus), config))
            for number in range(self.plan.batches):
                if number == WARM:
                    self._begin()
                item = next(items, _NONE)  # in no generator or enumerate, which would hold it until the next
                if item is _NONE:
                    break
                self._given(number)
                self._take(number, item)
                if self.plan.hold:
                    self.held.append(item)
                del item
                if not self.plan.hold:
                    gc.collect()
            self._asked()
        except BaseException as raised:  # noqa: BLE001 - a subject may raise anything
            error = raised
        return error

    def _begin(self) -> None:
        """On CUDA: put a long kernel in front, and let torch say what makes the host wait."""
        if self.plan.schedule not in REAL:
            return
        torch.cuda.synchronize()
        self.began = time.perf_counter()
        if self.plan.schedule == "cuda":
            torch.cuda._sleep(SLEEP_CYCLES)  # type: ignore[no-untyped-call]
            self.kernel_ends = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self.kernel_ends.record()
            torch.cuda.set_sync_debug_mode("warn")

    def _given(self, number: int) -> None:
        """A batch was given: how many works were queued then; of the first behind the kernel, as below."""
        if self.device is not None:
            self.pending.append(self.device.timeline.pending)
        if number == WARM and self.began:
            self._note("first")

    def _asked(self) -> None:
        """All batches were asked for."""
        if self.began:
            self._note("all")
        if self.kernel_ends is not None:
            torch.cuda.set_sync_debug_mode("default")

    def _note(self, what: str) -> None:
        """How long it took since the kernel was queued, and whether that still runs."""
        self.on_cuda[f"{what}_s"] = time.perf_counter() - self.began
        if self.kernel_ends is not None:
            self.on_cuda[f"{what}_runs"] = not self.kernel_ends.query()  # type: ignore[no-untyped-call]

    def _take(self, number: int, item: Any) -> None:
        """One training step: move what is not there yet, and queue a kernel that reads it all."""
        recorded = Recorded(number)
        try:
            batch = normalise(item, self.plan.config["seq_len"])
        except NotABatch as error:
            recorded.problem = str(error)
            self.sent.append((recorded, {}))
            return
        recorded.form = batch.form
        seen: dict[str, torch.Tensor] = {}
        for name, part in leaves(batch):
            self.pinned |= part.device.type == "cpu" and part.is_pinned()
            if not number:
                self.arrived.append(part.device.type == "cuda")
            there = part.to(self.where, non_blocking=True)
            seen[name] = there.clone()
            if self.plan.hold:
                self.held.append(there)
        self.sent.append((recorded, seen))

    def report(self, waited: list[str]) -> None:
        """Wait for everything, and send what the kernels saw and where torch saw the host wait."""
        if self.device is not None:
            self.device.timeline.drain()
        for recorded, seen in self.sent:
            tensors = {name: plain(one.cpu()) for name, one in seen.items()}
            for name in ("x", "y", "mask", "input_mask"):
                setattr(recorded, name, tensors.pop(name, None))
            recorded.more = tensors
            self.channel.send(recorded)
        told: dict[str, Any] = {
            "on_device": any(self.arrived), "pinned": self.pinned, "pending": self.pending,
        }  # fmt: skip
        told |= self.on_cuda | {"waited_at": sorted(set(waited))}
        if self.device is not None:
            account = self.device.account()
            told |= {name: [one for one in account[name] if not _mine(one)] for name in account}
        self.channel.send(Note("transfer", told))


def _mine(entry: list[Any]) -> bool:
    """Whether the consumer did it, and not the loader."""
    return str(entry[-2]).startswith(f"{HERE}:")


def leaves(batch: Batch) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of a batch by its name, those inside nested mappings and sequences too."""
    for name in ("x", "y", "mask", "input_mask"):
        part = getattr(batch, name)
        if part is not None:
            yield name, part
    yield from _nested("", batch.extras)


def _nested(prefix: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield prefix, value
    elif hasattr(value, "items"):
        for key, one in value.items():
            yield from _nested(f"{prefix}.{key}".lstrip("."), one)
    elif isinstance(value, (list, tuple)):
        for number, one in enumerate(value):
            yield from _nested(f"{prefix}.{number}".lstrip("."), one)
