"""Words of the command line that need reading."""

from __future__ import annotations

import re

from ..errors import UsageError

_UNITS = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "kib": 2**10, "m": 10**6, "mb": 10**6, "mib": 2**20,
          "g": 10**9, "gb": 10**9, "gib": 2**30}  # fmt: skip
LEAST = 1 << 20  # bytes


def memory_size(word: str | None) -> int:
    """Bytes from ``2GiB``, ``512m`` or a plain number; 0 for None.

    >>> memory_size("1.5GiB")
    1610612736

    Raises:
        UsageError: no number, an unknown unit, or a size in which nothing could run.
    """
    if word is None:
        return 0
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", word)
    if match is None or match[2].lower() not in _UNITS:
        raise UsageError(
            f"--memory-limit {word!r} is no size; write it as 2GiB, 512MiB or a number of bytes."
        )
    size = int(float(match[1]) * _UNITS[match[2].lower()])
    if size < LEAST:
        raise UsageError(f"--memory-limit {word!r} is {size} bytes, with which nothing runs; was GiB meant?")
    return size


def name_value(option: str, word: str) -> tuple[str, str]:
    """A pair from ``name=value``.

    Raises:
        UsageError: no equals sign.
    """
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise UsageError(f"{option} {word!r} has no value; write it as name=value.")
    return name, value
