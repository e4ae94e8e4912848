"""Factories given as objects: by the name that leads to them, or forked from the calling process.

A closure, a lambda, or a function of a notebook or a script has no name under which another process
could import it. The process that forks children is then itself a fork of the caller, so that it
holds whatever the caller holds; everything else stays as it is.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import SubjectError
from . import child, zygote
from .launch import Launcher
from .subjects import HELD, SubjectRef, find

_NUMBERS = itertools.count()
_PATIENCE_S = 0.01


def reference(subject: Any) -> SubjectRef:
    """Where a subject lies that is given as words or as a factory.

    Raises:
        SubjectError: it is neither, or the words name nothing.
    """
    if isinstance(subject, str):
        return find(subject)
    if not callable(subject):
        raise SubjectError(
            f"{subject!r} is a {type(subject).__name__}, not a factory; give the function (corpus, config) "
            "that returns an iterable of batches, or a subject's name."
        )
    return _by_name(subject) or _held(subject)


def _by_name(factory: Callable[..., Any]) -> SubjectRef | None:
    """The module and name under which a child can import exactly this; None if it cannot."""
    module, name = getattr(factory, "__module__", None), getattr(factory, "__qualname__", "")
    loaded = sys.modules.get(module or "")
    spec = getattr(loaded, "__spec__", None)
    if module in (None, "__main__") or "<" in name or spec is None or spec.origin is None:
        return None
    found: Any = loaded
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not factory or not Path(spec.origin).is_file():
        return None
    if not _findable(module.partition(".")[0]):
        return None  # it was imported from a place that no search leads to
    if "." in module or Path(spec.origin).stem != module:
        return SubjectRef(f"{module}:{name}", "module", module, name)
    return SubjectRef(f"{Path(spec.origin).name}:{name}", "file", spec.origin, name)


def _findable(name: str) -> bool:
    """Whether importing it would find it, were it not loaded already."""
    finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
    return any(find_spec is not None and find_spec(name, None) is not None for find_spec in finders)


def _held(factory: Callable[..., Any]) -> SubjectRef:
    """A reference to the object itself, for forks of this process."""
    inner = getattr(factory, "func", factory)  # of a functools.partial
    shown = getattr(inner, "__qualname__", type(factory).__name__).rpartition("<locals>.")[2]
    key = f"{shown}#{next(_NUMBERS)}"
    HELD[key] = factory
    file = ""
    with contextlib.suppress(TypeError, OSError):
        file = inspect.getsourcefile(inspect.unwrap(inner)) or ""
    there = file if Path(file).is_file() else ""
    return SubjectRef(shown.strip("<>"), "object", there, key)


def release(ref: SubjectRef) -> None:
    """Let go of an object that was held."""
    if ref.origin == "object":
        HELD.pop(ref.attribute, None)


def launcher_for(ref: SubjectRef) -> Launcher:
    """A launcher whose children can open that subject."""
    return LauncherHere() if ref.origin == "object" else Launcher(sys.path)


class LauncherHere(Launcher):
    """Its forking process is a fork of this one, with all that is in memory here."""

    def start(self) -> None:
        """Fork; the child loads what libraries are not loaded yet, and serves until we close."""
        if self._zygote is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with warnings.catch_warnings():
                # Newer Pythons warn of threads. What they hold is lost in the child, as in the
                # workers of a DataLoader; a loader that waits for it meets its deadline.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                _serve(theirs)
            theirs.close()
            self._zygote = Fork(pid)


class Fork:
    """A forked process, waited for as one of ``subprocess``."""

    def __init__(self, pid: int) -> None:
        self.pid, self.status = pid, -1
        self.ended = False

    def wait(self, timeout: float | None = None) -> int:
        """Its status; raises :class:`subprocess.TimeoutExpired`."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self.ended:
            try:
                done, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # the caller takes the statuses of all its children
                done, status = self.pid, 0
            if done:
                self.ended, self.status = True, os.waitstatus_to_exitcode(status)
            elif until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("fork", timeout or 0.0)
            else:
                time.sleep(_PATIENCE_S)
        return self.status

    def kill(self) -> None:
        """End it."""
        if not self.ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _serve(control: socket.socket) -> None:
    """In the fork: shut off from the caller's terminal and handlers, fork on request; never returns."""
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1):
            os.dup2(null, fd)
        child.preload()
        zygote.Zygote(control).serve()
    except BaseException:  # noqa: BLE001 - nothing may return into the caller's code
        traceback.print_exc()
    finally:
        os._exit(0)
