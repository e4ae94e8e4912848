"""The plan for resuming: where states are taken, and from which of them a fresh process begins.

Bugs live in the second generation, at the edges of epochs, and right after a restore, so those
are planned, not only a save in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ..loaders.traits import Traits
from .scenario import CorpusRef, Scenario
from .trace import Trace

BASE = "saves"
MOST_PLACES = 200
PASSES = 3  # epochs 0, 1 and 2
ENDLESS_BATCHES = 34
TAIL = 16  # batches a restored loader is followed for
SECOND = (2, 4)  # batches after a restore at which a state is taken again
BREAK_AT = 5
END_ALONE = "resume/end-alone"


def base(traits: Traits, first: Scenario, corpus: CorpusRef, stride: int = 1) -> Scenario:
    """The uninterrupted stream: a state before the first batch, after every one, and at every end."""
    endless = traits.passes == "endless"
    return msgspec.structs.replace(
        first,
        name=BASE,
        of=BASE,
        corpus=corpus,
        batches=ENDLESS_BATCHES if endless else 4 * TAIL,
        runs=1 if endless else PASSES,
        saves=(0, *(at for at in range(1, MOST_PLACES) if at % stride == 3 % stride)),
        epochs=() if endless else (-1, 1, 2),
        hold=1,
    )


def restored(scenario: Scenario, places: list[tuple[int, int, bool]]) -> Iterator[Scenario]:
    """A fresh process from each place, as (batches received, iteration, whether it had ended)."""
    endless = scenario.runs == 1
    for at, run, ended in places:
        following = run + 1 if ended else run
        epochs = () if endless else (following if ended else -1, following + 1)
        yield msgspec.structs.replace(
            scenario,
            name=name(at, ended),
            batches=TAIL if endless else scenario.batches,
            runs=1 if endless else 2,
            epochs=epochs,
            saves=(0, *SECOND) if at % 4 == 3 else (),
            after=(BASE, at, ended),
        )


def at_end_alone(scenario: Scenario, places: list[tuple[int, int, bool]]) -> Iterator[Scenario]:
    """From the end of the first pass, by a script that sets no epoch: the next pass is to follow."""
    first = [place for place in places if place[2]][:1]
    for at, _, _ in first if scenario.epochs else []:
        yield msgspec.structs.replace(
            scenario, name=END_ALONE, runs=1, epochs=(), saves=(), after=(BASE, at, True)
        )


def name(at: int, ended: bool = False) -> str:
    """Name of the scenario that begins where ``at`` batches were received."""
    return f"resume/{at}{'/end' if ended else ''}"


def second(first: Scenario, trace: Trace) -> Iterator[Scenario]:
    """From states that a restored loader saved: at once, and after a few batches."""
    for saved in trace.saved:
        if saved.ended:
            continue
        # A state saved in a later iteration is followed by a later epoch.
        epochs = (-1, first.epochs[1] + saved.run) if first.epochs else ()
        yield msgspec.structs.replace(
            first,
            name=f"{first.name}+{saved.at}",
            saves=(),
            epochs=epochs,
            after=(first.name, saved.at, False),
        )


def others(scenario: Scenario) -> Iterator[Scenario]:
    """Orders of life: broken off early and then saved; restored when it had already begun."""
    left = msgspec.structs.replace(
        scenario, name="break", runs=1, leave=BREAK_AT, saves=(BREAK_AT,), epochs=()
    )
    yield left
    endless = scenario.runs == 1
    follow = msgspec.structs.replace(
        scenario, saves=(), runs=1, batches=TAIL if endless else scenario.batches, epochs=()
    )
    yield msgspec.structs.replace(follow, name="break/resumed", after=("break", BREAK_AT, False))
    yield msgspec.structs.replace(follow, name="late", load="late", after=(BASE, 3, False))


def topology(scenario: Scenario, traits: Traits) -> Iterator[Scenario]:
    """Two ranks that save at uneven progress, restored each from its own; and into other shapes."""
    if traits.ranks in ("disjoint", "sampled"):
        for rank, at in ((0, 2), (1, 3)):
            config = {**scenario.config, "rank": rank, "world_size": 2}
            saved = msgspec.structs.replace(
                scenario, name=f"saves/rank{rank}", config=config, saves=(at,), runs=1, epochs=()
            )
            yield saved
            yield msgspec.structs.replace(
                saved, name=f"resume/rank{rank}", saves=(), after=(saved.name, at, False)
            )
        alone = {**scenario.config, "rank": 0, "world_size": 1}
        yield msgspec.structs.replace(
            scenario, name="resume/other-world", config=alone, saves=(), runs=1, epochs=(),
            after=("saves/rank0", 2, False),
        )  # fmt: skip
    longer = {**scenario.config, "seq_len": int(scenario.config["seq_len"]) + 3}
    yield msgspec.structs.replace(
        scenario,
        name="resume/other-length",
        config=longer,
        saves=(),
        runs=1,
        epochs=(),
        after=(BASE, 3, False),
    )
