"""The results of tests/gate_power.py, and the page made from them."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections.abc import Sequence
from typing import Any

from loadstone.harness.subjects import FIVE
from power_page import bounds, listed

STORED = ("mean", "median", "min")
COMPARE_FAIL = 5.0  # per cent, of pytest-benchmark's rule
Entry = dict[str, Any]  # what is kept of one gate

HEAD = """# What the gate finds, and how often it cries wolf

Made by `tox run -e gate-power` from `results/gate-power.jsonl`; do not edit. Each gate is a whole one between
two commits of a git repository, at a limit of 2 % and 99 % confidence, over the five loaders equally. A/A:
different commits, the same loader. Otherwise every batch's CPU time was made longer by that share, which
shows as a little less where a wait is part of the work. `compare-fail` is pytest-benchmark's rule at 5 %, by
mean, median and minimum, on the rounds of the same gate and on the base's rounds of the gate before it.
"""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One line of the table: gates of each loader, under one load, with one true slow-down."""

    name: str
    slower: float
    load: str
    each: int
    seconds: float
    environments: bool = False


CELLS = (
    Cell("A/A quiet", 0.0, "quiet", 54, 60.0),
    Cell("A/A one core busy", 0.0, "one core busy", 12, 60.0),
    Cell("A/A both cores busy", 0.0, "both cores busy", 12, 60.0),
    Cell("5 % quiet, 20 s", 0.05, "quiet", 22, 20.0),
    Cell("5 % one core busy, 60 s", 0.05, "one core busy", 8, 60.0),
    Cell("5 % both cores busy, 60 s", 0.05, "both cores busy", 12, 60.0),
    Cell("3 % quiet, 60 s", 0.03, "quiet", 12, 60.0),
    Cell("A/A two environments", 0.0, "quiet", 6, 60.0, environments=True),
)


def line_of(cell: Cell, entries: Sequence[Entry]) -> Entry:
    """One line of the table."""
    outcomes = [e["outcome"] for e in entries]
    found: Entry = {
        "cell": cell.name,
        "gates": len(entries),
        **{name: outcomes.count(name) for name in ("regressed", "fine", "inconclusive")},
    }
    if entries:
        measured = [e for e in entries if e["ratio"]]
        found["seconds_median"] = statistics.median(e["whole_s"] for e in entries)
        found["seconds_most"] = max(e["whole_s"] for e in entries)
        found["ratio_median"] = statistics.median(e["ratio"] for e in measured)
        found["ratio_range"] = [min(e["ratio"] for e in measured), max(e["ratio"] for e in measured)]
        found["compare_fail_same_run"] = count([(e, e) for e in measured])
        by_loader = [[e for e in measured if e["loader"] == name] for name in FIVE]
        pairs = [pair for each in by_loader for pair in itertools.pairwise(each)]
        same = [(one, later) for one, later in pairs if one["machine"] == later["machine"]]
        found["compare_fail_stored_run"] = count(same)
    return found


def count(pairs: list[tuple[Entry, Entry]]) -> Entry:
    """How often the stored rule calls a regression: base rounds of the first, head rounds of the second."""
    calls = [stored_rule(first["base"], second["head"]) for first, second in pairs]
    return {"of": len(pairs), **{name: sum(call.get(name, False) for call in calls) for name in STORED}}


def stored_rule(base: dict[str, float], head: dict[str, float]) -> dict[str, bool]:
    """pytest-benchmark's PercentageRegressionCheck: current / compared * 100 - 100 > threshold."""
    return {name: head[name] / base[name] * 100 - 100 > COMPARE_FAIL for name in STORED if base and head}


def page(entries: Sequence[Entry]) -> str:
    """The page, in Markdown."""
    return f"{HEAD}\n{_alarms(entries)}\n\n{_machines(entries)}\n\n{_table(entries)}"


def _alarms(entries: Sequence[Entry]) -> str:
    """Of identical loaders, over all conditions."""
    alike = [e for cell in CELLS if not cell.slower for e in entries if e["cell"] == cell.name]
    same = [e["outcome"] for e in alike]
    wrong, unsure = same.count("regressed"), same.count("inconclusive")
    at_most = bounds(wrong, len(same), "called regressed")
    return (
        f"Called regressed with nothing changed: {wrong} of {len(same)} ({at_most}); inconclusive: {unsure}."
    )


def _machines(entries: Sequence[Entry]) -> str:
    machines = list(dict.fromkeys(listed(entry["machine"]) for entry in entries))
    return "\n".join(f"- Machine: {one}." for one in machines)


def _table(entries: Sequence[Entry]) -> str:
    head = ("What", "Gates", "Regressed", "Fine", "Inconclusive", "Head / base (range)",
            "Seconds, median (most)", "compare-fail, same run", "compare-fail, stored run")  # fmt: skip
    rows = [head, ("---",) * len(head)]
    for line in (line_of(cell, [e for e in entries if e["cell"] == cell.name]) for cell in CELLS):
        if not line["gates"]:
            continue
        low, high = line["ratio_range"]
        rules = [line[key] for key in ("compare_fail_same_run", "compare_fail_stored_run")]
        rows.append((
            line["cell"], str(line["gates"]), str(line["regressed"]), str(line["fine"]),
            str(line["inconclusive"]), f"{line['ratio_median']:.3f} ({low:.3f} to {high:.3f})",
            f"{line['seconds_median']:.1f} ({line['seconds_most']:.0f})",
            *(" / ".join(str(rule[name]) for name in STORED) + f" of {rule['of']}" for rule in rules),
        ))  # fmt: skip
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
