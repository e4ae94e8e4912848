"""Ways to send a batch to CUDA, each timed by device events beside a kernel that is as long as its copy."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch

from ...loaders.device_prefetcher import DevicePrefetcher
from ...reports.document import Span
from ...suites.transfer_cost import Way

LIMIT_BYTES = 64 << 20  # long enough to leave the start of a copy out of account
REGISTERED_BYTES = 64 << 20
STEPS, BEFORE = 12, 2  # of a run behind DevicePrefetcher, and those whose time does not count
AHEAD_US = 500.0  # a kernel in front, so that all is queued before the clock starts; at least
LONGER = 3.0  # than the host was seen to take, so that it takes longer now and then without harm
KEEPS_UP = 1.5  # the same where many steps follow each other, which evens out what each of them takes
SHOWN = 5  # of them, in the time line
CALIBRATION = 10_000_000  # cycles
SUCCESS = 0


class Clock:
    """Device events, and kernels of a wanted length."""

    def __init__(self) -> None:
        torch.cuda._sleep(CALIBRATION)  # type: ignore[no-untyped-call]
        sleep = torch.cuda._sleep
        took = [self.us(lambda: sleep(CALIBRATION), 0.0) for _ in range(3)]  # type: ignore[no-untyped-call]
        self.cycles_per_us = CALIBRATION / max(statistics.median(took), 1.0)

    def us(self, work: Callable[[], Any], ahead_us: float = AHEAD_US) -> float:
        """Device time of what is queued on the current stream, microseconds.

        Without a kernel ahead that is longer than queueing it, it would hold what the host takes for that.
        """
        begin, end = event(), event()
        if ahead_us:
            self.kernel(ahead_us)
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        return float(begin.elapsed_time(end)) * 1e3

    def kernel(self, us: float) -> None:
        """Queue a kernel of about that length on the current stream."""
        torch.cuda._sleep(max(1, int(us * self.cycles_per_us)))  # type: ignore[no-untyped-call]


def event() -> Any:
    """An event that has a time."""
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


class Sender:
    """One way to send."""

    def __init__(self, source: str, dtype: str, x: torch.Tensor, y: torch.Tensor, *, waits: bool) -> None:
        nbytes = x.nbytes + y.nbytes if dtype == "int64" else self.narrow(x, y).nbytes
        self.way = Way(source=source, waits=waits, dtype=dtype, bytes_per_batch=nbytes)
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.ahead_us = AHEAD_US
        host = [x, y] if dtype == "int64" else [self.narrow(x, y)]
        self.kept = [part.clone().pin_memory() if source == "pinned" else part.clone() for part in host]
        # A way that the driver refuses is left out.
        self.possible = source != "registered" or all(register(p.data_ptr(), p.nbytes) for p in self.kept)

    @staticmethod
    def narrow(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """uint16 (B, T+1), of which x and y are two views."""
        return torch.cat([x, y[:, -1:]], 1).to(torch.uint16)

    def fill(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """Put the batch where it is sent from; the copy before has ended."""
        for kept, part in zip(
            self.kept, [x, y] if self.way.dtype == "int64" else [self.narrow(x, y)], strict=True
        ):
            kept.copy_(part)

    def send(self) -> list[torch.Tensor]:
        """The batch on the device, x and y, int64."""
        parts = [part.pin_memory() if self.way.source == "pin_each" else part for part in self.kept]
        there = [part.to("cuda", non_blocking=not self.way.waits) for part in parts]
        if self.way.dtype == "int64":
            return there
        wide = there[0].to(torch.int64)
        return [wide[:, :-1], wide[:, 1:]]

    def turn(self, clock: Clock, x: torch.Tensor, y: torch.Tensor, *, keep: bool) -> bool:
        """One round; whether the batch arrived as it left."""
        self.fill(x, y)
        torch.cuda.synchronize()
        began = time.perf_counter()
        there = self.send()
        host_us = (time.perf_counter() - began) * 1e6
        torch.cuda.synchronize()
        intact = all(torch.equal(a.cpu(), b) for a, b in zip(there, (x, y), strict=True))
        if not keep:  # of several, since the first calls take longer than any after them
            self.ahead_us = max(AHEAD_US, LONGER * host_us)
        ahead_us = 0.0 if self.way.waits else self.ahead_us  # one that waits would wait for the kernel
        self.fill(x, y)  # each time, as a loader does
        took = clock.us(self.send, ahead_us)
        kernel_us = both_us = 0.0
        if not self.way.waits:
            kernel_us = clock.us(lambda: clock.kernel(took), ahead_us)
            self.fill(x, y)
            both_us = clock.us(lambda: self._beside(clock, took), ahead_us)
        if keep:
            self.way.copy_us.append(took)
            self.way.host_us.append(host_us)
            if not self.way.waits:
                self.way.kernel_us.append(kernel_us)
                self.way.both_us.append(both_us)
        return intact

    def _beside(self, clock: Clock, us: float) -> None:
        """The copy on a stream of its own while a kernel runs, both from one moment to the end of both."""
        current = torch.cuda.current_stream()
        self.stream.wait_stream(current)
        clock.kernel(us)
        with torch.cuda.stream(self.stream):
            self.send()
        current.wait_stream(self.stream)


def ways(x: torch.Tensor, y: torch.Tensor) -> list[Sender]:
    """Every source, waiting and not, in both dtypes; uint16 where the ids fit."""
    low, high = (int(end) for end in torch.cat([x.flatten(), y.flatten()]).aminmax())
    narrow = low >= 0 and high < 1 << 16 and torch.equal(x[:, 1:], y[:, :-1])
    dtypes = ("int64", "uint16") if narrow else ("int64",)
    sources = ("pageable", "pinned", "pin_each", "registered")
    made = [
        Sender(source, dtype, x, y, waits=waits)
        for source in sources for dtype in dtypes for waits in (True, False)
    ]  # fmt: skip
    return [sender for sender in made if sender.possible]


class Limit:
    """The link's own limit: one large copy between buffers that were made before."""

    def __init__(self, nbytes: int = LIMIT_BYTES) -> None:
        self.nbytes = nbytes
        self.source = torch.empty(nbytes, dtype=torch.uint8, pin_memory=True)
        self.target = torch.empty(nbytes, dtype=torch.uint8, device="cuda")

    def turn(self, clock: Clock) -> float:
        """Microseconds."""
        return clock.us(lambda: self.target.copy_(self.source, non_blocking=True))


