"""The child's side: shut off from the terminal, under limits, it does one job and sends frames.

Foreign code runs nowhere else. A job is ``"module:function"`` in this package, called with the
channel and its arguments.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import msgspec

from .wire import Channel, Closed

_PR_SET_PDEATHSIG = 1
BROKE = 70  # exit code of a job that raised; its traceback is the last of its output
MAX_FOLDER_NAME = 70  # the name of a socket has 107 bytes, of which multiprocessing adds 32
MAX_FILE_BYTES = 4 << 30  # a subject that floods a file or its stderr fills no disk


class Job(msgspec.Struct, frozen=True):
    """What a child is to do: a job's name, its arguments, and the environment it runs in.

    Attributes:
        folder: its working folder, where its standard output is kept.
        path: entries put in front of ``sys.path``.
        memory_limit: bytes of private memory it may take beyond what it starts with (mapped files
            do not count); 0 for no limit.
        cgroup: the ``cgroup.procs`` of a group it enters before all else; empty for none.
    """

    name: str
    arguments: dict[str, Any]
    folder: str
    env: dict[str, str] = {}
    path: tuple[str, ...] = ()
    memory_limit: int = 0
    cgroup: str = ""


def preload() -> None:
    """Import what children will want; nothing that starts a thread."""
    import numpy.random  # seeded anew in every child, see below
    import pyarrow.compute as pc  # Arrow imports it when an array is first cut or joined: 0.2 s a child
    import pyarrow.parquet as pq
    import torch

    torch.set_num_threads(1)
    _ = numpy.random, pc, pq
    from ..loaders import batch, corpus_writer, tokenizer
    from ..loaders.corpus import Manifest
    from ..suites.scenario import Scenario
    from .jobs import describe, record
    from .subjects import SubjectRef

    _ = (batch, corpus_writer, describe, record)
    for kind in (Job, SubjectRef, Scenario, Manifest):
        msgspec.msgpack.Decoder(kind)  # reads the annotations, once for all children
    with contextlib.suppress(ImportError):
        importlib.import_module("pandas")  # pa.array and to_numpy do, where it is installed: 0.3 s a child
    tokenizer.counting_encoding()  # a tenth of a second, which every child would spend anew


def seed_anew() -> None:
    """Give NumPy's global generator a state of its own, as in a process that has just started.

    A forked child has that of the process it was forked from, so a loader that draws from it unseeded would
    give every child the same. Python's generator does this by itself; torch's begins alike everywhere.
    """
    import numpy as np

    np.random.seed()


def run(job: Job, sock: socket.socket) -> int:
    """Do the job in this process; the exit status."""
    isolate(job)
    if _left_alone(sock):
        return 0
    # What a subject forks must not keep this socket open: its end tells the parent that we ended.
    os.register_at_fork(after_in_child=sock.close)
    channel = Channel(sock)
    try:
        module = importlib.import_module(f".jobs.{job.name}", __package__)
        module.work(channel, **job.arguments)
    except Closed:
        return 0  # the parent has lost interest
    sys.stdout.flush()
    sys.stderr.flush()
    return 0


def isolate(job: Job) -> None:
    """Own session, no terminal, output to files, limits, environment."""
    if os.getpid() != os.getsid(0):
        os.setsid()
    # Die with the process that started us, however it ends.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    _redirect(0, os.open(os.devnull, os.O_RDONLY))
    _redirect(1, os.open(folder / "stdout.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
    _redirect(2, os.open(folder / "stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
    faulthandler.enable(open(2, "w", closefd=False))  # noqa: SIM115 - for the life of the process
    _keep_temporary_files(job.folder)
    _limit(resource.RLIMIT_FSIZE, MAX_FILE_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    if job.cgroup:
        Path(job.cgroup).write_text("0", encoding="ascii")  # the process that writes
    if job.memory_limit:
        _limit(resource.RLIMIT_DATA, _private_bytes() + job.memory_limit)
    os.environ.update(job.env)
    sys.path[:0] = job.path


def _keep_temporary_files(folder: str) -> None:
    """Put temporary files where they go with us: a process that is killed removes none of its own.

    Worker processes are one reason: multiprocessing makes a folder for its sockets.
    """
    if len(folder) <= MAX_FOLDER_NAME:
        os.environ["TMPDIR"] = folder
        tempfile.tempdir = None  # it may have been asked for before


def _left_alone(sock: socket.socket) -> bool:
    """Whether the parent ended before its end could be made ours."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))


def _redirect(target: int, source: int) -> None:
    os.dup2(source, target)
    os.close(source)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, hard))


def _private_bytes() -> int:
    """Private writable memory mapped so far, which is what RLIMIT_DATA counts (field ``data``)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    return pages * os.sysconf("SC_PAGE_SIZE")


def serve(sock: socket.socket) -> int:
    """Take the job, which is the first message on the socket, and do it; the exit status."""
    try:
        job = msgspec.msgpack.decode(Channel(sock).receive(), type=Job)
    except Closed:
        return 0  # the parent was interrupted before it could say what to do
    if job.memory_limit:
        preload()  # what is loaded already is not counted; a forked child has all of this
    return run(job, sock)


def main() -> None:
    """Entry of a fresh process: the socket by its number."""
    status = BROKE
    try:
        status = serve(socket.socket(fileno=int(sys.argv[1])))
    except BaseException:  # noqa: BLE001 - as for a forked child
        traceback.print_exc()
    finally:
        # Subjects may leave threads behind that never end; what was to be told has been told.
        os._exit(status)


if __name__ == "__main__":
    main()
