"""How often the gate cries wolf, and what it finds: identical and slowed loaders, quiet and loaded machines.

    python tests/gate_power.py [--results FILE] [--only CELL]... [--scale SHARE] [--seconds-left S]
    python tests/gate_power.py --table            # only docs/gate-power.md, from the results

Appends a line a gate to the results and goes on where it was broken off. What it
needs is a machine on which nothing else runs; the loads are its own.

Every gate is a whole one, between two commits of a real git repository, checked out into a worktree.
The same pairs are judged by the rule of pytest-benchmark's ``--benchmark-compare-fail`` at 5 % too: on
the rounds of this very gate (its kindest case: both sides within the same seconds), and with the base's
rounds of the gate before (what a stored run is).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import itertools
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gate_power_page import CELLS, Cell, Entry, page
from loadstone.harness.configuration import Configuration
from loadstone.harness.gating import Gating
from loadstone.harness.gating_limits import Limits
from loadstone.harness.gating_sides import revisions
from loadstone.harness.launch import Launcher
from loadstone.harness.machine import describe_machine
from loadstone.harness.settings import Settings
from loadstone.harness.subjects import FIVE, select
from loadstone.loaders.library_text import write_text_corpus
from loadstone.reports.document import write_beside
from power_page import kept

RESULTS = Path(__file__).parent.parent / "docs" / "results" / "gate-power.jsonl"
PAGE = Path(__file__).parent.parent / "docs" / "gate-power.md"
LOADS = {"quiet": 0, "one core busy": 1, "both cores busy": 2}

# The user's repository: wrappers around the five, which do a share of each batch's work once more.
# The share is of CPU time, so that a busy machine does not make the slow-down larger than it says.
LOADERS = """
import importlib
import time

from slowness import SLOWER


def slowed(name):
    module = importlib.import_module(f"loadstone.loaders.{name}")
    inner = getattr(module, name)

    def factory(corpus, config):
        return Slowed(inner(corpus, config))

    factory.__loadstone__ = inner.__loadstone__
    return factory


class Slowed:
    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        clock, owed = time.thread_time_ns, 0
        before = clock()
        for item in self.loader:
            now = clock()
            owed += int((now - before) * SLOWER)
            if owed > 20_000:  # paid in one go, so that reading the clock adds nothing
                began = now
                while (now := clock()) - began < owed:
                    pass
                owed -= now - began
            yield item
            before = clock()


in_memory = slowed("in_memory")
memmap_per_batch = slowed("memmap_per_batch")
memmap_persistent = slowed("memmap_persistent")
parquet_stream = slowed("parquet_stream")
conversation_deque = slowed("conversation_deque")
"""


def git(folder: Path, *words: str) -> None:
    """One git command in the experiment's repository."""
    who = (
        "-c",
        "user.name=experiment",
        "-c",
        "user.email=experiment@localhost",
        "-c",
        "commit.gpgsign=false",
    )
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def make_repository(folder: Path) -> None:
    """A base, a commit that changes nothing in the loaders, and one for each slow-down."""
    git_folder = folder / "repository"
    git_folder.mkdir()
    git(git_folder, "init", "-q")
    (git_folder / "loaders.py").write_text(LOADERS, encoding="utf-8")
    for tag, slower in {"base": 0.0, "same": 0.0, "slower-3": 0.03, "slower-5": 0.05}.items():
        (git_folder / "slowness.py").write_text(f"SLOWER = {slower}\n", encoding="utf-8")
        (git_folder / "README.md").write_text(f"{tag}\n", encoding="utf-8")
        git(git_folder, "add", "-A")
        git(git_folder, "commit", "-q", "-m", tag)
        git(git_folder, "tag", tag)


def spin() -> None:
    """Keep a core busy, whichever the system chooses, until killed or left alone by the experiment."""
    parent = os.getppid()
    while os.getppid() == parent:
        for _ in range(1_000_000):
            pass


@contextlib.contextmanager
def loaded(load: str) -> Iterator[None]:
    """Keep so many cores busy while this lasts."""
    spawn = multiprocessing.get_context("spawn")
    busy = [spawn.Process(target=spin) for _ in range(LOADS[load])]
    for one in busy:
        one.start()
    time.sleep(1.0 if busy else 0.0)
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.join()


