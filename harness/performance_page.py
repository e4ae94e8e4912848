"""docs/performance.md, made from the documents of one or several runs of the same command.

    python -m loadstone.harness.performance_page run1.json run2.json checks.json > docs/performance.md

A document with checks in it says which loaders are right; a loader that fails one that voids its
speed is struck through.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..reports.document import Document, Subject, Throughput, load
from ..reports.markdown_text import code
from ..reports.units import MISSING, count, interval, microseconds, percent, shape
from ..suites.throughput import ratio, strike
from .reference import table

BASELINES = {
    "in_memory": "textbook.in_memory",
    "memmap_per_batch": "textbook.memmap_per_batch",
    "memmap_persistent": "textbook.memmap_per_batch",
    "parquet_stream": "textbook.parquet_stream",
    "conversation_deque": "textbook.conversation_deque",
    "adapters.hf_streaming": "textbook.parquet_stream",
}
OTHERS = "textbook.memmap_per_batch"  # what other people's loaders of token files are compared with
HEAD = """# Performance

Made by `python -m loadstone.harness.performance_page` from stored runs; do not edit.

Each table is one batch shape. All loaders of a table took turns in the same rounds, in a new random order
each round, all on one core; with `workers=2` on all cores. A token is counted once. **Tokens/s** is the
median of the rounds with its 95 % interval, of the first run. **Copy limit** is the share of what widening
contiguous uint16 into preallocated x and y reaches in the same round; **own work** the share of only
decoding the column, or only tokenising the text. **Textbook** is how many times as fast as the loop that
tutorials print for the same job (other loaders of token files: as the per-batch memmap loop).
Where there are several figures, each is the median of one whole run. A row is struck where `loadstone check`
fails it.
"""


def page(documents: Sequence[Document]) -> str:
    """The whole page."""
    runs = [one for one in documents if any(subject.throughput for subject in one.subjects)]
    if not runs:
        raise SystemExit("no document with throughput in it was given")
    failed = {s.name: s for one in documents for s in one.subjects if s.checks and s.failed()}
    tables = [_table(where, runs, failed) for where in _shapes(runs[0])]
    return "\n".join([HEAD, _machine(runs), *tables])


def _table(where: tuple[int, int], runs: Sequence[Document], failed: dict[str, Subject]) -> str:
    head = ("Loader", "Tokens/s", "Copy limit", "Own work", "Textbook", "p50", "p99")
    rows = [_row(subject.name, where, runs, failed) for subject in runs[0].subjects if _at(subject, where)]
    return f"## {shape(*where)}\n\n{table(head, rows)}\n{_limit(runs, where)}\n"


def _machine(runs: Sequence[Document]) -> str:
    first, told = runs[0], runs[0].machine.identity
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items() if value)
    number = f"{len(runs)} runs" if len(runs) > 1 else "One run"
    return (
        f"{first.created[:10]}; {facts}. {number} of {_rounds(runs)} rounds a shape, {_processes(runs)}.\n\n"
        f"    {first.config.get('command', 'loadstone bench')}\n"
    )


def _processes(runs: Sequence[Document]) -> str:
    if all(row.processes <= 1 for row in _every_row(runs)):
        return "each loader in one process for all of them"
    return "each in a new process unless a loader takes over a second to start"


def _rounds(runs: Sequence[Document]) -> int:
    return max(row.rounds for row in _every_row(runs))


def _every_row(runs: Sequence[Document]) -> Iterator[Throughput]:
    return (row for one in runs for subject in one.subjects for row in subject.throughput)


def _shapes(run: Document) -> list[tuple[int, int]]:
    return list(dict.fromkeys((r.batch_size, r.seq_len) for s in run.subjects for r in s.throughput))


def _at(subject: Subject, where: tuple[int, int]) -> Throughput | None:
    for row in subject.throughput:
        if (row.batch_size, row.seq_len) == where and row.tokens_per_s is not None:
            return row
    return None


def _row(
    name: str, where: tuple[int, int], runs: Sequence[Document], failed: dict[str, Subject]
) -> tuple[str, ...]:
    rows = list(_rows(name, where, runs))
    first = rows[0]
    if name in failed:
        strike([first], failed[name].checks)
    stem = name.partition("[")[0]
    others = list(_rows(BASELINES.get(stem, OTHERS), where, runs))
    times = [f"{ratio(a, b)[0]:.1f}x" for a, b in zip(rows, others, strict=False)]
    spread = interval(first.tokens_per_s or 0.0, first.low, first.high)
    cells = (
        f"{count(first.tokens_per_s)} ({spread})",
        " / ".join(percent(row.limit_share) for row in rows),
        " / ".join(_share(row.work_share or 0.0) for row in rows) if first.work else "",
        " / ".join(times) if not name.startswith("textbook.") and times else MISSING,
        microseconds(first.batch_p50_us),
        microseconds(first.batch_p99_us),
    )
    if first.struck_by:
        return (
            code(name),
            *(f"~~{cell}~~" if cell else "" for cell in cells[:-1]),
            f"fails {code(first.struck_by)}",
        )
    return code(name), *cells


def _share(share: float) -> str:
    """A share that may be many times the whole: a cache does without the work."""
    return percent(share) if share < 2 else f"{share:.0f}x"


def _rows(name: str, where: tuple[int, int], runs: Sequence[Document]) -> Iterator[Throughput]:
    for one in runs:
        for subject in one.subjects:
            row = _at(subject, where) if subject.name == name else None
            if row is not None:
                yield row


def _limit(runs: Sequence[Document], where: tuple[int, int]) -> str:
    """What the limits themselves reached, with their spread: the noise of the machine."""
    rows = [row for s in runs[0].subjects for row in s.throughput if (row.batch_size, row.seq_len) == where]
    first = next(row for row in rows if row.limit_tokens_per_s is not None)
    limit = first.limit_tokens_per_s or 0.0
    words = [f"Copy limit: {count(limit)} tokens/s ({interval(limit, first.limit_low, first.limit_high)})"]
    works = {row.work: row.work_tokens_per_s for row in rows if row.work}
    words += [f"{work} alone: {count(rate)} tokens/s" for work, rate in works.items()]
    return "; ".join(words) + "."


if __name__ == "__main__":
    sys.stdout.write(page([load(Path(name)) for name in sys.argv[1:]]))
