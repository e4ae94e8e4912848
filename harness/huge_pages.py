"""Fewer page table entries for a fork to copy: its price is their number, whatever is written later."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path

HUGE = 2 << 20
_MADV_COLLAPSE = 25  # Linux 6.1; whatever /sys/kernel/mm/transparent_hugepage says
_FILLED = 0.5  # of a mapping: a thread's stack is mostly untouched, and is left so


def collapse() -> int:
    """Put this process's private memory into huge pages where the kernel can; returns how many bytes.

    After the libraries are loaded 200 MB lie in 50,000 pages, and each is an entry that a fork copies and an
    exit clears. Nothing changes for a child: the first write to a page takes the huge one apart and copies
    4 KiB of it, as before.
    """
    madvise, done = getattr(ctypes.CDLL(None), "madvise", None), 0
    if madvise is None:
        return 0
    for first, past in _filled():
        for start in range(-(-first // HUGE) * HUGE, past // HUGE * HUGE, HUGE):
            done += madvise(ctypes.c_void_p(start), ctypes.c_size_t(HUGE), _MADV_COLLAPSE) == 0
    return done * HUGE


def _filled() -> Iterator[tuple[int, int]]:
    """First and past-last address of the writable anonymous mappings that are mostly in memory."""
    first = past = 0
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/smaps").read_text(encoding="ascii", errors="replace").splitlines():
            words = line.split()
            if not words[0].endswith(":"):
                wanted = words[1] == "rw-p" and (len(words) == 5 or words[5] == "[heap]")
                first, past = (int(at, 16) if wanted else 0 for at in words[0].split("-"))
            elif words[0] == "Anonymous:" and int(words[1]) * 1024 > _FILLED * (past - first) > 0:
                yield first, past
