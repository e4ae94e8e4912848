"""How often is a planted leak found, and a decoy called a leak? On hundreds of distinct runs.

    python tests/leak_power.py --minutes 30 --json docs/results/leak-power.json

Not a test: it takes an hour on two quiet cores. Results are kept as they arrive, and a run that is
there is not run again, so it can be broken off and gone on with. A run is known by its loader, what was
planted and the seed; machine and versions stand beside. The page docs/leak-power.md is made
from the file (`--page` makes only that).
"""

from __future__ import annotations

import argparse
import inspect
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import msgspec
from loadstone.harness.inquiry import Inquiry, Opened
from loadstone.harness.launch import Launcher
from loadstone.harness.leaks import SHAPE, watch_memory
from loadstone.harness.machine import describe_machine
from loadstone.harness.measuring import Measurer
from loadstone.harness.settings import EFFORTS, Settings
from loadstone.harness.subjects import find
from loadstone.loaders.corpus import Corpus
from loadstone.loaders.library_text import write_text_corpus
from loadstone.reports.document import Memory, write_beside
from other_deciders import others
from planted import Plants
from power_page import NOISY, QUIET, Case, Outcome, Results, page

HERE = Path(__file__).parent
LEAKS = (
    ("malloc", 8), ("malloc", 64), ("malloc", 1024), ("malloc", 65536), ("bytes", 64), ("bytes", 1024),
    ("bytes", 65536), ("batch", 100), ("rare_malloc", 100), ("slot", 1), ("record", 1), ("arrow", 1024),
    ("file_descriptor", 10), ("mapping", 10), ("thread", 50), ("child", 100),
)  # fmt: skip
DECOYS = (
    ("none", 1), ("logarithmic_cache", 1), ("saturating_cache", 500), ("lru_cache", 300),
    ("fragmentation", 1), ("sawtooth", 150), ("filling_buffer", 600), ("cycles", 1), ("page_cache", 1),
)  # fmt: skip
NAMED = (("bytes", 1024), ("record", 1), ("batch", 100), ("arrow", 1024), ("mapping", 10), ("thread", 50),
         ("child", 100))  # fmt: skip
SMALL = ("malloc", 256)
CHARACTERS = 6_000_000


def cases(seeds: int) -> Iterator[Case]:
    """All runs, so ordered that whatever is done when time is over says something of each."""
    for seed in range(seeds):
        for kind, size in NAMED if seed == 1 else ():
            for loader in (*QUIET, *NOISY):
                yield Case(loader, kind, size, 0, leak=True, named=True)
        for kind, size in LEAKS:
            for loader in QUIET if seed < 7 else ():
                yield Case(loader, kind, size, seed + 1, leak=True)
        for kind, size in DECOYS:
            for loader in (*QUIET, *(NOISY if seed in (1, 2) else ())):
                yield Case(loader, kind, size, seed + 1, leak=False)
        for number in (100 + 2 * seed, 101 + 2 * seed):
            for loader in NOISY if seed else ():
                yield Case(loader, *SMALL, number, leak=True)


class Lane:
    """A launcher with its corpus, which runs one case after another."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.launcher = Launcher()
        self.launcher.start()
        self.inquiry = Inquiry(self.launcher)
        self.launcher.exact.start()
        self.opened: dict[tuple[str, str, int], Opened] = {}

    def run(self, case: Case) -> Outcome:
        """One watch, as `loadstone run` does it."""
        name = f"{HERE / 'planted.py'}:{case.loader}[plant={case.kind},size={case.size}]"
        key = case.loader, case.kind, case.size
        if key not in self.opened:
            self.opened[key] = self.inquiry.open(find(name), {}, {})
        measurer = Measurer(self.launcher, self.corpus, Settings(seed=case.seed))
        effort = EFFORTS["normal"]
        began = time.monotonic()
        arguments = measurer.arguments(self.opened[key], *SHAPE)
        found = watch_memory(
            self.launcher, arguments, case.loader, effort.memory_batches, effort.memory_s, naming=case.named
        )
        return outcome(case, found, time.monotonic() - began)


def outcome(case: Case, found: Memory, seconds: float) -> Outcome:
    """What is kept of one run."""
    leaking = [one.name for one in found.counts if one.verdict == "leak"]
    return Outcome(
        case=case,
        verdict=found.verdict,
        seconds=round(seconds, 2),
        batches=found.batches,
        bytes_per_batch=round(found.bytes_per_batch or 0.0, 2),
        visible_from=round(found.visible_from or 0.0, 1),
        counts=leaking,
        others=others(found.series),
        right_line=_right(case, found) if case.named else None,
    )


def _right(case: Case, found: Memory) -> bool:
    """Whether the line that was named is one of the plant."""
    path, _, line = found.where.rpartition(":")
    lines, first = inspect.getsourcelines(getattr(Plants, case.kind))
    return Path(path).name == "planted.py" and first <= int(line or 0) < first + len(lines)


def run_all(given: argparse.Namespace, results: Results) -> None:
    """Run what is missing, until the time is over; two at a time."""
    until = time.monotonic() + 60 * given.minutes
    done = {one.case for one in results.outcomes}
    waiting: SimpleQueue[Case] = SimpleQueue()
    for case in cases(given.seeds):
        if case not in done:
            waiting.put(case)
    lock, first = threading.Lock(), Launcher()
    with first:
        corpus = write_text_corpus(first.folder / "text", CHARACTERS)

        def drain(_: int) -> None:
            lane = Lane(corpus)
            with lane.launcher:
                while time.monotonic() < until:
                    try:
                        case = waiting.get_nowait()
                    except Empty:
                        return
                    found = lane.run(case)
                    with lock:
                        results.outcomes.append(found)
                        write_beside(given.json, msgspec.json.format(msgspec.json.encode(results), indent=0))
                    told = (
                        ""
                        if found.right_line is None
                        else f", line {'right' if found.right_line else 'wrong'}"
                    )
                    print(f"{len(results.outcomes):5d} {case.loader} {case.kind}:{case.size} {case.seed}: "
                          f"{found.verdict} {found.seconds:.1f} s{told}", flush=True)  # fmt: skip

        with ThreadPoolExecutor(given.lanes) as pool:
            list(pool.map(drain, range(given.lanes)))


def main() -> None:
    """Run what is missing and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--json", type=Path, default=HERE.parent / "docs/results/leak-power.json")
    parser.add_argument("--page-at", type=Path, default=HERE.parent / "docs/leak-power.md")
    parser.add_argument("--page", action="store_true", help="make only the page")
    given = parser.parse_args()
    results = Results(machine=_machine())
    if given.json.exists():
        results = msgspec.json.decode(given.json.read_bytes(), type=Results)
    if not given.page:
        run_all(given, results)
    write_beside(given.page_at, page(results).encode())


def _machine() -> dict[str, Any]:
    return dict(describe_machine().identity)


if __name__ == "__main__":
    main()
