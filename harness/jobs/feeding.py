"""Feed an emulated accelerator: take a batch, wait for a step, over and over.

The step uses no CPU, for the accelerator computes; the process sleeps until the step is over, and
a background thread, where there is one, has the core to itself meanwhile.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import time
from collections.abc import Iterator
from typing import Any

import torch

from ...loaders.prefetch import Prefetch
from ...suites.feeding import Fed
from ...suites.throughput import Facts
from ..wire import Channel
from .opening import first_batch, forever, open_loader

MIN_STEPS = 4  # in a turn, however long a step is
_PR_SET_TIMERSLACK = 29


def work(
    channel: Channel,
    subject: dict[str, Any] | None,
    config: dict[str, Any],
    folder: str,
    manifest: dict[str, Any],
    *,
    cpu: int,
    step_s: float,
    depth: int,
    batch: str,
) -> None:
    """Send :class:`Facts`, then a :class:`Fed` for every number of seconds received.

    Args:
        channel: to the parent.
        subject: None for a loader that costs nothing.
        config: of the loader.
        folder: of the corpus.
        manifest: of the corpus.
        cpu: the core that all of it runs on.
        step_s: how long the accelerator computes on a batch.
        depth: batches that a background thread keeps ready; 0 for no thread.
        batch: how long a batch of this loader lasts, as in the trait.
    """
    os.sched_setaffinity(0, {cpu})
    torch.set_num_threads(1)
    # A sleep may otherwise end 50 us late, which is no fault of the loader's.
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1000)
    items: Iterator[Any] = itertools.repeat(None)
    if subject is None:
        channel.send(Facts())
    else:
        loader, facts = open_loader(subject, config, folder, manifest)
        if loader is not None and depth:
            loader = Prefetch(loader, depth, batch)
        begun, _ = first_batch(loader, facts, config["seq_len"])
        channel.send(facts)
        if loader is None or begun is None:
            return
        items = forever(loader, begun)
    while True:
        seconds = channel.receive_plain()
        run_turn(items, step_s, 0.0, depth + 1)  # what was ready before the turn began counts for nothing
        channel.send(run_turn(items, step_s, seconds, MIN_STEPS))


def run_turn(items: Iterator[Any], step_s: float, seconds: float, least: int) -> Fed:
    """Make steps for about that long, and no fewer than ``least``."""
    step, budget = int(step_s * 1e9), int(seconds * 1e9)
    steps = waited = 0
    began = asked = time.perf_counter_ns()
    while steps < least or asked - began < budget:
        batch = next(items)  # held during the step, as a consumer holds it
        there = time.perf_counter_ns()
        waited += there - asked
        while (left := there + step - time.perf_counter_ns()) > 0:
            time.sleep(left / 1e9)
        asked = time.perf_counter_ns()
        steps += 1
    del batch
    return Fed(steps, (asked - began) / 1e9, waited / 1e9)
