"""The parent's side: two launchers with one face, children under deadlines.

``fork`` takes milliseconds, from the zygote, for checks and speed; ``exact.fork`` does so from one
whose allocator environment was set before it started, for memory; ``exec`` starts a fresh process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import msgspec

from ..errors import LoadstoneError
from . import zygote
from .child import Job
from .children import Child
from .wire import Channel, Closed, pair

# Without -P the folder we are called from would be searched first: a queue.py there would be taken
# for the library's.
PYTHON = (sys.executable, "-P")
# An allocator whose count of live bytes is exact: Python's objects go through malloc, freed blocks are
# not kept per thread, and Arrow uses the system's allocator.
EXACT = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
END_PATIENCE_S = 3.0
_REPLY = msgspec.msgpack.Decoder(zygote.Reply)


class Process(Protocol):
    """What is asked of the process that forks, however it was started."""

    def wait(self, timeout: float | None = None) -> int:
        """Its status; raises :class:`subprocess.TimeoutExpired`."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


class Launcher:
    """Starts children; a context manager that leaves none behind."""

    def __init__(
        self,
        path: Sequence[str] = (),
        python: Sequence[str] = PYTHON,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.path = tuple(path)  # what children search for modules before all else
        self.python, self.env = tuple(python), dict(env or {})  # another interpreter, what it needs to know
        self._exact: Launcher | None = None
        self._lock = threading.RLock()  # the control socket answers one question at a time
        self.scratch = tempfile.TemporaryDirectory(prefix="loadstone-", ignore_cleanup_errors=True)
        self.folder = Path(self.scratch.name)
        self._zygote: Process | None = None
        self._control: socket.socket | None = None
        self._jobs = 0
        self._statuses: dict[int, int] = {}  # pid -> status
        self._pids: dict[int, int] = {}  # job number -> pid
        self._fresh: dict[int, subprocess.Popen[bytes]] = {}
        self.abandoned = False

    def __enter__(self) -> Launcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abandon()
        if self._exact is not None:
            self._exact.__exit__(kind, error, trace)
        if self._control is not None and self._zygote is not None:
            self._control.close()
            if self._jobs:  # it is ready, and ends at once, with whatever was left behind
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._zygote.wait(END_PATIENCE_S)
            self._zygote.kill()
            self._zygote.wait()
        for process in list(self._fresh.values()):
            process.wait()
        self.scratch.cleanup()

    @property
    def exact(self) -> Launcher:
        """A launcher whose forked children count live bytes exactly; started when first asked for."""
        with self._lock:
            if self._exact is None:
                self._exact = Launcher(self.path, self.python, EXACT)
                self._exact.abandoned = self.abandoned
                self._exact.start()
            return self._exact

    def start(self) -> None:
        """Start the zygote, which takes a second or two to load its libraries; returns at once."""
        if self._zygote is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            command = [*self.python, "-m", "loadstone.harness.zygote", str(theirs.fileno())]
            env = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"} | self.env
            self._zygote = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=env, start_new_session=True
            )
            theirs.close()

    def fork(self, name: str, arguments: dict[str, Any], **settings: Any) -> Child:
        """A child of the zygote, doing the named job."""
        job = self._job(name, arguments, settings)
        channel, theirs = pair()
        with self._lock:
            self.start()
            assert self._control is not None
            if not self._jobs and self._control.recv(64) != b"ready":
                raise LoadstoneError("the process that forks children did not start; is torch installed?")
            number = self._jobs
            self._jobs += 1
            socket.send_fds(self._control, [str(number).encode()], [theirs.fileno()])
            theirs.close()
            while number not in self._pids:
                self._hear(None)
            pid = self._pids[number]
        return self._begin(channel, pid, job)

    def exec(self, name: str, arguments: dict[str, Any], **settings: Any) -> Child:
        """A fresh interpreter, its environment set before it starts, doing the named job."""
        job = self._job(name, arguments, settings)
        channel, theirs = pair()
        command = [*self.python, "-m", "loadstone.harness.child", str(theirs.fileno())]
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env=os.environ | self.env | job.env,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        self._fresh[process.pid] = process
        return self._begin(channel, process.pid, job)

    def _begin(self, channel: Channel, pid: int, job: Job) -> Child:
        with contextlib.suppress(Closed):  # it has ended already, which whoever listens will learn
            channel.send(job)
        return Child(channel, pid, Path(job.folder), self)

    def _job(self, name: str, arguments: dict[str, Any], settings: dict[str, Any]) -> Job:
        if self.abandoned:
            raise LoadstoneError("the run was broken off; no more children are started.")
        folder = tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder)
        return Job(name=name, arguments=arguments, folder=folder, **{"path": self.path, **settings})

    def abandon(self) -> None:
        """Kill every running child, so that whoever waits for one is let go; start no more."""
        self.abandoned = True
        for pid in [*self._pids.values(), *self._fresh]:
            _kill(pid)
        if self._exact is not None:
            self._exact.abandon()

    def finish(self, child: Child, patience_s: float) -> None:
        """Wait a little for a child to end by itself, then end it and all it started."""
        until = time.monotonic() + patience_s
        if child.pid in self._fresh:
            process = self._fresh[child.pid]
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)
            _kill(child.pid)
            child.status = process.wait()
            del self._fresh[child.pid]
            return
        with self._lock:
            while child.pid not in self._statuses and self._hear(until):
                pass
            if child.pid not in self._statuses:
                _kill(child.pid)  # with its group; the zygote ends whatever else it leaves
            while child.pid not in self._statuses:
                self._hear(None)
            child.status = self._statuses.pop(child.pid)

    def _hear(self, until: float | None) -> bool:
        """Take one reply of the zygote; False if none came in time."""
        assert self._control is not None
        self._control.settimeout(None if until is None else max(0.001, until - time.monotonic()))
        try:
            data = self._control.recv(4096)
        except TimeoutError:
            return False
        finally:
            self._control.settimeout(None)
        if not data:
            raise LoadstoneError("the process that forks children has died; run again.")
        reply = _REPLY.decode(data)
        if isinstance(reply, zygote.Started):
            self._pids[reply.number] = reply.pid
        else:
            self._statuses[self._pids.pop(reply.number)] = reply.status
        return True


def _kill(pid: int) -> None:
    """Kill a child and its whole process group, which it leads once it has got so far."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
