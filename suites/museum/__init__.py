"""Defective loaders, one for each real bug: each must be caught by the check it names.

Beside them the guards: correct loaders that look suspicious, none of which may be accused. Every
one is a few lines away from a correct base (:mod:`.token_bases`, :mod:`.row_bases`), so that the
defect is what one sees.
"""

from __future__ import annotations

import importlib

from .entry import ENTRIES, Entry

MODULES = (
    "shift", "contract", "shapes", "widths", "coverage", "windows", "endings",
    "determinism", "masks", "pairs", "aliasing", "combined", "guards",
    "documents", "conversations", "lifetime", "learning", "accounting", "epochs", "repeats",
    "resume", "ranks", "shared", "workers", "spooled", "transfer", "transfer_guards", "memory",
    "resources",
)  # fmt: skip


def everything() -> list[Entry]:
    """Defects and guards, in the order of their files, whichever of these was imported first."""
    files = [importlib.import_module(f".{name}", __name__).__name__ for name in MODULES]
    return sorted(ENTRIES, key=lambda entry: files.index(entry.factory.partition(":")[0]))


def entries() -> list[Entry]:
    """The defective loaders: each of its checks must fail."""
    return [entry for entry in everything() if entry.checks]


def correct_loaders() -> list[Entry]:
    """The correct loaders that must not be accused of anything."""
    return [entry for entry in everything() if not entry.checks]


__all__ = ["Entry", "correct_loaders", "entries", "everything"]
