"""Which scenario comes next, what it begins from, and when there is no hope in going on."""

from __future__ import annotations

from collections.abc import Mapping

from ..suites.scenario import Scenario
from ..suites.trace import Trace

MOST_HANGS = 2  # scenarios that pass their deadline before the rest is left out


def next_group(todo: list[Scenario]) -> list[Scenario]:
    """Take the next scenario from the list, with those that run at the same time."""
    first = todo.pop(0)
    others = [one for one in todo if first.together and one.together == first.together]
    for one in others:
        todo.remove(one)
    return [first, *others]


def state_before(scenario: Scenario, traces: Mapping[str, Trace]) -> bytes | None:
    """The state a scenario begins from: empty for none needed, None if it was never saved."""
    if scenario.after is None:
        return b""
    name, at, ended = scenario.after
    saved = traces[name].state(at, ended) if name in traces else None
    return saved.state or None if saved is not None else None


def hung_there(scenario: Scenario, traces: Mapping[str, Trace]) -> bool:
    """Whether it would be sent to a device, and the subject hung when it was before."""
    return bool(scenario.schedule) and any(
        trace.scenario.schedule and trace.end.how == "deadline" for trace in traces.values()
    )


def hopeless(traces: Mapping[str, Trace]) -> bool:
    """Whether every further scenario would only wait for the same end."""
    hung = sum(trace.end.how == "deadline" and not trace.scenario.schedule for trace in traces.values())
    first = traces.get("pass")
    return hung >= MOST_HANGS or (first is not None and first.broke and not first.batches)
