"""Scenarios that only make sense once another was seen: indices, states, and what follows them."""

from __future__ import annotations

import msgspec

from ..loaders.traits import Traits
from . import living, resuming
from .corpora import corpus_of, random_corpus
from .scenario import Scenario
from .scenarios import Shape
from .trace import Trace


def follow_up(traits: Traits, shape: Shape, scenario: Scenario, trace: Trace) -> list[Scenario]:
    """The scenarios to ask now that this one was seen; none for most."""
    if scenario.name == "pass":
        return [*_by_index(scenario, trace), *_states(traits, shape, scenario, trace)]
    if scenario.name == resuming.BASE and trace.saved:
        found = [(saved.at, saved.run, saved.ended) for saved in trace.saved]
        last = len(trace.good)
        return [
            *resuming.restored(scenario, [place for place in found if place[0] < last or place[2]]),
            *resuming.at_end_alone(scenario, found),
            *resuming.others(scenario),
            *resuming.topology(scenario, traits),
        ]
    if scenario.name.startswith("resume/") and scenario.saves:
        return list(resuming.second(scenario, trace))
    if scenario.name == "probe/living":
        return list(living.longer(scenario, trace))
    return []


def _by_index(first: Scenario, trace: Trace) -> list[Scenario]:
    if "__getitem__" not in trace.notes.get("methods", []):
        return []
    asked = {"index": (0, 1, 2, 5, 2, 1, 0), "index/alone": (5,), "index/late": tuple(range(6)) * 25}
    return [msgspec.structs.replace(first, name=name, index=index, runs=1) for name, index in asked.items()]


def _states(traits: Traits, shape: Shape, first: Scenario, trace: Trace) -> list[Scenario]:
    """The uninterrupted stream with a state after every batch, where resume is promised."""
    offered = {"state_dict", "load_state_dict"} <= set(trace.notes.get("methods", []))
    if not offered or traits.resume in (None, "none"):
        return []
    if traits.targets == "paired":
        lengths = tuple(4 + (i * 7) % 17 for i in range(10 * shape.batch_size + 3))
        corpus = corpus_of(documents=lengths, row_group=8)
    else:
        corpus = random_corpus(min(10 * shape.tokens + 7, 40_000), row_group=2)
    return [resuming.base(traits, first, corpus, shape.stride)]
