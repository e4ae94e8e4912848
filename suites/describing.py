"""The plan for describing a loader: what it does is asked without a word of what it states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..loaders.traits import Traits
from . import resuming
from .follow_ups import follow_up
from .inference import passes
from .scenario import Scenario
from .scenarios import Planner, Shape
from .trace import Trace

ALWAYS = ("pass", "again", "draws", "workers")
PLACES = (0, 3, 5)  # batches after which a state is taken and tried
SAVES = 12


def plan_description(options: Mapping[str, Any], known: Mapping[str, Any], shape: Shape) -> list[Scenario]:
    """Scenarios that show traits, the same for every loader."""
    planner = Planner(Traits(), options, known, shape)
    token_files = {one.name: one for one in planner.token_files()}
    promised = {one.name: one for one in planner.promised()}
    always = [one for one in planner.always() if one.name in ALWAYS or one.name.startswith("rank/2")]
    return [*always, *planner.ranks(3), promised["keep-last"], token_files["separators"]]


def follow_description(shape: Shape, scenario: Scenario, trace: Trace) -> list[Scenario]:
    """States and what follows from them, where the loader offers any."""
    if scenario.name == "pass":
        told = Traits(passes=passes(trace), resume="exact")
        planned = follow_up(told, shape, scenario, trace)
        return [
            msgspec.structs.replace(one, saves=tuple(range(SAVES))) for one in planned
            if one.name == resuming.BASE
        ]  # fmt: skip
    if scenario.name == resuming.BASE:
        states = [(saved.at, saved.run, saved.ended) for saved in trace.saved]
        places = [one for one in states if one[0] in PLACES and not one[2] and one[0] < len(trace.good)]
        return [msgspec.structs.replace(one, saves=()) for one in resuming.restored(scenario, places)]
    return []