def register(start: int, nbytes: int) -> bool:
    """Page-lock memory of one's own; False if the driver refuses (no right to lock so much, say)."""
    return int(torch.cuda.cudart().cudaHostRegister(start, nbytes, 0)) == SUCCESS  # type: ignore[no-untyped-call]


class Registration:
    """What it costs to page-lock a map once, instead of a copy of each batch."""

    def __init__(self, nbytes: int = REGISTERED_BYTES) -> None:
        self.nbytes = nbytes
        self.array = np.ones(nbytes, np.uint8)

    def turn(self) -> list[float]:
        """Host microseconds of one registration, undone again; none if the driver refuses."""
        began = time.perf_counter()
        if not register(self.array.ctypes.data, self.nbytes):
            return []
        took = (time.perf_counter() - began) * 1e6
        torch.cuda.cudart().cudaHostUnregister(self.array.ctypes.data)  # type: ignore[no-untyped-call]
        return [took]


def prefetched(clock: Clock, x: torch.Tensor, y: torch.Tensor) -> list[float]:
    """Device time a step, microseconds: its copies alone, its kernel alone, both behind DevicePrefetcher.

    A kernel is as long as the copy, or longer than a step of the host (filling the page-locked slot,
    queueing) where that takes more: a shorter one would measure the host.
    """
    pinned = [part.pin_memory() for part in (x, y)]
    alone = clock.us(lambda: [part.to("cuda", non_blocking=True) for part in pinned])
    began = time.perf_counter()
    for _ in DevicePrefetcher([(x, y)] * STEPS):
        pass
    host = (time.perf_counter() - began) * 1e6 / STEPS
    torch.cuda.synchronize()
    length = max(alone, KEEPS_UP * host)
    timed = STEPS - BEFORE

    def kernels() -> None:
        for _ in range(timed):
            clock.kernel(length)

    kernel = clock.us(kernels) / timed
    begin, end = event(), event()
    for step, _ in enumerate(DevicePrefetcher([(x, y)] * STEPS)):
        if step == BEFORE:
            begin.record()
        clock.kernel(length)
    end.record()
    torch.cuda.synchronize()
    return [alone, kernel, float(begin.elapsed_time(end)) * 1e3 / timed]


def timeline(clock: Clock, x: torch.Tensor, y: torch.Tensor) -> list[Span]:
    """When copies and kernels of a few steps run, the copies on a stream of their own.

    All is queued behind a kernel before the first copy begins, so that the host plays no part in it.
    """
    pinned = [part.pin_memory() for part in (x, y)]
    length = clock.us(lambda: [part.to("cuda", non_blocking=True) for part in pinned])
    began = time.perf_counter()
    _steps(clock, pinned, length, AHEAD_US)  # its times hold first uses
    host_us = (time.perf_counter() - began) * 1e6
    return _steps(clock, pinned, length, max(AHEAD_US, LONGER * host_us))


def _steps(clock: Clock, pinned: list[torch.Tensor], length: float, ahead_us: float) -> list[Span]:
    stream, base = torch.cuda.Stream(), event()  # type: ignore[no-untyped-call]
    copies, kernels = ([(event(), event()) for _ in range(SHOWN)] for _ in range(2))
    clock.kernel(ahead_us)
    base.record()
    stream.wait_event(base)
    for (copy_begins, copy_ends), (begins, ends) in zip(copies, kernels, strict=True):
        with torch.cuda.stream(stream):
            copy_begins.record(stream)
            there = [part.to("cuda", non_blocking=True) for part in pinned]
            copy_ends.record(stream)
        current = torch.cuda.current_stream()
        current.wait_event(copy_ends)
        for part in there:
            part.record_stream(current)
        begins.record()
        clock.kernel(length)
        ends.record()
    torch.cuda.synchronize()
    spans = []
    lanes: tuple[tuple[Literal["copy", "compute"], Any], ...] = (("copy", copies), ("compute", kernels))
    for lane, pairs in lanes:
        for step, ends in enumerate(pairs):
            begin, end = (base.elapsed_time(one) * 1e3 for one in ends)
            spans.append(Span(lane=lane, step=step, begin_us=begin, end_us=end))
    return spans
