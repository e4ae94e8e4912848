"""One subject of a gate: both of its sides, and what was measured of them so far."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence

from . import waivers
from .dueling import Pair
from .gating_limits import Limits
from .inquiry import Opened


@dataclasses.dataclass
class Contest:
    """One subject on both sides.

    Attributes:
        opened: base and head as they describe themselves.
        pairs: what was measured so far.
        settled: how many pairs each measure was decided by; a decision stands, whatever comes after.
        began: when measuring began, seconds of the monotonic clock.
    """

    name: str
    opened: dict[str, Opened]
    limits: Limits
    waived: Sequence[waivers.Waiver]
    pairs: list[Pair] = dataclasses.field(default_factory=list)
    settled: dict[str, int] = dataclasses.field(default_factory=dict)
    began: float = 0.0
    seconds: float = 0.0

    def samples(self) -> dict[str, list[float]]:
        """The logs of head over base, one a pair, of everything that is judged, until it was decided."""
        found: dict[str, list[float]] = {name: [] for name in self.limits.timed()}
        for pair in self.pairs:
            for name, value in pair.ratios().items():
                if name in found and len(found[name]) < self.settled.get(name, len(self.pairs)):
                    found[name].append(value)
        return found

    def words(self) -> str:
        """How far it is, for the progress."""
        speeds = self.samples().get("speed", [])
        middle = f", head / base {math.exp(statistics.median(speeds)):.3f}" if speeds else ""
        return f"{len(self.pairs)} pairs of processes{middle}"
