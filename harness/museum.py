"""The verb ``museum``: every defective loader is run, and must be caught by the check it names."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ..errors import EXIT_FAILED, EXIT_OK, NothingSelectedError, did_you_mean
from ..reports.document import Finding, write_beside
from ..reports.progress import Progress
from ..reports.terminal import make_console
from ..reports.units import MISSING
from ..suites.families import REGISTER
from ..suites.museum import Entry, everything
from ..suites.scenarios import Shape
from .inquiry import Inquiry
from .launch import Launcher
from .museum_page import matrix, name
from .subjects import find

AT_ONCE = 3  # on two cores: some wait for what never comes, or for workers that ask every five seconds
DEADLINE_S = 20.0
HANG_S = 5.0  # for those that wait for ever
FILE = "museum.md"
WIDEST = max(map(len, REGISTER))  # characters of an id, which is not broken over lines


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the checks found of one exhibit."""

    entry: Entry
    failed: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Entry, findings: Sequence[Finding]) -> Outcome:
        """From its findings."""
        told = {
            verdict: tuple(f.id for f in findings if f.verdict == verdict) for verdict in ("fail", "unknown")
        }
        return cls(entry, told["fail"], told["unknown"])

    @property
    def missed(self) -> tuple[str, ...]:
        """Checks it names that did not fail."""
        return tuple(check for check in self.entry.checks if check not in self.failed)

    @property
    def others(self) -> tuple[str, ...]:
        """Checks that failed besides: of a guard, all that did."""
        return tuple(check for check in self.failed if check not in self.entry.checks)

    @property
    def well(self) -> bool:
        """Caught by all that it names; for a guard, not accused."""
        return not self.missed and not self.unknown and (bool(self.entry.checks) or not self.failed)


def select(words: Sequence[str]) -> list[Entry]:
    """Exhibits of that name or id; all if there are no words.

    Raises:
        NothingSelectedError: a word that is neither.
    """
    entries = everything()
    for word in words:
        known = {one for entry in entries for one in (entry.name, entry.id)}
        if word not in known:
            raise NothingSelectedError(
                f"the museum has no exhibit {word!r}; {did_you_mean(word, known, 'exhibits')}"
            )
    return [entry for entry in entries if not words or {entry.name, entry.id} & set(words)]


def run_museum(
    words: Sequence[str], *, folder: Path | None, seed: int, quiet: bool = False, no_color: bool = False
) -> int:
    """Run the exhibits, tell what caught them, and return the exit code."""
    entries, began = select(words), time.monotonic()
    with Progress(len(entries), quiet=quiet) as progress:
        outcomes = list(ask_all(entries, seed, progress.step, progress.advance))
    outcomes.sort(key=lambda outcome: entries.index(outcome.entry))
    if folder is not None:
        write_beside(folder / FILE, matrix(outcomes).encode())
    if not quiet:
        _print(outcomes, time.monotonic() - began, no_color)
    return EXIT_OK if all(outcome.well for outcome in outcomes) else EXIT_FAILED


def ask_all(
    entries: Sequence[Entry], seed: int, tell: Callable[[str], None], advance: Callable[[], None]
) -> Iterator[Outcome]:
    """Outcomes as they come, a few exhibits at a time, each time through a launcher of its own."""
    idle: queue.SimpleQueue[Inquiry] = queue.SimpleQueue()

    def ask(entry: Entry) -> Outcome:
        inquiry = idle.get()
        try:
            tell(name(entry))
            return ask_one(inquiry, entry, seed)
        finally:
            idle.put(inquiry)

    with contextlib.ExitStack() as stack:
        for _ in range(min(AT_ONCE, len(entries))):
            launcher = stack.enter_context(Launcher())
            launcher.start()
            idle.put(Inquiry(launcher))  # one for many exhibits, so that its corpora are written once
        workers = ThreadPoolExecutor(AT_ONCE)
        # Before the launchers end, so that an interruption starts nothing more.
        stack.callback(workers.shutdown, wait=False, cancel_futures=True)
        for done in as_completed([workers.submit(ask, entry) for entry in entries]):
            yield done.result()
            advance()


def ask_one(inquiry: Inquiry, entry: Entry, seed: int) -> Outcome:
    """All checks of one exhibit; of one that waits for ever only those it names."""
    inquiry.deadline_s = HANG_S if entry.hangs else DEADLINE_S
    opened = inquiry.open(find(entry.factory), {}, {})
    only = entry.checks if entry.hangs else ()
    findings, _ = inquiry.check(opened, Shape(seed=seed), only)
    return Outcome.of(entry, findings)


def _print(outcomes: Sequence[Outcome], seconds: float, no_color: bool) -> None:
    out = make_console(no_color=no_color)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head, width in (("", 1), ("exhibit", 20), ("caught by", WIDEST), ("fails as well", WIDEST)):
        table.add_column(head, overflow="fold", min_width=width)
    for outcome in outcomes:
        table.add_row(*_cells(outcome))
    out.print(table)
    for line in summary(outcomes):
        out.print(Text(line, "bold"))
    out.print(Text(f"{seconds:.0f} s.", "dim"))


def _cells(outcome: Outcome) -> list[Text]:
    sign = Text("✓", "green") if outcome.well else Text("✗", "bold red")
    caught = [check for check in outcome.entry.checks if check not in outcome.missed]
    words = Text(", ".join(caught) or (MISSING if outcome.missed else "guard: nothing may fail"))
    if outcome.missed:
        words.append(f" escapes {', '.join(outcome.missed)}", "bold red")
    if outcome.unknown:
        words.append(f" unknown: {', '.join(outcome.unknown)}", "yellow")
    return [sign, Text(outcome.entry.name), words, Text(", ".join(outcome.others), "dim")]


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """How many defects were caught and guards left alone, and how much else failed with a defect."""
    defects = [outcome for outcome in outcomes if outcome.entry.checks]
    guards = [outcome for outcome in outcomes if not outcome.entry.checks]
    lines = []
    if defects:
        caught = sum(not outcome.missed for outcome in defects)
        mean = statistics.mean(len(outcome.others) for outcome in defects)
        lines.append(f"{caught} of {len(defects)} defects are caught by the checks they name.")
        lines.append(f"A defect fails {mean:.2f} other checks on average.")
    if guards:
        accused = sum(bool(outcome.failed) for outcome in guards)
        lines.append(f"{accused} of {len(guards)} correct loaders are accused.")
    return lines
