"""A child that delivers when told to, as those who measure see it."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ..suites.throughput import Facts, Slot
from .children import Child

T = TypeVar("T")


class Contender:
    """One child in the rounds of a throughput measurement."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.facts = Facts()
        self.slots: list[Slot] = []
        self.running = False

    def begin(self, deadline_s: float) -> bool:
        """Wait until it has delivered its first batches; False if it will not be measured."""
        facts = _receive(self.child, deadline_s, Facts)
        if facts is None:
            self.facts = Facts(reason=f"gave no batch that can be timed ({self.child.fate()})", broke=True)
        else:
            self.facts = facts
        self.running = facts is not None and not facts.reason
        return self.running

    def slot(self, seconds: float, deadline_s: float) -> None:
        """One turn."""
        answer = self.child.ask(seconds, deadline_s + seconds)
        if answer is None:
            self.running = False
            self.facts.reason = f"stopped delivering after {len(self.slots)} rounds ({self.child.fate()})"
            self.facts.broke = True
            self.slots.clear()
        else:
            self.slots.append(msgspec.convert(answer, Slot))


def _receive(child: Child, deadline_s: float, kind: type[T]) -> T | None:
    answer = child.hear(deadline_s)
    return None if answer is None else msgspec.convert(answer, kind)


def one_answer(child: Child, deadline_s: float, kind: type[T]) -> T | None:
    """The only message of a child, which ends after it; None if it ended without one."""
    answer = _receive(child, deadline_s, kind)
    child.stop()
    return answer
