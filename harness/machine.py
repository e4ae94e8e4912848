"""What machine this is: identity (must match to compare two runs) and notes (may differ)."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil

from ..reports.document import Machine
from .versions import LIBRARIES, version

PREFIX = "LOADSTONE_"


def describe_machine() -> Machine:
    """Processor, memory, system and library versions; no host or user names."""
    identity: dict[str, Any] = {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "gpu": gpu(),
    }
    notes = {
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "loadstone": version("loadstone"),
        "load_1min": round(os.getloadavg()[0], 2),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not known",
        "environment": {k: v for k, v in sorted(os.environ.items()) if k.startswith(PREFIX)},
    }
    return Machine(identity=identity, notes=notes)


def processor() -> str:
    """The processor's model name."""
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "not known"


def gpu() -> str:
    """Names of the NVIDIA devices, asked of the driver's own tool; "none" without it."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "none"
    return ", ".join(done.stdout.split("\n")).strip(", ") or "none"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
