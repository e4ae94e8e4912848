"""How much worse is allowed: ``[tool.loadstone.gate]``, and ``--limit`` on the command line.

[tool.loadstone.gate]
speed = "3%"          # of the time for a token
first_batch = false   # not judged
seconds = 120         # spent on a loader at most
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from ..errors import UsageError, did_you_mean
from ..suites.gating import CONFIDENCE

OFF = ("false", "off", "no")
TIMED = ("speed", "first_batch", "peak_memory")  # what pairs of processes tell
SWITCHES = ("checks", "leak")


@dataclasses.dataclass(frozen=True)
class Limits:
    """Shares by which the head may be worse than the base; None for what is not judged.

    Attributes:
        speed: of the time for a token.
        first_batch: of the time from calling the factory to the first batch.
        peak_memory: of the resident memory at its most.
        transfer: of the time of a copy to the device.
        stored: of the share of the limit, against a stored document: two processes of identical code
            differ by a few per cent, which one stored run cannot average out.
        checks: whether a check that newly fails is a regression.
        leak: whether a leak that newly appears is one.
        seconds: spent on the pairs of one loader, at most.
        confidence: of all intervals of a gate together.
    """

    speed: float | None = 0.02
    first_batch: float | None = 0.5
    peak_memory: float | None = 0.1
    transfer: float | None = 0.1
    stored: float | None = 0.1
    checks: bool = True
    leak: bool = True
    seconds: float = 60.0
    confidence: float = CONFIDENCE

    def timed(self) -> dict[str, float]:
        """The limits of what pairs of processes tell."""
        found = {name: getattr(self, name) for name in TIMED}
        return {name: limit for name, limit in found.items() if limit is not None}


NAMES = tuple(field.name for field in dataclasses.fields(Limits))


def read_limits(table: Mapping[str, Any], where: str, base: Limits | None = None) -> Limits:
    """Limits with what a table says of them.

    Raises:
        UsageError: no such limit, or a value that is none.
    """
    for name in table:
        if name not in NAMES:
            raise UsageError(f"{where} has the key {name!r}, which is no limit; {did_you_mean(name, NAMES)}")
    changes = {name: _value(name, value, where) for name, value in table.items()}
    return dataclasses.replace(base or Limits(), **changes)


def _value(name: str, value: Any, where: str) -> Any:
    off = value is False or (isinstance(value, str) and value.lower() in OFF)
    if name in SWITCHES:
        if not off and value not in (True, "true", "on", "yes"):
            raise UsageError(f"{where} sets {name} to {value!r}; it is true or false.")
        return not off
    if name == "seconds":
        return _number(name, value, where, 1.0, 86_400.0)
    if name == "confidence":
        return _number(name, value, where, 0.5, 0.999999)
    return None if off else _number(name, value, where, 0.0, 100.0)


def _number(name: str, value: Any, where: str, least: float, most: float) -> float:
    """A number, or a text such as "2%"."""
    text = str(value).strip()
    try:
        number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        number = math.nan
    if isinstance(value, bool) or not least <= number <= most:
        raise UsageError(
            f"{where} sets {name} to {value!r}, which is no number from {least:g} to {most:g}; "
            'write a share such as 0.02 or "2%".'
        )
    return number
