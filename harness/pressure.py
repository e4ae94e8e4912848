"""Memory beyond the leak: a token file large enough to show page cache, and a loader under its limit."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ..loaders.corpus import Corpus
from ..reports.document import Memory, UnderLimit
from .cgroup import Cgroup
from .evicting import evict_all
from .launch import Launcher
from .leaks import Watch

ROOM_BYTES = 48 << 20  # of a token file: many times what the first batches touch of it
LONG_FILE = "train-long.bin"
ROUNDS, A_ROUND = 7, 150  # rounds of both, taking turns, and batches of each
NEVER = 1 << 40  # batches between two samples
LONGEST_S = 20.0  # no further round is begun after


def roomy(corpus: Corpus) -> Corpus:
    """The embedded text with its training tokens over and over; data of the user stays as it is.

    Tokens of the embedded text fit into the pages that a few batches touch, so that a mapped file
    would show no growth of the page cache at all.
    """
    manifest = corpus.manifest
    if manifest.kind != "text" or "train" not in manifest.token_files:
        return corpus
    path = corpus.folder / LONG_FILE
    ids = np.fromfile(corpus.token_file("train"), corpus.token_dtype)
    times = max(1, ROOM_BYTES // ids.nbytes)
    if not path.exists():
        with path.open("wb") as file:
            for _ in range(times):
                ids.tofile(file)
    files = {**manifest.token_files, "train": LONG_FILE}
    tokens = {**manifest.num_tokens, "train": times * len(ids)}
    return Corpus(corpus.folder, msgspec.structs.replace(manifest, token_files=files, num_tokens=tokens))


def under_limit(
    launcher: Launcher, arguments: dict[str, Any], found: Memory, limit: int, folder: Path
) -> None:
    """Put into the verdict whether the loader survives its limit, and at what speed beside one without.

    In a cgroup the limit holds the page cache as well: what is read of the files of ``folder`` counts, so
    that a loader which maps more than it may hold shows how it fares. Elsewhere private memory is limited.
    """
    found.under_limit = told = UnderLimit(limit_bytes=limit, survives=False)
    group = Cgroup.make(limit)
    if group is None:
        _taking_turns(launcher, arguments, told)
        return
    told.counts = "page cache too"
    with group:
        paces, told.reason = _alone(launcher, arguments, folder, group)
        told.batches = len(paces) * A_ROUND
        if told.reason and group.killed:
            told.reason = "the system ended it for taking more than the limit"
    free, broke = _alone(launcher, arguments, folder, None) if paces else ([], "")
    told.survives = bool(paces) and not told.reason and not broke
    if told.survives:
        told.batches_per_s = round(statistics.median(paces), 3)
        told.relative_speed = round(told.batches_per_s / statistics.median(free), 4)


def _alone(
    launcher: Launcher, arguments: dict[str, Any], folder: Path, group: Cgroup | None
) -> tuple[list[float], str]:
    """Batches a second, round by round, from files that are not in memory; and how it broke, if it did.

    Not in turns with one without a limit: pages that one of them reads into the page cache
    are there for the other too, and count for whoever read them first.
    """
    evict_all(folder)
    watch = Watch(launcher.fork("memory", arguments, cgroup=str(group.door) if group else ""), LONGEST_S)
    paces: list[float] = []
    began = time.monotonic()
    try:
        while not watch.over and len(paces) < ROUNDS and time.monotonic() - began < LONGEST_S:
            seconds = _round(watch)
            if not watch.over:
                paces.append(A_ROUND / seconds)
    finally:
        watch.child.stop()
    slow = f"it gave fewer than {A_ROUND} batches in {time.monotonic() - began:.0f} s"
    return paces, slow if watch.child.late else watch.reason or watch.ended


def _taking_turns(launcher: Launcher, arguments: dict[str, Any], told: UnderLimit) -> None:
    """Two processes, one of them limited in its private memory, in turns."""
    pair = [
        Watch(launcher.fork("memory", arguments, memory_limit=size), ROUNDS * 20.0)
        for size in (0, told.limit_bytes)
    ]
    free, limited = pair
    ratios, paces = [], []
    try:
        for _ in range(ROUNDS):
            seconds = [_round(watch) for watch in pair]
            if limited.over:
                break
            ratios.append(seconds[0] / seconds[1])
            paces.append(A_ROUND / seconds[1])
    finally:
        for watch in pair:
            watch.child.stop()
    told.batches = len(ratios) * A_ROUND
    told.reason = limited.reason or limited.ended
    told.survives = not told.reason and not free.over
    if told.survives and ratios:
        told.batches_per_s = round(statistics.median(paces), 3)
        told.relative_speed = round(statistics.median(ratios), 4)


def _round(watch: Watch) -> float:
    """Seconds for the batches of one round."""
    began = time.perf_counter()
    watch.go_on(watch.batches + A_ROUND, every=NEVER)
    return time.perf_counter() - began
