"""The smallest counterexample: batch, row and corpus made as small as a failure allows.

The search is the integer half of what property-based testing calls shrinking (Hypothesis, "the
simplest failing example"): each size is set to 1 if that still fails, else halved towards the
largest value that does not, and the sizes are gone through again until none gets smaller.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ..reports.document import Finding
from .evidence import Evidence, Missing
from .scenario import Scenario
from .trace import Trace

SHOWN = 12  # cells of the row that is shown
NAMES = {-2: "special", -1: "unknown"}


class SpentError(Exception):
    """No further case may be tried: time is up."""


@dataclasses.dataclass(frozen=True)
class Case:
    """How large a case is: B, T, documents in the corpus, tokens in the longest of them."""

    batch_size: int
    seq_len: int
    documents: int
    longest: int

    @classmethod
    def of(cls, scenarios: Sequence[Scenario]) -> Case:
        """The size of some scenarios that are made smaller together."""
        lengths = [n for one in scenarios for n in _lengths(one)]
        return cls(
            max(int(one.config["batch_size"]) for one in scenarios),
            max(int(one.config["seq_len"]) for one in scenarios),
            max((len(one.corpus.spec.get("documents", ())) for one in scenarios), default=0),
            max(lengths, default=0),
        )

    def applied(self, scenario: Scenario) -> Scenario:
        """The scenario at this size: the first documents, each cut to the longest."""
        config = {**scenario.config, "batch_size": self.batch_size, "seq_len": self.seq_len}
        spec = dict(scenario.corpus.spec)
        for split in ("documents", "val_documents"):
            if split in spec:
                spec[split] = tuple(min(n, self.longest) for n in spec[split][: self.documents])
        corpus = msgspec.structs.replace(scenario.corpus, spec=spec)
        return msgspec.structs.replace(scenario, config=config, corpus=corpus)


def _lengths(scenario: Scenario) -> list[int]:
    spec = scenario.corpus.spec
    return [*spec.get("documents", ()), *spec.get("val_documents", ())]


ORDER = ("seq_len", "batch_size", "documents", "longest")


def shrink(start: Case, fails: Callable[[Case], bool]) -> Case:
    """The smallest case found, beginning with one that is known to fail.

    Args:
        start: a case that fails.
        fails: whether another one does; may raise :class:`SpentError` to end the search.

    Returns:
        A case that fails and is no larger in any size. Unless the search was ended, making any one
        of its sizes smaller by one does not fail.
    """
    case = start
    known = {start: True}
    try:
        while True:
            before = case
            for size in ORDER:
                case = _least(case, size, fails, known)
            if case == before:
                return case
    except SpentError:
        return min((one for one, failed in known.items() if failed), key=_sum)


def _least(case: Case, size: str, fails: Callable[[Case], bool], known: dict[Case, bool]) -> Case:
    """The case with one size made as small as it still fails with."""
    low, high, trial = 0, getattr(case, size), 1
    while low < trial < high:
        smaller = dataclasses.replace(case, **{size: trial})
        if smaller not in known:
            known[smaller] = fails(smaller)
        if known[smaller]:
            case, high = smaller, trial
        else:
            low = trial
        trial = (low + high) // 2
    return case


def _sum(case: Case) -> int:
    return sum(dataclasses.astuple(case))


def alike(one: Finding, other: Finding) -> bool:
    """Whether two findings of a check tell of the same failure: equal but for the figures in it."""
    causes = [re.sub(r"\d+", "", finding.diagnosis) for finding in (one, other)]
    return one.verdict == other.verdict == "fail" and causes[0] == causes[1]


def told(finding: Finding, traces: Sequence[Trace], evidence: Evidence) -> tuple[str, dict[str, Any]]:
    """A smallest case in words, and as data for the document."""
    scenario = traces[0].scenario
    lengths = _lengths(scenario)
    config = scenario.config
    size = f"B={config['batch_size']}, T={config['seq_len']}"
    text = f"{size}, {_corpus_words(scenario, lengths)}: {finding.reason}"
    data = {
        "scenario": scenario.name,
        "batch_size": config["batch_size"],
        "seq_len": config["seq_len"],
        "documents": lengths[:SHOWN],
        "tokens": sum(lengths),
        "reason": finding.reason,
        **_row(finding, evidence, scenario.name),
    }
    if "x" in data:
        text += f" (the row: x {' '.join(map(str, data['x']))}; y {' '.join(map(str, data['y']))})"
    return text, data


def _corpus_words(scenario: Scenario, lengths: Sequence[int]) -> str:
    if scenario.corpus.sparse:
        return f"a corpus of {scenario.corpus.sparse} tokens"
    if len(lengths) == 1:
        return f"one document of {lengths[0]} token{'s' if lengths[0] > 1 else ''}"
    return f"{len(lengths)} documents, {sum(lengths)} tokens"


def _row(finding: Finding, evidence: Evidence, name: str) -> dict[str, list[int | str]]:
    """Source positions of the row that the finding points at, where it points at one."""
    place = finding.evidence.get("counterexample", {})
    try:
        cells = evidence.cells(name)
    except Missing:
        return {}
    if "batch" not in place or "row" not in place:
        return {}
    here = (cells.batch == place["batch"]) & (cells.row == place["row"])
    shown = {side: getattr(cells, side)[here][:SHOWN] for side in ("x", "y")}
    return {side: [NAMES.get(int(at), int(at)) for at in places] for side, places in shown.items()}
