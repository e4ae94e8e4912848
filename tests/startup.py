"""Start-up against corpus size: the maps open 10^6, 10^8 and 10^10 tokens in the same time.

    python tests/startup.py --json startup.json

Not a test: nothing is judged by the clock. Each round opens every loader on every size, in a new
random order, and takes one batch of 12 x 1024 with a seed of its own. The largest corpus is a
sparse file (20 GB in length, a few MB on disk; 10^10 is past what ``write_sparse`` can number, and
start-up looks at no id). A first batch there meets holes, whose pages the system has to make first,
while those of a written file are in the page cache: so each loader is opened twice with one seed,
and the second first batch, of the same pages, is told apart from the first. Making pages flushes the
processor's caches, which whatever comes next pays for: so before each opening the smallest corpus is
opened, untimed. ``in_memory`` reads the whole file, so it shows what O(n) looks like; it gets fewer
rounds and no 20 GB.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from loadstone.harness.machine import describe_machine
from loadstone.loaders.contract import LoaderConfig
from loadstone.loaders.corpus import Corpus, Manifest
from loadstone.loaders.in_memory import in_memory
from loadstone.loaders.memmap_per_batch import memmap_per_batch
from loadstone.loaders.memmap_persistent import memmap_persistent
from loadstone.reports.units import microseconds
from loadstone.suites.statistics import median_interval

MAPS = {"memmap_per_batch": memmap_per_batch, "memmap_persistent": memmap_persistent}
SIZES = (10**6, 10**8, 10**10)
WRITTEN = 10**8  # tokens; what is longer is sparse after so many
CHUNK = 10**7
READ_ROUNDS = 7  # of the loader that reads everything
COLUMNS = {
    "startup_us": "start-up",
    "first_batch_us": "first batch, pages cached",
    "untouched_us": "first batch, pages untouched",
}
Sample = tuple[float, float, float]  # microseconds, as in COLUMNS


def write(folder: Path, tokens: int, written: int = WRITTEN) -> Corpus:
    """A token file of that length: random ids, or for a longer one a megabyte of them and then a hole."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    left = tokens if tokens <= written else 2**19
    with (folder / "train.bin").open("wb") as out:
        while left:
            part = min(left, CHUNK)
            out.write(draw.integers(0, 50_000, part, dtype=np.uint16).tobytes())
            left -= part
        out.truncate(2 * tokens)
    return Corpus(
        folder,
        Manifest(
            name=f"startup-{tokens}", kind="foreign", dtype="uint16", vocab_size=50_000,
            num_tokens={"train": tokens}, token_files={"train": "train.bin"}, fingerprint=f"startup-{tokens}",
        ),
    )  # fmt: skip


def once(make: Any, corpus: Corpus, seed: int, shape: tuple[int, int]) -> tuple[float, float]:
    """Microseconds from calling the factory to the iterable, and from there to the first batch."""
    config = LoaderConfig(batch_size=shape[0], seq_len=shape[1], seed=seed)
    began = time.perf_counter()
    loader = make(corpus, config)
    opened = time.perf_counter()
    next(iter(loader))
    there = time.perf_counter()
    loader.close()
    return (opened - began) * 1e6, (there - opened) * 1e6


def both(make: Any, corpus: Corpus, smallest: Corpus, seed: int, shape: tuple[int, int]) -> Sample:
    """Open it twice: the second time, the pages of the first batch have been read."""
    once(make, smallest, seed, shape)
    startup, untouched = once(make, corpus, seed, shape)
    once(make, smallest, seed, shape)
    _, cached = once(make, corpus, seed, shape)
    return startup, cached, untouched


def measure(
    folder: Path,
    sizes: tuple[int, ...] = SIZES,
    rounds: int = 101,
    written: int = WRITTEN,
    shape: tuple[int, int] = (12, 1024),
) -> list[dict[str, Any]]:
    """Rows of medians with their 95 % intervals, microseconds, and the samples they are made of."""
    corpora = {size: write(folder / str(size), size, written) for size in sizes}
    cases = [(name, make, size) for name, make in MAPS.items() for size in sizes]
    reads = [("in_memory", in_memory, size) for size in sizes if size <= written]
    samples: dict[tuple[str, int], list[Sample]] = {(n, s): [] for n, _, s in cases + reads}
    order = random.Random(1337)
    for turn in range(-2, rounds):  # two rounds to warm up
        taking = cases + (reads if turn < READ_ROUNDS else [])
        order.shuffle(taking)
        for name, make, size in taking:
            took = both(make, corpora[size], corpora[min(sizes)], turn + 2, shape)
            if turn >= 0:
                samples[name, size].append(took)
    return [row(name, size, corpora[size], taken) for (name, size), taken in samples.items()]


def row(name: str, tokens: int, corpus: Corpus, taken: list[Sample]) -> dict[str, Any]:
    """One line of the table."""
    status = corpus.token_file("train").stat()
    found: dict[str, Any] = {"loader": name, "tokens": tokens, "n": len(taken), "file_bytes": status.st_size}
    found["disk_bytes"] = status.st_blocks * 512
    for place, what in enumerate(COLUMNS):
        values = [one[place] for one in taken]
        found[what], found[f"{what}_low"], found[f"{what}_high"] = median_interval(values)
        found[f"{what}_samples"] = values
    return found


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """The table as Markdown: medians with 95 % intervals."""
    told = [
        f"| loader | tokens | {' | '.join(COLUMNS.values())} | n |",
        "| :-- | --: | --: | --: | --: | --: |",
    ]
    for one in rows:
        ends = [(microseconds(one[f"{what}_low"]), microseconds(one[f"{what}_high"])) for what in COLUMNS]
        cells = [
            f"{microseconds(one[what])} ({low} to {high})"
            for what, (low, high) in zip(COLUMNS, ends, strict=True)
        ]
        sparse = ", sparse" if one["disk_bytes"] < one["file_bytes"] // 2 else ""
        told.append(f"| `{one['loader']}` | {one['tokens']:.0e}{sparse} | {' | '.join(cells)} | {one['n']} |")
    return told


def main() -> int:
    """Measure, print the table, and write the samples where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=101)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loadstone-startup-") as folder:
        rows = measure(Path(folder), rounds=given.rounds)
    print("\n".join(lines(rows)))
    if given.json:
        machine = describe_machine()
        told = {"machine": {"identity": machine.identity, "notes": machine.notes}, "rows": rows}
        given.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
