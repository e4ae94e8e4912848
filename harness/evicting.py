"""Asking the kernel to forget the pages of files, and seeing whether it has."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import numpy as np

EVICTED = 0.98  # of the pages: the kernel keeps one it is busy with


def evict_all(folder: Path) -> float:
    """Evict every file below a folder; the share that is gone of the one that kept most, 0 for no file.

    It costs nobody more than reading the files again; still, data of the user is evicted only where
    ``--memory-limit`` was asked for, since pages in memory already are charged to nobody under a limit.
    """
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    return min(map(evict, files), default=0.0)


def evict(path: Path) -> float:
    """Ask the kernel to forget a file's pages; the share that is gone (a mapped page stays)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # only clean pages can go
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapping:
            return 1.0 - resident(mapping)
    finally:
        os.close(descriptor)


def resident(mapping: mmap.mmap) -> float:
    """Share of a map's pages that are in memory."""
    pages = -(-len(mapping) // mmap.PAGESIZE)
    there = (ctypes.c_ubyte * pages)()
    array = np.frombuffer(mapping, np.uint8)
    address, length = array.ctypes.data, ctypes.c_size_t(len(mapping))
    del array  # a map that is looked at cannot be closed
    if ctypes.CDLL(None, use_errno=True).mincore(ctypes.c_void_p(address), length, there):
        return 1.0
    return float((np.frombuffer(bytes(there), np.uint8) & 1).mean())
