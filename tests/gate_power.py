"""How often the gate cries wolf, and what it finds: identical and slowed loaders, quiet and loaded machines.

    python tests/gate_power.py [--results FILE] [--only CELL]... [--scale SHARE] [--seconds-left S]
    python tests/gate_power.py --table            # docs/gate-power.md's table from the results

Appends a line a gate to a journal beside the results and goes on where it was broken off. What it
needs is a machine on which nothing else runs; the loads are its own.

Every gate is a whole one, between two commits of a real git repository, checked out into a worktree.
The same pairs are judged by the rule of pytest-benchmark's ``--benchmark-compare-fail`` at 5 % too: on
the rounds of this very gate (its kindest case: both sides within the same seconds), and with the base's
rounds of the gate before (what a stored run is).
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
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
from typing import Any

from loadstone.harness.configuration import Configuration
from loadstone.harness.gating import Gating
from loadstone.harness.gating_limits import Limits
from loadstone.harness.gating_sides import revisions
from loadstone.harness.launch import Launcher
from loadstone.harness.machine import describe_machine
from loadstone.harness.settings import Settings
from loadstone.harness.subjects import select
from loadstone.loaders.library_text import write_text_corpus
from loadstone.reports.document import write_beside

FIVE = ("in_memory", "memmap_per_batch", "memmap_persistent", "parquet_stream", "conversation_deque")
RESULTS = Path(__file__).parent.parent / "docs" / "results" / "gate-power.json"
PAGE = Path(__file__).parent.parent / "docs" / "gate-power.md"
STORED = ("mean", "median", "min")
COMPARE_FAIL = 5.0  # per cent, of pytest-benchmark's rule
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


HEAD = """# What the gate finds, and how often it cries wolf

Made by `tox run -e gate-power` from `results/gate-power.json`; do not edit. Each gate is a whole one between
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
    Cell("A/A quiet", 0.0, "quiet", 34, 60.0),
    Cell("A/A one core busy", 0.0, "one core busy", 12, 60.0),
    Cell("A/A both cores busy", 0.0, "both cores busy", 12, 60.0),
    Cell("5 % quiet, 20 s", 0.05, "quiet", 22, 20.0),
    Cell("5 % one core busy, 60 s", 0.05, "one core busy", 8, 60.0),
    Cell("5 % both cores busy, 60 s", 0.05, "both cores busy", 12, 60.0),
    Cell("3 % quiet, 60 s", 0.03, "quiet", 12, 60.0),
    Cell("A/A two environments", 0.0, "quiet", 6, 60.0, environments=True),
)


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
    """Keep a core busy until killed, whichever the system chooses."""
    while True:
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

    def gate(self, name: str, cell: Cell, seed: int) -> dict[str, Any]:
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


def stored_rule(base: dict[str, float], head: dict[str, float]) -> dict[str, bool]:
    """pytest-benchmark's PercentageRegressionCheck: current / compared * 100 - 100 > threshold."""
    return {name: head[name] / base[name] * 100 - 100 > COMPARE_FAIL for name in STORED if base and head}


def plan(scale: float) -> Iterator[tuple[Cell, str, int]]:
    """Every gate that is wanted, loaders in turn so that a run that is broken off has some of each."""
    for cell in CELLS:
        for repeat in range(max(1, round(cell.each * scale))):
            for name in FIVE:
                yield cell, name, repeat


def run(results: Path, only: list[str], scale: float, seconds_left: float) -> None:
    """Gate after gate, each kept as soon as it is done."""
    journal = results.with_suffix(".jsonl")
    journal.parent.mkdir(parents=True, exist_ok=True)
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
    done = {(e["cell"], e["loader"], e["repeat"]) for e in map(json.loads, lines)}
    wanted = [one for one in plan(scale) if not only or one[0].name in only]
    todo = [one for one in wanted if (one[0].name, one[1], one[2]) not in done]
    until = time.monotonic() + seconds_left
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        with bench.launcher, journal.open("a", encoding="utf-8") as file:
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
    collect(results)


def collect(results: Path) -> None:
    """The results file and its page, from the journal."""
    lines = results.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    machine = describe_machine()
    table = [line_of(cell, [e for e in entries if e["cell"] == cell.name]) for cell in CELLS]
    value = {
        "machine": {"identity": machine.identity, "notes": machine.notes},
        "compare_fail_percent": COMPARE_FAIL,
        "cells": [line for line in table if line["gates"]],
        "gates": entries,
    }
    write_beside(results, json.dumps(value, indent=1).encode() + b"\n")
    write_page(results)


def write_page(results: Path) -> None:
    """The page of the project's own results."""
    if results == RESULTS:
        write_beside(PAGE, (HEAD + page(results)).encode())


def line_of(cell: Cell, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """One line of the table."""
    outcomes = [e["outcome"] for e in entries]
    found: dict[str, Any] = {
        "cell": cell.name,
        "slower": cell.slower,
        "load": cell.load,
        "gates": len(entries),
        **{name: outcomes.count(name) for name in ("regressed", "fine", "inconclusive")},
        "other": sum(o not in ("regressed", "fine", "inconclusive") for o in outcomes),
    }
    if entries:
        measured = [e for e in entries if e["ratio"]]
        found["seconds_median"] = statistics.median(e["whole_s"] for e in entries)
        found["seconds_most"] = max(e["whole_s"] for e in entries)
        found["ratio_median"] = statistics.median(e["ratio"] for e in measured)
        found["ratio_range"] = [min(e["ratio"] for e in measured), max(e["ratio"] for e in measured)]
        found["compare_fail_same_run"] = count(measured, [(e, e) for e in measured])
        by_loader = [[e for e in measured if e["loader"] == name] for name in FIVE]
        before = [pair for each in by_loader for pair in itertools.pairwise(each)]
        found["compare_fail_stored_run"] = count([b for _, b in before], before)
    return found


def count(of: list[Any], pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """How often the stored rule calls a regression: base rounds of the first, head rounds of the second."""
    calls = [stored_rule(first["base"], second["head"]) for first, second in pairs]
    return {"of": len(of), **{name: sum(call.get(name, False) for call in calls) for name in STORED}}


def page(results: Path) -> str:
    """The table as Markdown."""
    value = json.loads(results.read_text(encoding="utf-8"))
    head = ("What", "Gates", "Regressed", "Fine", "Inconclusive", "Head / base (range)",
            "Seconds, median (most)", "compare-fail, same run", "compare-fail, stored run")  # fmt: skip
    rows = [head, ("---",) * len(head)]
    for line in value["cells"]:
        low, high = line["ratio_range"]
        rules = [line[key] for key in ("compare_fail_same_run", "compare_fail_stored_run")]
        rows.append((
            line["cell"], str(line["gates"]), str(line["regressed"]), str(line["fine"]),
            str(line["inconclusive"]), f"{line['ratio_median']:.3f} ({low:.3f} to {high:.3f})",
            f"{line['seconds_median']:.1f} ({line['seconds_most']:.0f})",
            *(" / ".join(str(rule[name]) for name in STORED) + f" of {rule['of']}" for rule in rules),
        ))  # fmt: skip
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


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
    if given.table:
        collect(given.results.resolve())
        print(page(given.results.resolve()), end="")
        return
    run(given.results.resolve(), given.only, given.scale, given.seconds_left)


if __name__ == "__main__":
    main()
