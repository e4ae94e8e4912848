"""Take turns with another process: so many batches when told to, each turn timed as a whole.

A turn is counted in batches and not in seconds, so that turn i of two processes with the same loader
is the same work on the same data. The time in which the process was ready while others had its core
is told apart from the time the turn took: it belongs to the machine. Sleeping, waiting for a disk and
whatever the loader's own threads and processes do belong to the loader.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ...suites.gating import Turn
from ..answers import Peak
from ..wire import Channel
from ..zygote import own_children
from .opening import first_batch, open_loader
from .speed import Passes, counter

PROBE_S = 0.3  # batches are timed one by one for about that long, where it is asked for
MOST_PROBED = 4000


def work(
    channel: Channel,
    subject: dict[str, Any],
    config: dict[str, Any],
    folder: str,
    manifest: dict[str, Any],
    *,
    cpu: int,
    fixed: bool,
) -> None:
    """Send :class:`Facts`, then answer numbers until there are no more.

    A number of batches is answered by a :class:`Turn`, 0 by a :class:`Peak`, and -1 by the CPU times
    of single batches, microseconds.

    Args:
        channel: to the parent.
        subject: what is timed.
        config: of the loader.
        folder: of the corpus.
        manifest: of the corpus.
        cpu: the core to run on, -1 for all.
        fixed: whether all batches are of one shape, so that tokens need no counting.
    """
    born = resident("VmRSS")
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    torch.set_num_threads(1)
    loader, facts = open_loader(subject, config, folder, manifest)
    begun, item = first_batch(loader, facts, config["seq_len"])
    channel.send(facts)
    if loader is None or begun is None:
        return
    passes, count = Passes(loader, begun), counter(item)
    size = count(item) if fixed else 0
    del item, loader
    queue = RunQueue()
    while True:
        asked = channel.receive_plain()
        if asked > 0:
            channel.send(take_turn(passes, size, count, asked, queue))
        elif asked == 0:
            channel.send(Peak(grown(born)))
        else:
            channel.send(probe(passes))


class RunQueue:
    """How long this thread has been ready to run while others had the core.

    Read from ``schedstat`` (kernel documentation, scheduler/sched-stats), where there is one.
    """

    def __init__(self) -> None:
        self.file: int | None = None
        with contextlib.suppress(OSError):
            self.file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def waited(self) -> int:
        """Nanoseconds so far; 0 where the system does not tell."""
        if self.file is None:
            return 0
        return int(os.pread(self.file, 100, 0).split()[1])


def take_turn(passes: Passes, size: int, count: Callable[[Any], int], batches: int, queue: RunQueue) -> Turn:
    """Take so many batches; tokens are counted in the loop only where ``size`` is 0.

    Raises:
        RuntimeError: a whole pass of the loader gave no batch.
    """
    left, tokens, before = batches, 0, -1
    queued, cpu = queue.waited(), time.process_time_ns()
    began = time.perf_counter_ns()
    while left:
        for item in passes.items:
            if not size:
                tokens += count(item)
            left -= 1
            if not left:
                break
        else:
            if left == before:
                raise RuntimeError("a whole pass of the loader gave no batch")
            before = left
            passes.renew()
    spent = time.perf_counter_ns() - began
    # While its own threads had the core the loader was at work, whichever thread was waiting.
    idle = max(0, spent - (time.process_time_ns() - cpu))
    waited = 0 if own_children() else min(queue.waited() - queued, idle)
    return Turn(max(1, tokens or size * batches), (spent - waited) / 1e9, waited / 1e9)


def probe(passes: Passes) -> list[float]:
    """CPU time of single batches, microseconds: on a busy machine they tell the work, not the waiting."""
    times: list[float] = []
    clock = time.process_time_ns
    until = time.perf_counter() + PROBE_S
    before = clock()
    while len(times) < MOST_PROBED and (time.perf_counter() < until or not times):
        item = next(passes.items, None)
        if item is None:
            passes.renew()
            item = next(passes.items)
        now = clock()
        times.append((now - before) / 1e3)
        before = now
    return times


def resident(field: str) -> int | None:
    """A field of this process's own status, bytes; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(found[0]) * 1024 if found else None


def grown(born: int | None) -> int | None:
    """How far resident memory went above what it was."""
    most = resident("VmHWM")
    return None if born is None or most is None else max(0, most - born)
