"""A process that has the libraries loaded and forks a child for each job, in milliseconds.

Started as ``python -m loadstone.harness.zygote FD``. On the control socket it takes the numbers
of jobs, each with the child's socket attached (over which the child then gets the job itself),
and answers with the child's process id and, later, its exit status. It runs no foreign code, so
every child starts from the same clean state; and it ends what children leave behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import sys
import traceback
import warnings
from pathlib import Path

import msgspec

from . import child, huge_pages

_PR_SET_CHILD_SUBREAPER = 36
MOST_STRAYS = 10_000  # a subject that forks without end is left to the system


class Started(msgspec.Struct, tag="started"):
    """A child was forked."""

    number: int
    pid: int


class Ended(msgspec.Struct, tag="ended"):
    """A child ended; ``status`` is its exit code, or minus the signal that killed it."""

    number: int
    status: int


Reply = Started | Ended


class Zygote:
    """The loop: fork on request, report on exit, end when the control socket does."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.children: dict[int, int] = {}  # pid -> job number
        self.wake, wake_end = socket.socketpair()
        for end in (self.wake, wake_end):
            end.setblocking(False)
        self.wake_end = wake_end
        signal.set_wakeup_fd(wake_end.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
        # Processes that a child leaves behind become ours, also those in a session of their own.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def serve(self) -> None:
        """Run until the parent goes away, then take the children along."""
        self.control.send(b"ready")
        while True:
            ready, _, _ = select.select([self.control, self.wake], [], [])
            if self.wake in ready:
                with contextlib.suppress(BlockingIOError):
                    self.wake.recv(4096)
                self.reap()
            if self.control in ready:
                try:
                    data, fds, _, _ = socket.recv_fds(self.control, 64, 1)
                except ConnectionResetError:  # the parent went away before it had heard that we are ready
                    break
                if not data:
                    break
                self.fork(int(data), fds[0])
        for pid in self.children:
            _end_group(pid)
        self.children.clear()
        self.end_strays()

    def fork(self, number: int, fd: int) -> None:
        """One child for one job."""
        pid = os.fork()
        if pid == 0:
            self._become_child(fd)
        os.close(fd)
        self.children[pid] = number
        self._reply(Started(number, pid))

    def _become_child(self, fd: int) -> None:
        status = child.BROKE
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for sock in (self.control, self.wake, self.wake_end):
                sock.close()
            child.seed_anew()
            status = child.serve(socket.socket(fileno=fd))
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001 - whatever it is, it must not return into the loop
            traceback.print_exc()
        finally:
            # Subjects may leave threads and exit hooks behind; neither may hold this process.
            os._exit(status)

    def reap(self) -> None:
        """Report every child that has ended, once what it started has been ended too."""
        ended = []
        for pid in list(self.children):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _end_group(pid)  # before its number can become another's
            _, status = os.waitpid(pid, 0)
            ended.append(Ended(self.children.pop(pid), os.waitstatus_to_exitcode(status)))
        if not self.children:  # whose they are cannot be told while others run
            self.end_strays()
        for reply in ended:
            self._reply(reply)

    def end_strays(self) -> None:
        """End processes that children left behind; each may leave others in turn."""
        for _ in range(MOST_STRAYS):
            strays = own_children() - set(self.children)
            if not strays:
                return
            for pid in strays:
                _end_group(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _reply(self, reply: Reply) -> None:
        self.control.send(msgspec.msgpack.encode(reply))


def _end_group(pid: int) -> None:
    """Kill a process and the group it may lead."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def own_children() -> set[int]:
    """Process ids of this process's children; none where the system does not list them."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            found |= set(map(int, (task / "children").read_text(encoding="ascii").split()))
    return found


def main() -> None:
    """Entry of the process."""
    control = socket.socket(fileno=int(sys.argv[1]))
    child.preload()
    # A child that collects garbage need not look through the libraries, nor copy their pages by doing so.
    gc.collect()
    gc.freeze()
    if "PYTHONMALLOC" not in os.environ:  # few children come from the one that counts memory exactly
        huge_pages.collapse()
    # Python 3.12 warns of a fork beside threads. Ours are those of OpenBLAS and jemalloc, which prepare for
    # one; the name is that of this module as it was started, so what a subject does is told as before.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning, "__main__")
    # Whatever a library prints here would land in the user's terminal.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    Zygote(control).serve()
    # Taking the libraries apart in good order takes a second, which whoever started us would wait for.
    os._exit(0)


if __name__ == "__main__":
    main()