class Bench:
    """Everything that gates share: the repository, the corpus, the process that forks."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.repository = folder, folder / "repository"
        make_repository(folder)
        os.chdir(self.repository)
        self.launcher = Launcher()
        self.launcher.start()
        self.corpus = write_text_corpus(folder / "text", 1_500_000)
        self.python: Path | None = None
        self.machine = describe_machine().identity

    def other_python(self) -> Path:
        """A second environment, built apart from this one, of the same versions."""
        if self.python is None:
            place = self.folder / "environment"
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
            python, listed = place / "bin" / "python", self.folder / "requirements.txt"
            wanted = [
                f"{name}=={importlib.metadata.version(name)}" for name in sorted(needed_by("loadstone"))
            ]
            listed.write_text("\n".join(wanted), encoding="utf-8")
            install = ["-m", "pip", "install", "--quiet", "--no-deps", "-r", str(listed)]
            subprocess.run([str(python), *install], check=True)
            self.python = python
        return self.python

    def gate(self, name: str, cell: Cell, seed: int) -> Entry:
        """One gate, from checking the base out to its verdict."""
        head = {0.0: "same", 0.03: "slower-3", 0.05: "slower-5"}[cell.slower]
        git(self.repository, "checkout", "-q", head)
        began = time.monotonic()
        refs = select([f"loaders.py:{name}"])
        python = self.other_python() if cell.environments else None
        sides = revisions(refs, "base", python, "", None if python else self.launcher)
        limits = {ref.name: Limits(first_batch=None, peak_memory=None, seconds=cell.seconds) for ref in refs}
        told = {ref.name: Configuration() for ref in refs}
        settings = Settings(parts=("checks",), seed=seed, effort="quick")
        with Gating(settings, sides, ("speed",), told, limits, lambda: self.corpus) as job:
            document = job.execute(Silence())
        assert document.gate is not None
        row = document.gate.rows[0]
        return {
            "cell": cell.name, "loader": name, "outcome": row.outcome, "ratio": row.ratio, "low": row.low,
            "high": row.high, "pairs": row.pairs, "seconds": row.seconds, "reason": row.reason,
            "whole_s": time.monotonic() - began, "base": summary(row.samples_base),
            "head": summary(row.samples_head), "load_1min": os.getloadavg()[0],
            "machine": self.machine,
        }  # fmt: skip


def needed_by(distribution: str) -> set[str]:
    """Everything installed here that a distribution needs, directly or not, extras left out."""
    found: set[str] = set()
    todo = [distribution]
    while todo:
        for line in importlib.metadata.requires(todo.pop()) or []:
            name = re.match(r"[\w.-]+", line)
            if name is None or "extra ==" in line or name[0].lower() in found:
                continue
            try:
                importlib.metadata.version(name[0])
            except importlib.metadata.PackageNotFoundError:  # of another system or Python
                continue
            found.add(name[0].lower())
            todo.append(name[0])
    return found


class Silence:
    """Where the progress of a gate goes: nowhere."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def advance(self, n: int = 1) -> None:
        """Count nothing."""


def summary(samples: list[float]) -> dict[str, float]:
    """What pytest-benchmark would store of these rounds; one round is one process."""
    if not samples:
        return {}
    return {"mean": statistics.fmean(samples), "median": statistics.median(samples), "min": min(samples)}


def plan(scale: float) -> Iterator[tuple[Cell, str, int]]:
    """Every gate that is wanted, loaders in turn so that a run that is broken off has some of each."""
    for cell in CELLS:
        for repeat in range(max(1, round(cell.each * scale))):
            for name in FIVE:
                yield cell, name, repeat


def run(results: Path, only: list[str], scale: float, seconds_left: float) -> None:
    """Gate after gate, each kept as soon as it is done."""
    results.parent.mkdir(parents=True, exist_ok=True)
    done = {(e["cell"], e["loader"], e["repeat"]) for e in kept(results)}
    wanted = [one for one in plan(scale) if not only or one[0].name in only]
    todo = [one for one in wanted if (one[0].name, one[1], one[2]) not in done]
    until = time.monotonic() + seconds_left
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        with bench.launcher, results.open("a", encoding="utf-8") as file:
            for load, group in itertools.groupby(todo, key=lambda one: one[0].load):
                with loaded(load):
                    for cell, name, repeat in group:
                        if time.monotonic() > until:
                            print("time is up; call again to go on", flush=True)
                            return
                        entry = bench.gate(name, cell, seed=1000 * repeat + 7) | {"repeat": repeat}
                        file.write(json.dumps(entry) + "\n")
                        file.flush()
                        ratio = f"{entry['outcome']} {entry['ratio'] or 0:.4f} in {entry['pairs']} pairs"
                        print(f"{cell.name} {name} {repeat}: {ratio}, {entry['whole_s']:.1f} s", flush=True)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--only", action="append", default=[], choices=[cell.name for cell in CELLS])
    parser.add_argument("--scale", type=float, default=1.0, help="share of the gates, for a trial")
    parser.add_argument("--seconds-left", type=float, default=float("inf"))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    results = given.results.resolve()
    if not given.table:
        run(results, given.only, given.scale, given.seconds_left)
    if results == RESULTS:
        write_beside(PAGE, page(kept(results)).encode())
    print(page(kept(results)), end="")


if __name__ == "__main__":
    main()
