"""Versions of what a result depends on, without importing any of it."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator

LIBRARIES = ("torch", "numpy", "pyarrow", "tiktoken")


def versions() -> Iterator[tuple[str, str]]:
    """Python, then each library with its installed version."""
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    for name in LIBRARIES:
        yield name, version(name)


def version(name: str) -> str:
    """Installed version of a distribution, without importing it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
