"""A child that delivers when told to, as those who measure see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from ..suites.throughput import Facts, Slot
from .children import Child

QUICK_START_S = 1.0  # a process that takes longer to start serves all rounds
T = TypeVar("T")


class Contender:
    """One subject, or one limit, in the rounds of a measurement; its child is begun when its turn comes.

    Attributes:
        child: the process that delivers now; None before the first.
        facts: what was seen before the first timed batch, in the first process.
        running: whether it is still measured.
        started_s: seconds the last process took until it was ready.
    """

    def __init__(self, fork: Callable[[], Child]) -> None:
        self._fork = fork
        self.child: Child | None = None
        self.facts = Facts()
        self.running = False
        self.started_s = 0.0

    def begin(self, deadline_s: float) -> bool:
        """Wait until it has delivered its first batches; False if it will not be measured."""
        facts = self._start(deadline_s)
        if facts is None:
            self.facts = Facts(reason=f"gave no batch that can be timed ({self.fate()})", broke=True)
        else:
            self.facts = facts
        self.running = facts is not None and not facts.reason
        return self.running

    def _start(self, deadline_s: float) -> Facts | None:
        began = time.monotonic()
        self.child = self._fork()
        facts = _receive(self.child, deadline_s, Facts)
        self.started_s = time.monotonic() - began
        return facts

    def fail(self, rounds: int, why: str = "") -> None:
        """Measure it no further."""
        self.running = False
        self.facts.reason = f"stopped delivering after {rounds} rounds ({why or self.fate()})"
        self.facts.broke = True

    def fate(self) -> str:
        """How its process ended, in words."""
        return self.child.fate() if self.child else "not begun"

    @property
    def late(self) -> bool:
        """Whether its process let a deadline pass."""
        return self.child is not None and self.child.late

    def stop(self) -> None:
        """End its process, if there is one."""
        if self.child:
            self.child.stop()


class Racer(Contender):
    """One that is timed in a new process each round.

    Two processes of the same loader differ, by where their memory happens to lie, and do so in all of their
    turns. An interval from the turns of one process leaves that out and is too narrow (Kalibera and Jones,
    "Rigorous benchmarking in reasonable time", 2013, https://kar.kent.ac.uk/33611/).

    Attributes:
        slots: one for each round.
        processes: how many it took; one in all where its start takes longer than :data:`QUICK_START_S`.
    """

    def __init__(self, fork: Callable[[], Child]) -> None:
        super().__init__(fork)
        self.slots: list[Slot] = []
        self.processes = 1
        self._ended = False

    def slot(self, seconds: float, deadline_s: float) -> None:
        """One turn, in a new process where the last one was ended."""
        broke = self._renew(deadline_s) if self._ended else ""
        answer = self.child.ask(seconds, deadline_s + seconds) if self.child and not broke else None
        if answer is None:
            self.fail(len(self.slots), broke)
            self.slots.clear()
            return
        self.slots.append(msgspec.convert(answer, Slot))
        self._ended = self.started_s <= QUICK_START_S
        if self._ended:
            self.stop()

    def _renew(self, deadline_s: float) -> str:
        """Start the next process; why it cannot be measured, where the subject says so."""
        self.processes += 1
        facts = self._start(deadline_s)
        return facts.reason if facts else ""


def _receive(child: Child, deadline_s: float, kind: type[T]) -> T | None:
    answer = child.hear(deadline_s)
    return None if answer is None else msgspec.convert(answer, kind)


def one_answer(child: Child, deadline_s: float, kind: type[T]) -> T | None:
    """The only message of a child, which ends after it; None if it ended without one."""
    answer = _receive(child, deadline_s, kind)
    child.stop()
    return answer
