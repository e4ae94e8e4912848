"""Can the measuring be believed? Tries on loaders whose true ratio is known.

    python tests/trust.py --tries 40 --json trust.json

Not a test: it takes some minutes and wants a quiet machine. Three answers: how often the 95 %
interval of the ratio of a loader to itself covers 1; whether a loader made 10 % slower shows as
that; and what the timed loop itself costs of a batch of 12 x 1024.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from pathlib import Path
from typing import Any

from loadstone.harness.inquiry import Inquiry
from loadstone.harness.jobs.speed import Passes, run_slot
from loadstone.harness.launch import Launcher
from loadstone.harness.machine import describe_machine
from loadstone.harness.measuring import Measurer
from loadstone.harness.settings import Settings
from loadstone.harness.subjects import select
from loadstone.loaders.library_text import write_text_corpus
from loadstone.suites.throughput import ratio

HERE = Path(__file__).with_name("slowed.py")
SHAPE = (12, 1024)
SLOWER = 1 / 1.1


def ratios(tries: int, effort: str) -> dict[str, list[tuple[float, float, float]]]:
    """Ratios with their intervals once a try: twin to loader, and slower to as fast, both in a generator."""
    found: dict[str, list[tuple[float, float, float]]] = {"twin": [], "slower": []}
    refs = select(("in_memory", *(f"{HERE}:{name}" for name in ("twin", "through", "slower"))))
    with Launcher() as launcher:
        launcher.start()
        opened = [Inquiry(launcher).open(ref, {"shape": "fixed"}, {}) for ref in refs]
        corpus = write_text_corpus(launcher.folder / "text", 3_000_000)
        for number in range(tries):
            measurer = Measurer(launcher, corpus, Settings(effort=effort, seed=number))
            rows = [row for row, _ in measurer.throughput(opened, SHAPE).values()]
            found["twin"].append(ratio(rows[1], rows[0]))
            found["slower"].append(ratio(rows[3], rows[2]))
    return found


def own_cost(rounds: int = 15) -> list[float]:
    """Nanoseconds the timed loop takes for a batch that costs nothing to make."""
    found = []
    for _ in range(rounds):
        slot = run_slot(Passes((), itertools.repeat(())), 1, lambda _: 1, 0.2)
        found.append(slot.seconds / slot.tokens * 1e9)
    return found


def main() -> None:
    """Print the three answers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tries", type=int, default=40)
    parser.add_argument("--effort", default="quick")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    cost = own_cost()
    print(
        f"own cost: {statistics.median(cost):.0f} ns a batch "
        f"({min(cost):.0f}-{max(cost):.0f}, n = {len(cost)} rounds)"
    )
    found = ratios(given.tries, given.effort)
    told: dict[str, Any] = {
        "machine": dict(describe_machine().identity),
        "effort": given.effort,
        "own_cost_ns": cost,
        "ratios": found,
    }
    for name, true in (("twin", 1.0), ("slower", SLOWER)):
        covered = sum(low <= true <= high for _, low, high in found[name])
        middles = [middle for middle, _, _ in found[name]]
        widths = [high / low - 1 for _, low, high in found[name]]
        print(
            f"{name}: the interval covers {true:.3f} in {covered} of {len(middles)} tries; ratio "
            f"{statistics.median(middles):.4f} ({min(middles):.4f}-{max(middles):.4f}), "
            f"interval {statistics.median(widths):.1%} wide"
        )
    if given.json:
        given.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
