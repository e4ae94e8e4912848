"""Two sides of one subject, timed turn by turn in pairs of processes that are renewed many times.

Both are forks of one process that has loaded the libraries and neither side: two fresh interpreters
with identical code differ by a stable 1.8 %, two forks by 0.3 %, and only many pairs average that out.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ..suites.gating import (
    LEAST_ROUNDS,
    MOST_ROUNDS,
    Turn,
    floored_ratio,
    pair_ratio,
    rounds_wanted,
    sliced,
    slot_batches,
)
from ..suites.throughput import Facts
from .answers import Peak
from .children import Child

SIDES = BASE, HEAD = ("base", "head")
LONGEST_PAIR_S = 0.6  # of turns: where single batches are slow, there are fewer turns
FIRST_FLOOR_S = 1e-3  # of a first batch: less than that does not matter to anybody
PEAK_FLOOR = 8 << 20  # bytes of peak memory
START_DEADLINE_S = 60.0


class Broke(Exception):
    """A side gave no batches; the facts say why, and which side it was."""

    def __init__(self, side: str, facts: Facts) -> None:
        super().__init__(facts.reason)
        self.side, self.facts = side, facts


class Pair(NamedTuple):
    """What one pair of processes gave, base first."""

    turns: tuple[list[Turn], list[Turn]]
    first_s: tuple[float, float]
    peak_bytes: tuple[int | None, int | None]

    def ratios(self) -> dict[str, float]:
        """The logs of head over base, above 0 for worse, of everything that was measured."""
        found = {
            "speed": pair_ratio(*self.turns),
            "first_batch": floored_ratio(*self.first_s, FIRST_FLOOR_S),
        }
        base, head = self.peak_bytes
        if base is not None and head is not None:
            found["peak_memory"] = floored_ratio(base, head, PEAK_FLOOR)
        return found


class Duel:
    """Pairs of processes of one subject.

    Args:
        begin: starts a process of either side, which does the job ``turns``.
        order: decides who goes first, in every pair and every turn.
        deadline_s: until a turn must have ended.
    """

    def __init__(
        self, begin: Mapping[str, Callable[[], Child]], order: random.Random, deadline_s: float
    ) -> None:
        self.begin, self.order, self.deadline_s = begin, order, deadline_s
        self.slices: list[int] = []  # batches in each slice of a turn; found out with the first pair
        self.rounds = self.most_rounds = LEAST_ROUNDS
        self.running: dict[str, Child] = {}

    def pair(self) -> Pair:
        """Renew both processes and let them take turns; raises :class:`Broke`."""
        try:
            facts = {side: self._start(side) for side in self._shuffled()}
            if not self.slices:
                self._fit()
            for side in self._shuffled():
                self._ask(side, sum(self.slices))  # what is done for the first time is not counted
            turns: dict[str, list[Turn]] = {BASE: [], HEAD: []}
            for _ in range(self.rounds):
                for side, turn in self._round().items():
                    turns[side].append(turn)
            peaks = {side: msgspec.convert(self._ask(side, 0), Peak).grown_bytes for side in SIDES}
        except BaseException:  # one that broke, or an interruption: nobody is given time to end by itself
            for child in self.running.values():
                child.late = True
            raise
        finally:
            self.stop()
        self.rounds = min(self.most_rounds, rounds_wanted(turns[BASE], turns[HEAD]))
        first = {side: one.startup_s + one.first_batch_s for side, one in facts.items()}
        return Pair((turns[BASE], turns[HEAD]), (first[BASE], first[HEAD]), (peaks[BASE], peaks[HEAD]))

    def stop(self) -> None:
        """End both processes."""
        for child in self.running.values():
            child.stop()
        self.running.clear()

    def _shuffled(self) -> Sequence[str]:
        return self.order.sample(SIDES, 2)

    def _round(self) -> dict[str, Turn]:
        """One turn of each side, slice by slice in random order."""
        spent = {side: Turn(tokens=0, seconds=0.0) for side in SIDES}
        for batches in self.slices:
            for side in self._shuffled():
                spent[side] += msgspec.convert(self._ask(side, batches), Turn)
        return spent

    def _start(self, side: str) -> Facts:
        child = self.running[side] = self.begin[side]()
        answer = child.hear(START_DEADLINE_S)
        if answer is None:
            raise Broke(side, Facts(reason=f"gave no first batch ({child.fate()})", broke=True))
        facts = msgspec.convert(answer, Facts)
        if facts.reason:
            raise Broke(side, facts)
        return facts

    def _fit(self) -> None:
        """Choose the length of a turn: the longer of what the two sides need."""
        times = {side: self._ask(side, -1) for side in SIDES}
        batches = max(slot_batches(each) for each in times.values())
        batch_us = max(statistics.fmean(each) for each in times.values())
        self.slices = sliced(batches, batch_us)
        turn_s = max(1e-6, 2 * batches * batch_us / 1e6)
        self.most_rounds = max(2, min(MOST_ROUNDS, int(LONGEST_PAIR_S / turn_s)))
        self.rounds = min(self.rounds, self.most_rounds)

    def _ask(self, side: str, question: int) -> Any:
        child = self.running[side]
        answer = child.ask(question, self.deadline_s)
        if answer is None:
            raise Broke(side, Facts(reason=f"stopped delivering ({child.fate()})", broke=True))
        return answer
