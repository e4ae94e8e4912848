"""Using a loader up in every way, and counting what stays: descriptors, mappings, threads, processes."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...suites.residue import EXIT_S, KILLED_S, SHORT, USES, WORKER_USES, grown
from ...suites.trace import Note
from . import gauges

if TYPE_CHECKING:
    from .record import Recorder

TAKEN = 2  # batches of a use that is broken off
REST_S = 0.05
SETTLE_S = 1.0  # what ends by itself is given so long


class Interrupted(Exception):
    """What the consumer raises."""


def exhausted(loader: Iterable[Any], most: int) -> None:
    """A whole pass."""
    for _, _ in zip(loader, range(most), strict=False):
        pass


def left(loader: Iterable[Any], _: int) -> None:
    """An early break."""
    for number, _item in enumerate(loader):
        if number + 1 >= TAKEN:
            break


def raised(loader: Iterable[Any], _: int) -> None:
    """An exception of the consumer."""
    with contextlib.suppress(Interrupted):
        for number, _item in enumerate(loader):
            if number + 1 >= TAKEN:
                raise Interrupted


def closed(loader: Iterable[Any], most: int) -> None:
    """``close()`` after a break, where there is one."""
    left(loader, most)
    close = getattr(loader, "close", None)
    if callable(close):
        close()


WAYS: dict[str, Callable[[Iterable[Any], int], None]] = {
    "exhaustion": exhausted, "an early break": left, "an exception": raised, "close()": closed,
}  # fmt: skip


def counted() -> list[int]:
    """What this process and those below it hold, in the order of :data:`~...suites.residue.COUNTED`."""
    gc.collect()
    files, _, below, segments = gauges.census()
    return [files, gauges.file_mappings(), gauges.status()[3], below, segments, gauges.arrow_bytes()]


def rested() -> list[int]:
    """The same a moment later: a thread that is about to end is not one that was there."""
    time.sleep(REST_S)
    return counted()


def settled(early: list[int], uses: int) -> list[int]:
    """The same after so many more uses; what would be told is given time to end by itself."""
    until = time.monotonic() + SETTLE_S
    now = counted()
    while any(grown([early, now], place, uses) for place in range(len(now))):
        if time.monotonic() > until:
            break
        time.sleep(0.02)
        now = counted()
    return now


def residue(recorder: Recorder) -> str:
    """Open, use and drop a loader many times in each way; then use one many times for a moment."""
    recorder.loader = recorder.saver.loader = []  # only what is opened here is counted
    working = bool(recorder.config.num_workers)
    uses = WORKER_USES if working else USES
    found: dict[str, list[list[int]]] = {}
    for name, use in WAYS.items():
        if name == "exhaustion" and (recorder.plan.leave or working):
            continue  # an endless one, or too slow
        first = 1 if working else 2
        for _ in range(first):
            use(recorder.again(), recorder.plan.batches)
        early = rested()
        for _ in range(uses - first):
            use(recorder.again(), recorder.plan.batches)
        found[name] = [early, settled(early, uses - first)]
    recorder.channel.send(Note("residue", found))
    if not working:
        recorder.channel.send(Note("reiterated", _reiterated(recorder.again())))
    return ""


def _reiterated(loader: Iterable[Any]) -> list[list[int]]:
    """Short iterations over one loader: what is held after a few, and after all."""
    first = SHORT // 5
    for _ in range(first):
        left(loader, 0)
    early = rested()
    for _ in range(SHORT - first):
        left(loader, 0)
    return [early, settled(early, SHORT - first)]


def leaving(recorder: Recorder) -> str:
    """Whether a process ends in time after a break and after an exception, and its children when killed.

    The first that does not is the last that is asked: it takes ``EXIT_S`` of a deadline that may be short.
    """
    told: dict[str, str] = {}
    for how, use in (("an early break", left), ("an exception", raised)):
        told[how] = _ends(partial(_use_and_leave, recorder, use))
        if told[how]:
            break
    else:
        told["a kill"] = _killed(recorder)
    recorder.channel.send(Note("leaving", told))
    return ""


def _use_and_leave(recorder: Recorder, use: Callable[[Iterable[Any], int], None]) -> None:
    """Use a loader and end as an interpreter does: wait for threads, then call exit hooks."""
    loader = recorder.again()
    use(loader, recorder.plan.batches)
    threading._shutdown()  # type: ignore[attr-defined] # what the interpreter itself calls first
    atexit._run_exitfuncs()
    _ = loader  # alive until the end, as a global of a script is


def _ends(work: Callable[[], None]) -> str:
    """Do it in a process of its own; "" if that ended in time, else what it did."""
    pid = _forked(work)
    until = time.monotonic() + EXIT_S
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return "" if status == 0 else f"ended with status {os.waitstatus_to_exitcode(status)}"
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return f"did not end within {EXIT_S:g} s"


def _forked(work: Callable[[], None]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


def _killed(recorder: Recorder) -> str:
    """Kill a process that uses a loader; what was below it has to end as well.

    A worker of torch that is only starting when its parent is killed takes its new parent for the
    one to watch, and lives on; that is rare, and none of the loader's doing. So each worker has
    given a batch before: as many are taken as there are workers, whoever chose their number.
    """
    read, write = os.pipe()

    def use() -> None:
        items: Iterator[Any] = iter(recorder.again())
        next(items, None)
        for _ in gauges.descendants():
            next(items, None)
        os.write(write, " ".join(map(str, gauges.descendants())).encode() + b"\n")
        time.sleep(EXIT_S)

    pid = _forked(use)
    os.close(write)
    ready = select.select([read], [], [], EXIT_S)[0]
    below = list(map(int, os.read(read, 65536).split())) if ready else []
    os.close(read)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    until = time.monotonic() + KILLED_S
    while alive := [one for one in below if _alive(one)]:
        if time.monotonic() > until:
            return f"{len(alive)} of {len(below)} processes below it live on"
        time.sleep(0.05)
    return ""


def _alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be asked for its status does not."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return told.rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
