"""Deliver batches in timed slots, when told to; or do what is the limit of all loaders.

The timed loop holds the bare iterator and one clock reading a batch: no normalising, no copies.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from ...loaders.batch import X_KEYS, NotABatch, normalise
from ...suites.throughput import LATENCIES_KEPT, Facts, Slot
from ..wire import Channel
from . import limits
from .opening import first_batch, open_loader

LOOKED_AT = 6  # batches looked at before timing begins
WARM_S = 0.02  # not timed: by so long a new process is 1 to 2 % slower (in_memory, 12 x 1024)
FIRST_PASS_S = 10.0  # at most, of a pass that fills a cache


def work(
    channel: Channel,
    subject: dict[str, Any] | None,
    config: dict[str, Any],
    folder: str,
    manifest: dict[str, Any],
    *,
    cpu: int,
    limit: str = "",
    fixed: bool = False,
    first_pass: int = 0,
) -> None:
    """Send :class:`Facts`, then a :class:`Slot` for every number of seconds received.

    ``cpu`` is the core to run on, -1 for all; ``fixed`` says that all batches are of one shape;
    ``first_pass`` how many tokens go by before anything is timed.
    """
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    torch.set_num_threads(1)
    if subject is None:
        passes = Passes((), limits.limit(limit, config, folder, manifest))
        size = config["batch_size"] * config["seq_len"] if limit == limits.COPY else 0
        count: Callable[[Any], int] = int
        next(passes.items)
        channel.send(Facts())
    else:
        loader, facts = open_loader(subject, config, folder, manifest)
        begun, item = first_batch(loader, facts, config["seq_len"])
        if loader is None or begun is None:
            channel.send(facts)
            return
        passes, count = Passes(loader, begun), counter(item)
        size = count(item) if fixed else 0
        look(itertools.chain([item], itertools.islice(begun, LOOKED_AT)), config["seq_len"], facts)
        if first_pass:
            facts.first_pass_s = go_through(passes, count, first_pass)
        channel.send(facts)
    seconds = channel.receive_plain()
    run_slot(passes, size, count, WARM_S)
    while True:
        channel.send(run_slot(passes, size, count, seconds))
        seconds = channel.receive_plain()


class Passes:
    """The bare iterator of a loader, and a new one whenever it ends."""

    def __init__(self, loader: Iterable[Any], items: Iterator[Any]) -> None:
        self._loader, self.items = loader, items

    def renew(self) -> None:
        """Begin a pass."""
        self.items = iter(self._loader)


def run_slot(passes: Passes, size: int, count: Callable[[Any], int], seconds: float) -> Slot:
    """Take batches for about that long.

    Beside the loader's own work the loop reads a clock and keeps what it said. Tokens are counted
    in it only where batches are not all of one size (``size`` 0).

    Raises:
        RuntimeError: a whole pass gave no batch.
    """
    stamps: list[int] = []
    clock, keep, tokens, before = time.perf_counter_ns, stamps.append, 0, -1
    cpu = time.process_time()
    began = now = clock()
    until = began + int(seconds * 1e9)
    while now < until:
        for item in passes.items:
            now = clock()
            keep(now)
            if not size:
                tokens += count(item)
            if now >= until:
                break
        else:
            if len(stamps) == before:
                raise RuntimeError("a whole pass of the loader gave no batch")
            before = len(stamps)
            passes.renew()
    spent = time.process_time() - cpu
    times = np.diff(stamps, prepend=began) / 1e3
    kept = times[:: max(1, len(times) // LATENCIES_KEPT + 1)]
    return Slot(tokens or size * len(stamps), (now - began) / 1e9, spent, kept.tolist())


def go_through(passes: Passes, count: Callable[[Any], int], tokens: int) -> float:
    """Take so many tokens, or as many as there are in :data:`FIRST_PASS_S`; the seconds it took."""
    began = time.perf_counter()
    while tokens > 0 and time.perf_counter() - began < FIRST_PASS_S:
        taken = 0
        for item in passes.items:
            taken += count(item)
            if taken >= tokens or time.perf_counter() - began >= FIRST_PASS_S:
                break
        else:
            passes.renew()
            if not taken:  # which the first slot will say
                break
        tokens -= taken
    return time.perf_counter() - began


def counter(item: Any) -> Callable[[Any], int]:
    """How to count the tokens of a batch cheaply: its x alone, a token counts once."""
    place: Any = None
    if isinstance(item, (tuple, list)):
        place = 0
    elif isinstance(item, Mapping):
        place = next(key for key in X_KEYS if key in item)
    x = item if place is None else item[place]
    if isinstance(x, np.ndarray):
        return (lambda batch: int(batch.size)) if place is None else (lambda batch: int(batch[place].size))
    return (lambda batch: int(batch.numel())) if place is None else (lambda batch: int(batch[place].numel()))


def look(items: Iterable[Any], seq_len: int, facts: Facts) -> None:
    """Note which share of targets is supervised, and which share continues its row.

    Each batch is looked at as it comes: it may be valid only until the next one.
    """
    supervised = total = right = cells = 0
    for item in items:
        try:
            batch = normalise(item, seq_len)
        except NotABatch:
            continue
        if batch.y is None:
            continue
        counts = batch.y >= 0
        if batch.mask is not None and batch.mask.shape == batch.y.shape:
            counts &= batch.mask != 0
        supervised, total = supervised + int(counts.sum()), total + batch.y.numel()
        if batch.x.shape == batch.y.shape and batch.x.ndim == 2:
            judged = counts[:, :-1]
            same = batch.y[:, :-1] == batch.x[:, 1:]
            right, cells = right + int((same & judged).sum()), cells + int(judged.sum())
    facts.supervised_share = supervised / total if total else 1.0
    facts.successor_share = right / cells if cells else None
