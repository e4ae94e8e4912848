"""Ask correct loaders at many seeds, sizes and shapes: not one of them may be accused.

    python tests/sweep.py --runs 20

Not a test: it takes an hour, of which loaders with worker processes take most. A line is kept of each
check as it is done, and one that is there is not run again. Each run has a seed and a (B, T) of its own,
resumes at every, every second or every third batch, and with its shape come corpora of its own sizes,
exactly k*B*T tokens, one less, and one and two more among them. Of the foreign loaders what
docs/adapters.md says of them is expected: no other family may fail.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from loadstone.harness.inquiry import Inquiry
from loadstone.harness.launch import Launcher
from loadstone.harness.subjects import find
from loadstone.reports.progress import Progress
from loadstone.suites.scenarios import Shape
from power_page import kept
from test_adapters import told
from test_correct_loaders import BUILT_INS

SHAPES = (
    (1, 1), (1, 2), (2, 1), (1, 16), (3, 7), (4, 16), (5, 13), (7, 3), (8, 8), (1, 127),
    (2, 61), (16, 4), (13, 11), (32, 16), (6, 32), (3, 100), (64, 2), (9, 9), (17, 5), (4, 64),
)  # fmt: skip
DEADLINE_S = 20.0
RESULTS = Path(__file__).parent.parent / "docs" / "results" / "sweep.jsonl"


def shape_of(run: int) -> Shape:
    """The shape and seed of one run."""
    batch_size, seq_len = SHAPES[run % len(SHAPES)]
    return Shape(batch_size, seq_len, seed=1000 + 7 * run, stride=1 + run % 3)


def ask(inquiry: Inquiry, subject: str, shape: Shape) -> dict[str, str]:
    """Checks that failed or broke, with what they said."""
    opened = inquiry.open(find(subject), {}, {})
    findings, _ = inquiry.check(opened, shape)
    return {f.id: f"{f.reason} | {f.diagnosis}" for f in findings if f.verdict in ("fail", "unknown")}


def subjects() -> dict[str, set[str]]:
    """Built-ins in all their modes and foreign loaders, each with the checks it is known to fail."""
    known: dict[str, set[str]] = {name: set() for name in BUILT_INS}
    return known | dict(told())


def run_all(todo: list[tuple[int, str]], results: Path, at_once: int) -> None:
    """Ask them, a few at a time, and write a line for each as it is done."""
    known, idle, lock = subjects(), SimpleQueue[Inquiry](), threading.Lock()

    def one(place: tuple[int, str]) -> None:
        run, subject = place
        inquiry, shape, began = idle.get(), shape_of(run), time.monotonic()
        progress.step(f"run {run} {subject}")
        try:
            found = ask(inquiry, subject, shape)
        finally:
            idle.put(inquiry)
        families = {check.partition(".")[0] for check in known.get(subject, ())}
        accused = {check: said for check, said in found.items() if check.partition(".")[0] not in families}
        seconds = round(time.monotonic() - began, 1)
        size = {"batch_size": shape.batch_size, "seq_len": shape.seq_len, "seed": shape.seed}
        entry = {"run": run, "subject": subject, **size, "seconds": seconds, "accused": accused}
        with lock:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            progress.advance()

    with ExitStack() as stack:
        file = stack.enter_context(results.open("a", encoding="utf-8"))
        progress = stack.enter_context(Progress(len(todo)))
        for launcher in [stack.enter_context(Launcher()) for _ in range(at_once)]:
            launcher.start()
            idle.put(Inquiry(launcher, DEADLINE_S))
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(one, todo))


def tell(entries: list[dict[str, Any]]) -> int:
    """Print each accusation and what each loader took; how many there are."""
    for entry in entries:
        for check, said in sorted(entry["accused"].items()):
            where = f"run {entry['run']} B={entry['batch_size']} T={entry['seq_len']}"
            print(f"{where} {entry['subject']} {check}: {said}")
    names = list(dict.fromkeys(entry["subject"] for entry in entries))
    for name in names:
        took = [entry["seconds"] for entry in entries if entry["subject"] == name]
        print(f"{name}: {len(took)} runs, {statistics.median(took):.1f} s each ({max(took):.0f} at most)")
    wrong = sum(len(entry["accused"]) for entry in entries)
    print(f"{wrong} accusations in {len(entries)} checks of {len(names)} loaders")
    return wrong


def main() -> int:
    """Run what is not done yet, and print each accusation that is not expected."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("only", nargs="*", help="subjects, where not all")
    given = parser.parse_args()
    done = {(entry["run"], entry["subject"]) for entry in kept(given.results)}
    chosen = given.only or [name for name in subjects() if "hf_" not in name]  # which is an extra of its own
    places = [(run, subject) for run in range(given.runs) for subject in chosen]
    run_all([place for place in places if place not in done], given.results, given.at_once)
    return bool(tell(kept(given.results)))


if __name__ == "__main__":
    sys.exit(main())
