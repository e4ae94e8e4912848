"""Memory beyond the leak: a token file large enough to show page cache, and a loader under its limit."""

from __future__ import annotations

import statistics
import time
from typing import Any

import msgspec
import numpy as np

from ..loaders.corpus import Corpus
from ..reports.document import Memory, UnderLimit
from .launch import Launcher
from .leaks import Watch

ROOM_BYTES = 48 << 20  # of a token file: many times what the first batches touch of it
LONG_FILE = "train-long.bin"
ROUNDS, A_ROUND = 7, 150  # rounds of both, taking turns, and batches of each
NEVER = 1 << 40  # batches between two samples


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


def under_limit(launcher: Launcher, arguments: dict[str, Any], found: Memory, limit: int) -> None:
    """Put into the verdict whether the loader survives its limit, and at what speed beside one without."""
    told = UnderLimit(limit_bytes=limit, survives=False)
    found.under_limit = told
    pair = [
        Watch(launcher.fork("memory", arguments, memory_limit=size), ROUNDS * 20.0) for size in (0, limit)
    ]
    free, limited = pair
    ratios = []
    try:
        for _ in range(ROUNDS):
            seconds = [_round(watch) for watch in pair]
            if limited.over:
                break
            ratios.append(seconds[0] / seconds[1])
    finally:
        for watch in pair:
            watch.child.stop()
    told.batches = len(ratios) * A_ROUND
    told.reason = limited.reason or limited.ended
    told.survives = not told.reason and not free.over
    told.relative_speed = round(statistics.median(ratios), 3) if told.survives and ratios else None


def _round(watch: Watch) -> float:
    """Seconds for the batches of one round."""
    began = time.perf_counter()
    watch.go_on(watch.batches + A_ROUND, every=NEVER)
    return time.perf_counter() - began
