"""Which processes the tests have started, and whether one is gone."""

from __future__ import annotations

import psutil


def ours() -> list[str]:
    """Processes that this one and its zygotes started, the zygotes left out."""
    told = []
    for process in psutil.Process().children(recursive=True):
        try:
            line = " ".join(process.cmdline())
            # A child of a zygote has the zygote's own command line, but another parent.
            forked = process.ppid() != psutil.Process().pid
            if forked or "loadstone.harness.zygote" not in line:
                told.append(f"{process.pid} {process.status()} {line}")
        except psutil.NoSuchProcess:
            continue
    return told


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
