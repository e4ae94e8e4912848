"""Ask correct loaders at many seeds, sizes and shapes: not one of them may be accused.

    python tests/sweep.py --runs 20 --json sweep.json

Not a test: it takes half an hour. Each run has a seed and a (B, T) of its own, resumes at every,
every second or every third batch, and with its shape come corpora of its own sizes, exactly k*B*T
tokens, one less, and one and two more among them. Of the foreign loaders what docs/adapters.md
says of them is expected: no other family may fail.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from loadstone.harness.inquiry import Inquiry
from loadstone.harness.launch import Launcher
from loadstone.harness.subjects import find
from loadstone.suites.scenarios import Shape
from test_adapters import told
from test_correct_loaders import BUILT_INS

SHAPES = (
    (1, 1), (1, 2), (2, 1), (1, 16), (3, 7), (4, 16), (5, 13), (7, 3), (8, 8), (1, 127),
    (2, 61), (16, 4), (13, 11), (32, 16), (6, 32), (3, 100), (64, 2), (9, 9), (17, 5), (4, 64),
)  # fmt: skip
DEADLINE_S = 20.0


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
    return known | {name: fails for name, fails in told() if "hf_" not in name}


def main() -> int:
    """Run it and print each accusation that is not expected."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("only", nargs="*", help="subjects, where not all")
    given = parser.parse_args()
    known, began, wrong = subjects(), time.monotonic(), []
    chosen = given.only or list(known)
    idle: SimpleQueue[Inquiry] = SimpleQueue()

    def one(place: tuple[int, str]) -> None:
        run, subject = place
        inquiry, shape = idle.get(), shape_of(run)
        try:
            found = ask(inquiry, subject, shape)
        finally:
            idle.put(inquiry)
        families = {check.partition(".")[0] for check in known.get(subject, ())}
        for check in sorted(check for check in found if check.partition(".")[0] not in families):
            wrong.append({"run": run, "subject": subject, "check": check, "said": found[check]})
            print(
                f"run {run} B={shape.batch_size} T={shape.seq_len} {subject} {check}: {found[check]}",
                flush=True,
            )

    launchers = [Launcher() for _ in range(given.at_once)]
    for launcher in launchers:
        launcher.start()
        idle.put(Inquiry(launcher, DEADLINE_S))
    places = [(run, subject) for run in range(given.runs) for subject in chosen]
    with ThreadPoolExecutor(given.at_once) as pool:
        list(pool.map(one, places))
    for launcher in launchers:
        launcher.__exit__(None, None, None)
    seconds = time.monotonic() - began
    print(f"{len(wrong)} accusations in {len(places)} checks of {len(chosen)} loaders, {seconds:.0f} s")
    if given.json:
        given.json.write_text(json.dumps(wrong, indent=1) + "\n", "utf-8")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
