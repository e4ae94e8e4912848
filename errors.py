"""Every error Loadstone raises, in one tree; the ground floor, which imports none of the rooms.

    LoadstoneError                 exit code 3: our own fault
    ├── UsageError                 exit code 4: the command or the input was wrong
    │   ├── SubjectError           a loader that cannot be found or imported
    │   ├── TraitError             a trait or a value that does not exist
    │   └── DataError              data that cannot be read as what it claims to be
    └── NothingSelectedError       exit code 5: the command asked for nothing

A message says what was wrong, the value, the likely cause and what to do, in one sentence or two.
What goes wrong inside a loader is never raised through this tree: it is that loader's verdict.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 2
EXIT_INTERNAL = 3
EXIT_USAGE = 4
EXIT_NOTHING = 5
EXIT_UNKNOWN = 10


class LoadstoneError(Exception):
    """Base of all; raised itself only when Loadstone is at fault."""

    exit_code = EXIT_INTERNAL


class UsageError(LoadstoneError):
    """An option, a value or a file given by the user is wrong."""

    exit_code = EXIT_USAGE


class SubjectError(UsageError):
    """A subject cannot be found, imported or called as a loader."""


class TraitError(UsageError):
    """A trait, or a value of one, that Loadstone does not know."""


class DataError(UsageError):
    """A file or folder of data that cannot be read as what it claims to be."""


class NothingSelectedError(LoadstoneError):
    """The selection (a filter, an ``--only``) left nothing to do."""

    exit_code = EXIT_NOTHING


MOST_NAMED = 40  # of the known words, where none is near


def did_you_mean(word: str, known: Iterable[str], noun: str = "") -> str:
    """Return a clause that names the nearest known words, or the first of all when none is near.

    >>> did_you_mean("memmap_persistant", ["in_memory", "memmap_persistent"])
    "did you mean 'memmap_persistent'?"
    """
    choices = sorted(set(known))
    near = difflib.get_close_matches(word, choices, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(repr(name) for name in near) + "?"
    if not choices:
        return f"there are no {noun or 'names'} to choose from."
    more = f" and {len(choices) - MOST_NAMED} more" if len(choices) > MOST_NAMED else ""
    return f"known {noun or 'names'}: " + ", ".join(choices[:MOST_NAMED]) + f"{more}."
