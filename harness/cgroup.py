"""A memory cgroup for one child: a limit that counts the page cache as well, where we may make one.

Version 1 and 2 (https://docs.kernel.org/admin-guide/cgroup-v2.html). Under version 2 a group that has
processes of its own cannot have limited ones below it, so a sibling is tried as well; systemd
lets a user make those. Where neither is allowed there is no such limit, and whoever asked says so.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

END_S = 5.0  # until the processes of a group that is taken away have ended


class _Files(NamedTuple):
    """What the files of a group are called."""

    limit: str
    swap: str
    swap_limit: str
    events: str


_FILES = {
    "cgroup": _Files("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "{limit}", "memory.oom_control"),
    "cgroup2": _Files("memory.max", "memory.swap.max", "0", "memory.events"),
}


class Cgroup:
    """A group with a limit; use as a context manager, which takes it away again."""

    def __init__(self, folder: Path, files: _Files) -> None:
        self.folder, self._files = folder, files

    @classmethod
    def make(cls, limit: int) -> Cgroup | None:
        """A new group that may take ``limit`` bytes, page cache included; None where that is not allowed."""
        for parent, files in _parents():
            group = cls(parent / f"loadstone-{os.getpid()}-{time.monotonic_ns()}", files)
            try:
                group.folder.mkdir()
            except OSError:
                continue
            try:
                (group.folder / files.limit).write_text(str(limit))
                with contextlib.suppress(OSError):  # not every kernel counts swap
                    (group.folder / files.swap).write_text(files.swap_limit.format(limit=limit))
                group._try()
            except OSError:
                group.remove()
                continue
            return group
        return None

    def _try(self) -> None:
        """Put a process into it; raises OSError where that is not allowed."""
        with subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL) as process:
            try:
                self.door.write_text(str(process.pid))
            finally:
                process.kill()

    @property
    def door(self) -> Path:
        """The file a process writes its number into to come under the limit."""
        return self.folder / "cgroup.procs"

    @property
    def killed(self) -> bool:
        """Whether the system ended a process for passing the limit."""
        told = (self.folder / self._files.events).read_text(encoding="ascii").split()
        return any(name == "oom_kill" and int(count) for name, count in itertools.pairwise(told))

    def remove(self) -> None:
        """Take it away, as soon as the processes in it have ended."""
        until = time.monotonic() + END_S
        while True:
            try:
                return self.folder.rmdir()
            except OSError:
                if time.monotonic() > until:
                    return None  # left to the system: it is empty as soon as they end, and costs nothing
                time.sleep(0.02)

    def __enter__(self) -> Cgroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def _parents() -> Iterator[tuple[Path, _Files]]:
    """Groups in which one may be made, the likeliest first."""
    with contextlib.suppress(OSError):
        mounts = list(_mounts())
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            kind = "cgroup" if "memory" in controllers.split(",") else "" if controllers else "cgroup2"
            for root, point in [(root, point) for name, root, point in mounts if name == kind]:
                own = point / path.removeprefix(root.rstrip("/")).lstrip("/")
                for parent in dict.fromkeys((own, own.parent, point)):
                    if parent.is_relative_to(point) and parent.is_dir():
                        yield parent, _FILES[kind]


def _mounts() -> Iterator[tuple[str, str, Path]]:
    """Kind, root and place of the mounted hierarchies that can limit memory (``proc(5)``, mountinfo)."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
            yield kind, before.split(" ")[3], Path(before.split(" ")[4])
