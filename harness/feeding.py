"""Measuring how well loaders feed an emulated accelerator: plain, and behind a background thread."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from ..loaders.prefetch import kind
from ..reports.document import Feeding
from ..suites.feeding import Fed, feeding_row, unfed
from ..suites.throughput import Facts
from .contender import Contender
from .leaks import START_DEADLINE_S
from .measuring import Measurer, Tell

if TYPE_CHECKING:
    from .inquiry import Opened

DEPTHS = (0, 2)  # the plain loader, and the default of Prefetch


class Feedings(msgspec.Struct):
    """The feeding rows of one subject, and what was seen of it before; as the journal keeps it."""

    rows: list[Feeding] = []
    facts: list[Facts] = []


class _Feeder(Contender):
    """One child in the rounds: a subject, or a loader that costs nothing."""

    def __init__(
        self, measurer: Measurer, opened: Opened | None, shape: tuple[int, int], step_s: float, depth: int
    ) -> None:
        lasting = kind(opened.traits.batch, opened.traits.y_batch) if opened else "fresh"
        arguments = measurer.arguments(
            opened, *shape, cpu=measurer.cpu, step_s=step_s, depth=depth, batch=lasting
        )
        limit = measurer.settings.memory_limit
        super().__init__(lambda: measurer.launcher.fork("feeding", arguments, memory_limit=limit))
        self.depth, self.turns = depth, list[Fed]()

    def turn(self, seconds: float, deadline_s: float) -> None:
        """Let it make its steps."""
        answer = self.child.ask(seconds, deadline_s) if self.child else None
        if answer is not None:
            self.turns.append(msgspec.convert(answer, Fed))
            return
        self.fail(len(self.turns))
        self.turns.clear()


def measure_feeding(
    measurer: Measurer, subjects: Sequence[Opened], shape: tuple[int, int], step_s: float, tell: Tell
) -> dict[str, Feedings]:
    """Two rows of every subject at one shape, all of them measured in the same rounds."""
    found = {opened.ref.name: Feedings() for opened in subjects}
    feeders: list[tuple[str, _Feeder]] = []
    for opened in subjects:
        name = opened.ref.name
        reason = measurer.barred(opened)
        if reason:
            found[name] = Feedings([unfed(shape, step_s, depth, reason) for depth in DEPTHS])
            continue
        tell(f"{name}: feeding")
        feeders += [(name, _Feeder(measurer, opened, shape, step_s, depth)) for depth in DEPTHS]
    ceiling = _Feeder(measurer, None, shape, step_s, 0)
    try:
        _rounds(measurer, [feeder for _, feeder in feeders], ceiling, step_s, tell)
    except BaseException:  # interrupted: give no one time to end by itself
        measurer.launcher.abandon()
        raise
    finally:
        for one in (*(feeder for _, feeder in feeders), ceiling):
            one.stop()
    for name, feeder in feeders:
        found[name].rows.append(_row(feeder, shape, step_s, ceiling))
        found[name].facts.append(feeder.facts)
    return found


def _row(feeder: _Feeder, shape: tuple[int, int], step_s: float, ceiling: _Feeder) -> Feeding:
    if not feeder.turns or not ceiling.turns:
        why = feeder.facts.reason or "no round could be measured"
        return unfed(shape, step_s, feeder.depth, why)
    return feeding_row(shape, step_s, feeder.depth, feeder.turns, ceiling.turns)


def _rounds(measurer: Measurer, feeders: list[_Feeder], ceiling: _Feeder, step_s: float, tell: Tell) -> None:
    """Turns in a new random order each round, so that drift hits all alike."""
    ceiling.begin(START_DEADLINE_S)
    alive = [one for one in feeders if one.begin(START_DEADLINE_S)]
    order = random.Random(measurer.settings.seed)
    effort = measurer.settings.spent
    deadline_s = measurer.settings.deadline_s + effort.slot_s + 10 * step_s
    for turn in range(effort.rounds):
        tell(f"feeding, round {turn + 1} of {effort.rounds}")
        taking = [ceiling, *alive]
        order.shuffle(taking)
        for feeder in taking:
            feeder.turn(effort.slot_s, deadline_s)
        alive = [one for one in alive if one.running]
