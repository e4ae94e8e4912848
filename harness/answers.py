"""What children answer when they are asked, and what is asked of them: plain structs, known to both sides.

They stand apart from the jobs that send them, whose libraries the parent has no need of: loading torch
alone takes it a second or more.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..reports.document import MemorySeries, Survivor
from ..suites.throughput import Facts
from ..suites.trace import Tensor

WAITING = 4  # seconds on the clock for each of processor time, in a :class:`Stretch`


class OptionSheet(msgspec.Struct):
    """An option as plain data."""

    default: Any
    meaning: str
    choices: list[Any]


class Described(msgspec.Struct):
    """What a subject states, as plain data; ``error`` is the sentence if it cannot be opened."""

    error: str = ""
    stated: bool = False
    traits: dict[str, Any] = {}
    options: dict[str, Any] = {}
    known: dict[str, OptionSheet] = {}
    modes: list[str] = []


class Found(msgspec.Struct):
    """Why there is no such device, in the library's words; empty if there is."""

    problem: str = ""


class Sample(msgspec.Struct):
    """One batch, or why there is none."""

    facts: Facts
    problem: str = ""
    form: str = ""
    x: Tensor | None = None
    y: Tensor | None = None
    mask: Tensor | None = None


class Begun(msgspec.Struct):
    """Start-up and first batch of one subject; None where the files could not be evicted."""

    facts: Facts | None = None


class Stretch(msgspec.Struct):
    """What to do next: go on to batch ``until``, with a sample every so many.

    ``seconds`` of processor time at most are spent in all stretches together, and so many times as
    much on the clock, so that a machine that is busy gets no other verdict.
    """

    until: int
    every: int
    seconds: float


class Sampled(msgspec.Struct):
    """The samples of a stretch.

    Attributes:
        facts: how the loader opened.
        buffered: bytes declared as held, at each sample; empty where nothing is declared.
        missing: a measure that this system does not offer.
        ended: why there will be no more: what the loader raised.
        late: whether the time was over before the last batch.
    """

    facts: Facts
    series: MemorySeries = msgspec.field(default_factory=MemorySeries)
    buffered: list[int] = []
    missing: str = ""
    ended: str = ""
    late: bool = False


class Given(msgspec.Struct):
    """File-backed bytes that went when their pages were given back; None where no file is mapped."""

    given_back: int | None = None


class Named(msgspec.Struct):
    """The lines, those with most bytes first; ``reason`` says why there are none."""

    survivors: list[Survivor] = []
    reason: str = ""
    seconds: float = 0.0


class Peak(msgspec.Struct):
    """Resident memory at its most, beyond what the process began with, bytes; None if not known."""

    grown_bytes: int | None = None
