"""Trying something else than iterating: pickling, forking after use, losing a worker."""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ...suites.trace import End, Note
from . import living, residue
from .learning import consumed

if TYPE_CHECKING:
    from .record import Recorder

FORKED_S = 8.0  # a forked child that hangs is killed after so long
TAKEN = 3  # batches before and after what is tried
HELD_S, FREE_S, HOLDS = 0.3, 0.02, 3  # a worker stands still, goes on for a moment, so many times


def probe(name: str, recorder: Recorder) -> None:
    """Try it, and send what came of it as the note ``probe``: empty for well, else what went wrong."""
    try:
        told = TRIALS[name](recorder)
    except BaseException as error:  # noqa: BLE001 - a subject may raise anything
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    recorder.channel.send(Note("probe", told))
    recorder.channel.send(End(0, "stop"))


def _pickled(recorder: Recorder) -> str:
    """A loader travels to a spawned process only by pickle."""
    pickle.loads(pickle.dumps(recorder.loader))
    return ""


def _forked(recorder: Recorder) -> str:
    """Use it here, fork, use it there: threads and locks of before must not freeze the child."""
    loader = recorder.loader
    items = iter(loader)
    for _ in range(TAKEN):
        next(items, None)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            there = iter(loader)
            for _ in range(TAKEN):
                next(there, None)
            status = 0
        finally:
            os._exit(status)
    until = time.monotonic() + FORKED_S
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return "" if status == 0 else f"the forked child ended with status {status}"
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return f"the forked child hung for {FORKED_S:.0f} s"


def _worker_killed(recorder: Recorder) -> str:
    """Kill one worker process and go on: an error must come, in time and no wait without end."""
    items = iter(recorder.loader)
    for _ in range(TAKEN):
        next(items)
    workers = psutil.Process().children(recursive=True)
    if not workers:
        return "no worker process"
    try:
        # The news may come as an exception at any place: torch raises it in a signal handler.
        workers[0].kill()
        for _ in range(10_000):
            if next(items, None) is None:
                break
    except Exception as error:  # noqa: BLE001 - an error is what is hoped for
        return f"raised {type(error).__name__}"
    return "went on as if nothing had happened"


def _worker_slowed(recorder: Recorder) -> str:
    """Record a pass during which one worker process mostly stands still."""
    items = iter(recorder.loader)
    recorder.take(next(items), 0, 0.0)
    workers = psutil.Process().children(recursive=True)
    if not workers:
        return "no worker process"
    with _held_back(workers[-1]):
        for _, item in zip(range(1, recorder.plan.batches), items, strict=False):
            recorder.take(item, 0, 0.0)
    return ""


@contextlib.contextmanager
def _held_back(worker: psutil.Process) -> Iterator[None]:
    """A process stops and goes on by signals, whatever it is made of; in the end it goes on."""
    over = threading.Event()

    def hold() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for _ in range(HOLDS):
                worker.suspend()
                over.wait(HELD_S)
                worker.resume()
                if over.wait(FREE_S):
                    return

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        yield
    finally:
        over.set()
        holder.join()


def _pulled(recorder: Recorder) -> str:
    """Bytes read for the first batch and for a whole pass, by a second loader, when all is imported."""
    next(iter(recorder.loader), None)
    before = _bytes_read()
    items = iter(recorder.again())
    next(items, None)
    first = _bytes_read() - before
    for _, _ in zip(range(recorder.plan.batches), items, strict=False):
        pass
    recorder.channel.send(Note("pulled", [first, _bytes_read() - before]))
    return ""


def _bytes_read() -> int:
    """Bytes this process has asked the system to read; what is mapped is not among them."""
    with Path("/proc/self/io").open(encoding="ascii") as lines:
        return int(next(line for line in lines if line.startswith("rchar")).split()[1])


TRIALS: dict[str, Callable[[Recorder], str]] = {
    "pickle": _pickled,
    "fork": _forked,
    "kill-worker": _worker_killed,
    "slow-worker": _worker_slowed,
    "consume": consumed,
    "pulls": _pulled,
    "residue": residue.residue,
    "leaving": residue.leaving,
    **living.TRIALS,
}
