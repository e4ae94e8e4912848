"""Making what failed small: the scenarios of a failed check are asked again at ever smaller sizes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..loaders.traits import Traits
from ..reports.document import Finding
from ..suites.checks import REGISTER
from ..suites.evidence import Evidence
from ..suites.families import judge
from ..suites.scenario import Scenario
from ..suites.shrinking import Case, SpentError, alike, shrink, told
from ..suites.trace import Trace

Ask = Callable[[Sequence[Scenario]], list[Trace]]
MOST_TOGETHER = 4  # scenarios that are made smaller as one


class Shrinker:
    """Finds the smallest case of each failure of one subject, until its time is up.

    Only failures that show in a few scenarios of their own are tried: what is saved in one scenario
    and loaded in the next has its place, after how many batches, in the finding already.
    """

    def __init__(self, ask: Ask, traits: Traits, stated: bool, traces: Mapping[str, Trace]) -> None:
        self.ask, self.traits, self.stated, self.traces = ask, traits, stated, traces
        self.until = 0.0

    def add(self, findings: Sequence[Finding], seconds: float) -> None:
        """Give the failed ones their smallest case."""
        self.until = time.monotonic() + seconds
        for finding in findings:
            if finding.verdict == "fail" and time.monotonic() < self.until:
                self._add(finding)

    def _add(self, finding: Finding) -> None:
        scenarios = self._scene(finding)
        if not scenarios:
            return
        start = Case.of(scenarios)
        tried: dict[Case, tuple[Finding, Evidence]] = {}

        def fails(case: Case) -> bool:
            if time.monotonic() > self.until:
                raise SpentError
            smaller = [case.applied(one) for one in scenarios]
            tried[case] = self._ask(finding.id, smaller)
            return alike(finding, tried[case][0])

        least = shrink(start, fails)
        if least in tried:
            again, evidence = tried[least]
            traces = [evidence.traces[one.name] for one in scenarios]
            finding.smallest, finding.evidence["smallest"] = told(again, traces, evidence)

    def _scene(self, finding: Finding) -> list[Scenario]:
        """The fewest scenarios in which it fails alike."""
        for names in self._groups(finding.id):
            traces = {name: self.traces[name] for name in names}
            [again] = judge(self._evidence(traces), (finding.id,))
            if alike(finding, again):
                return [trace.scenario for trace in traces.values()]
        return []

    def _groups(self, id: str) -> list[list[str]]:  # noqa: A002
        needs = REGISTER[id].needs
        there = [name for name, trace in self.traces.items() if _alone(trace.scenario)]
        wanted = [n for n in there if n in needs or self.traces[n].scenario.of in needs]
        single = [[name] for name in wanted if not self.traces[name].scenario.together]
        with_first = [["pass", name] for name in wanted if name != "pass" and "pass" in there]
        together = {self.traces[name].scenario.together for name in wanted} - {""}
        groups = [[n for n in wanted if self.traces[n].scenario.together == one] for one in sorted(together)]
        return [*single, *with_first, *groups, *([wanted] if len(wanted) <= MOST_TOGETHER else [])]

    def _ask(self, id: str, scenarios: Sequence[Scenario]) -> tuple[Finding, Evidence]:  # noqa: A002
        evidence = self._evidence({trace.scenario.name: trace for trace in self.ask(scenarios)})
        [finding] = judge(evidence, (id,))
        return finding, evidence

    def _evidence(self, traces: Mapping[str, Trace]) -> Evidence:
        return Evidence(self.traits, traces, self.stated)


def _alone(scenario: Scenario) -> bool:
    """Whether it needs nothing from another scenario, and no corpus of its own making."""
    spec = msgspec.to_builtins(scenario.corpus.spec)
    return scenario.after is None and not scenario.saves and bool(spec) and not scenario.probe
