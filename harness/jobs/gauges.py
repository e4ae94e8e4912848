"""Reading this process's memory and resources: from the allocator, Arrow, torch and /proc."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

MADV_DONTNEED = 4
_SHARED_PATHS = ("/dev/shm/", "/memfd:", "/SYSV")
_SHARED = tuple(path.encode() for path in _SHARED_PATHS)
_KINDS = ("RssAnon", "RssFile", "RssShmem", "Threads")


def forget_lookups() -> None:
    """Empty the interpreter's cache of attribute lookups, which keeps each name looked up last alive.

    A name made anew for each batch (``np.cumsum`` of a list makes one, and so does ``getattr(self, f"...")``)
    fills it by 64 bytes or so at a time, up to 4,096 names: a rise that left verdicts undecided.
    Python's documentation of these functions: for releasing references "when hunting for leaks".
    """
    for name in ("_clear_internal_caches", "_clear_type_cache"):  # the first since Python 3.13
        clear = getattr(sys, name, None)
        if clear is not None:
            clear()
            return


def live_bytes() -> int:
    """Bytes in use by the allocator, mapped blocks included; without mallinfo2, anonymous memory."""
    if hasattr(psutil, "heap_info"):
        heap = psutil.heap_info()
        return int(heap.heap_used + heap.mmap_used)
    return status()[0]


def missing_measure() -> str:
    """The measure that this system lacks; empty if none."""
    return "" if hasattr(psutil, "heap_info") else "mallinfo2"


def arrow_bytes() -> int:
    """Bytes held by Arrow's default pool, if Arrow is loaded."""
    if "pyarrow" not in sys.modules:
        return 0
    import pyarrow as pa

    return int(pa.default_memory_pool().bytes_allocated())


def pinned_bytes() -> int | None:
    """Page-locked host bytes that torch's allocator holds; None where CUDA is not in use.

    Whether there is a device is not asked: that would load the driver into a process that is watched.
    """
    import torch

    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return None
    return int(torch.cuda.host_memory_stats().get("allocated_bytes.current", 0))


def status() -> tuple[int, int, int, int]:
    """Resident bytes in three kinds (anonymous, file-backed, shared), and the number of threads."""
    found = dict.fromkeys(_KINDS, 0)
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        name, _, rest = line.partition(":")
        if name in found:
            found[name] = int(rest.split()[0]) * (1 if name == "Threads" else 1024)
    return found["RssAnon"], found["RssFile"], found["RssShmem"], found["Threads"]


def descendants() -> list[int]:
    """Process ids below this one."""
    found: list[int] = []
    todo = [os.getpid()]
    while todo:
        pid = todo.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - interns no names, see below
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:  # noqa: PTH123
                    below = list(map(int, file.read().split()))
                found += below
                todo += below
    return found


def census() -> tuple[int, int, int, int]:
    """Open descriptors, mappings, processes below this one, and shared-memory segments of them all.

    A segment counts where one of these processes has it open or mapped, unlinked ones too:
    ``/dev/shm`` itself is the whole machine's.
    """
    below, found = descendants(), set[str]()
    maps = _segments_mapped("self", found)
    files = _segments_open("self", found)
    for pid in below:
        _segments_mapped(str(pid), found)
        _segments_open(str(pid), found)
    return files, maps, len(below), len(found)


def file_mappings() -> int:
    """Mappings of this process that show a file, or anonymous memory that is shared.

    Not the rest: stacks and heaps are mapped and kept by the allocator as threads come and go, and
    neighbours become one, so that over a few uses their number is chance.
    """
    maps = Path("/proc/self/maps").read_bytes()
    return sum(b" /" in line for line in maps.splitlines())


def _segments_mapped(pid: str, found: set[str]) -> int:
    """Put the inodes of mapped segments into ``found``; the number of mappings."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/maps", "rb") as file:  # noqa: PTH123
            maps = file.read()
        if any(kind in maps for kind in _SHARED):
            for line in maps.splitlines():
                if any(kind in line for kind in _SHARED):
                    found.add(line.split(None, 5)[4].decode())
        return maps.count(b"\n")
    return 0


def _segments_open(pid: str, found: set[str]) -> int:
    """The same of open segments; the number of descriptors, less the one needed to list our own."""
    count = 0
    with contextlib.suppress(OSError):
        # Not by Path: it interns every name, and the table of interned strings grows and never shrinks.
        for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            count += 1
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{name}").startswith(_SHARED_PATHS):  # noqa: PTH115
                    found.add(str(os.stat(f"/proc/{pid}/fd/{name}").st_ino))  # noqa: PTH116
    return count - (pid == "self")


def mapped_files() -> dict[str, list[tuple[int, int]]]:
    """Read-only mappings of files that hold no code: path to ``(address, bytes)``."""
    found: dict[str, list[tuple[int, int]]] = {}
    running: set[str] = set()
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        parts = line.split(None, 5)
        if len(parts) < 6 or not parts[5].startswith("/"):
            continue
        start, stop = (int(part, 16) for part in parts[0].split("-"))
        if "x" in parts[1] or "w" in parts[1]:
            running.add(parts[5])
        found.setdefault(parts[5], []).append((start, stop - start))
    return {path: ranges for path, ranges in found.items() if path not in running}


def give_back(known: Iterable[str]) -> int | None:
    """Give the resident pages of data files back to the system; bytes of file-backed memory that went.

    Only files that are mapped read-only, and were not among those ``known`` before the loader was
    opened, so that libraries keep theirs. None where no such file is mapped.
    """
    there = [ranges for path, ranges in mapped_files().items() if path not in set(known)]
    if not there:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    before = status()[1]
    for start, size in (one for ranges in there for one in ranges):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), MADV_DONTNEED)
    return before - status()[1]
