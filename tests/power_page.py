"""The results of tests/leak_power.py and the page made from them; what other experiments share with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

QUIET = ("in_memory", "memmap_per_batch", "memmap_persistent")
NOISY = ("parquet_stream", "conversation_deque")
CONFIDENCE = 0.05
OTHERS = {
    "rss": "RSS, end minus start > 1 MiB",
    "rss_slope": "RSS, regression: slope > 64 B/batch at 99 %",
    "live_slope": "live bytes, the same regression",
    "psleak": "live bytes, psleak's policy replayed",
}


class Case(msgspec.Struct, frozen=True):
    """A run: a loader, what was planted (``size`` as the kind takes it), and the seed."""

    loader: str
    kind: str
    size: int
    seed: int
    leak: bool
    named: bool = False


class Outcome(msgspec.Struct):
    """What came of it; ``others`` says what other deciders called of its first 2,000 batches."""

    case: Case
    verdict: str
    seconds: float
    batches: int
    bytes_per_batch: float = 0.0
    visible_from: float = 0.0
    counts: list[str] = []
    others: dict[str, bool] = {}
    right_line: bool | None = None


class Results(msgspec.Struct):
    """All runs, and the machine and versions they were made with."""

    machine: dict[str, Any] = {}
    outcomes: list[Outcome] = []


def kept(journal: Path) -> list[dict[str, Any]]:
    """The lines of a journal of JSON, oldest first; none where there is no file yet."""
    lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    return [json.loads(line) for line in lines]


def page(results: Results) -> str:
    """The page, in Markdown."""
    runs = results.outcomes
    quiet = [one for one in runs if one.case.loader in QUIET]
    leaks = [one for one in quiet if one.case.leak and not one.case.named]
    decoys = [one for one in runs if not one.case.leak]
    parts = [
        "# How often a leak is found, and a decoy called one",
        "Made by `tox run -e leak-power` from `results/leak-power.json`; do not edit. Every run differs in "
        "loader, plant or seed. What is planted stands in `tests/planted.py`. Seconds run from the fork of "
        "a child that has its libraries loaded to the verdict.",
        f"Machine: {listed(results.machine)}.",
        f"## Leaks on the quiet loaders\n\n{_found(leaks)}\n\n{_table(leaks, ('kind', 'size'), QUIET)}",
        f"## Decoys\n\n{_called(decoys)}\n\n{_table(decoys, ('kind', 'size'), QUIET + NOISY)}",
        "## Small leaks on the loaders whose memory swings\n\n"
        + _table([one for one in runs if one.case.loader in NOISY and one.case.leak and not one.case.named],
                 ("kind", "size"), NOISY),
        f"## The line\n\n{_lines([one for one in runs if one.case.named])}",
        f"## What other figures say of the same runs\n\n{_others(leaks, decoys)}",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def listed(identity: dict[str, Any]) -> str:
    """A machine in words."""
    return ", ".join(f"{name} {value}" for name, value in identity.items() if value)


def _found(leaks: Sequence[Outcome]) -> str:
    hit = sum(one.verdict == "leak" for one in leaks)
    times = sorted(one.seconds for one in leaks if one.verdict == "leak") or [0.0]
    over = sum(seconds > 5 for seconds in times)
    return (
        f"Found: {hit} of {len(leaks)} ({bounds(len(leaks) - hit, len(leaks), 'missed')}). Seconds to the "
        f"verdict: median {times[len(times) // 2]:.1f}, longest {times[-1]:.1f}, over 5 s: {over}."
    )


def _called(decoys: Sequence[Outcome]) -> str:
    wrong = sum(one.verdict == "leak" for one in decoys)
    unsure = sum(one.verdict == "undecided" for one in decoys)
    told = bounds(wrong, len(decoys), "called a leak")
    return f"Called a leak: {wrong} of {len(decoys)} ({told}); undecided: {unsure}."


def bounds(events: int, runs: int, what: str) -> str:
    """Clopper and Pearson's upper bound of a rate, at 95 %."""
    from scipy.stats import beta

    upper = float(beta.ppf(1 - CONFIDENCE, events + 1, runs - events)) if events < runs else 1.0
    return f"at most {upper:.1%} are {what}, at 95 %"


def _table(runs: Iterable[Outcome], by: tuple[str, ...], loaders: Sequence[str]) -> str:
    """Leaks called of runs, by what was planted and loader, with the median rate where there is one."""
    runs = list(runs)
    rows = list(dict.fromkeys(tuple(getattr(one.case, name) for name in by) for one in runs))
    lines = [
        "| planted | size | " + " | ".join(loaders) + " |",
        "|---|---|" + "---|" * len(loaders),
    ]
    for kind, size in rows:
        cells = []
        for loader in loaders:
            here = [
                one for one in runs if (one.case.kind, one.case.size, one.case.loader) == (kind, size, loader)
            ]
            cells.append(_cell(here))
        lines.append(f"| {kind.replace('_', ' ')} | {size} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(runs: Sequence[Outcome]) -> str:
    if not runs:
        return ""
    called = sum(one.verdict == "leak" for one in runs)
    unsure = sum(one.verdict == "undecided" for one in runs)
    rates = sorted(one.bytes_per_batch for one in runs if one.verdict == "leak")
    more = f", {rates[len(rates) // 2]:,.0f} B/batch" if rates and rates[-1] else ""
    return f"{called}/{len(runs)}{more}" + (f" ({unsure} undecided)" if unsure else "")


def _lines(runs: Sequence[Outcome]) -> str:
    if not runs:
        return "Not run."
    right = sum(bool(one.right_line) for one in runs)
    longest = max(one.seconds for one in runs)
    lines = [
        f"The line that made what is kept is named first in {right} of {len(runs)} runs, one for each loader "
        f"and kind of Python object; verdict and line together take {longest:.1f} s at most.", "",
        "| loader | right | not |", "|---|---|---|",
    ]  # fmt: skip
    for loader in dict.fromkeys(one.case.loader for one in runs):
        here = [one for one in runs if one.case.loader == loader]
        wrong = ", ".join(one.case.kind.replace("_", " ") for one in here if not one.right_line)
        lines.append(f"| {loader} | {sum(bool(one.right_line) for one in here)}/{len(here)} | {wrong} |")
    return "\n".join(lines)


def _others(leaks: Sequence[Outcome], decoys: Sequence[Outcome]) -> str:
    """Leaks found and decoys called by each, on the runs that have enough samples."""

    def row(name: str, says: Callable[[Outcome], bool]) -> str:
        cells = []
        for runs in (leaks, decoys):
            able = [one for one in runs if one.others]
            cells.append(f"{sum(map(says, able))}/{len(able)}")
        return f"| {name} | {cells[0]} | {cells[1]} |"

    lines = ["| decider | leaks found | decoys called a leak |", "|---|---|---|"]
    lines.append(row("Loadstone", lambda one: one.verdict == "leak"))
    lines += [
        row(name, lambda one, key=key: one.others.get(key, False))  # type: ignore[misc]
        for key, name in OTHERS.items()
    ]
    return "\n".join(lines) + (
        "\n\nThe others look at the first 2,000 batches, under the same exact allocator, which flatters "
        "them: with Python's own, resident memory moves in steps of an arena. They see bytes only, while "
        "descriptors, mappings, threads and children are leaks of which bytes say little."
    )
