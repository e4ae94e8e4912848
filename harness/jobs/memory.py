"""Take batches in a process of its own and sample its memory as it goes, as long as it is asked to.

The process is forked from one whose allocator is exact (:data:`loadstone.harness.launch.EXACT`).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from ...reports.document import MemorySeries
from ...suites.throughput import Facts
from ..answers import WAITING, Given, Sampled, Stretch
from ..subjects import SubjectRef, open_spec
from ..wire import Channel
from . import gauges
from .opening import first_batch, forever, open_loader

MOST_SAMPLES = 4096
COLUMNS = (
    "batch", "live_bytes", "arrow_bytes", "pinned_bytes", "rss_anon_bytes", "rss_file_bytes",
    "rss_shmem_bytes", "files", "mappings", "threads", "children", "segments",
)  # fmt: skip


def work(
    channel: Channel, subject: dict[str, Any], config: dict[str, Any], folder: str, manifest: dict[str, Any]
) -> None:
    """Send a :class:`Sampled` for the first batch and for every :class:`Stretch` asked for; in the end
    (any other word) :class:`Given`.
    """
    import torch

    torch.set_num_threads(1)
    with contextlib.suppress(ValueError, OSError):  # a leak of descriptors is to be seen, not died of
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    known = set(gauges.mapped_files())
    loader, facts = open_loader(subject, config, folder, manifest)
    begun, item = first_batch(loader, facts)
    if loader is None or begun is None:
        channel.send(Sampled(facts))
        return
    del item
    spec = open_spec(msgspec.convert(subject, SubjectRef))
    sampler = Sampler(loader, spec.traits.buffered)
    taking = Taking(forever(loader, begun), sampler)
    gc.collect()
    gc.freeze()  # what is there now is not looked at again, which makes each collection cheap
    sampler.take(1)
    channel.send(sampler.message(facts))
    while isinstance(word := channel.receive_plain(), dict):
        asked = msgspec.convert(word, Stretch)
        ended, late = taking.stretch(asked)
        channel.send(sampler.message(facts, ended, late=late))
    channel.send(Given(gauges.give_back(known)))


class Taking:
    """Takes batches and drops each at once."""

    def __init__(self, items: Iterator[Any], sampler: Sampler) -> None:
        self.items, self.sampler, self.taken = items, sampler, 1
        self.began = time.process_time(), time.monotonic()

    def _over(self, seconds: float) -> bool:
        used, waited = time.process_time() - self.began[0], time.monotonic() - self.began[1]
        return used > seconds or waited > WAITING * seconds

    def stretch(self, asked: Stretch) -> tuple[str, bool]:
        """Go on as asked; what the loader raised, and whether the time was over first."""
        while self.taken < asked.until:
            try:
                next(self.items)
            except BaseException as error:  # noqa: BLE001 - a subject may raise anything
                return _told(error), False
            self.taken += 1
            if self.taken % asked.every == 0:
                room = self.sampler.take(self.taken)
                if not room or self._over(asked.seconds):
                    return "", True
        return "", False


def _told(error: BaseException) -> str:
    if isinstance(error, StopIteration):
        return "it gave no batch in a further pass"
    if isinstance(error, MemoryError):
        return "it ran out of the memory it may take (MemoryError)"
    return f"it raised {type(error).__name__}: {' '.join(str(error).split())[:300]}"


class Sampler:
    """Samples into memory that was reserved beforehand, so that sampling does not grow."""

    def __init__(self, loader: Iterable[Any], buffered: Callable[[Any], int] | None) -> None:
        import numpy as np

        self.loader, self.buffered = loader, buffered
        self.table = np.zeros((MOST_SAMPLES, len(COLUMNS) + 1), np.int64)
        self.count = self.sent = 0
        self.pinned = gauges.pinned_bytes() is not None
        libc = ctypes.CDLL(None)
        self.trim = getattr(libc, "malloc_trim", lambda _: 0)

    def take(self, batch: int) -> bool:
        """One sample; False if there is room for no more."""
        gc.collect()
        gauges.forget_lookups()
        self.trim(0)
        arrow = gauges.arrow_bytes()
        held = int(self.buffered(self.loader)) if self.buffered else 0
        live, pinned = gauges.live_bytes() - arrow, gauges.pinned_bytes() or 0
        anonymous, file, shared, threads = gauges.status()
        files, maps, below, segments = gauges.census()
        self.table[self.count] = (
            batch, live, arrow, pinned, anonymous, file, shared, files, maps, threads, below, segments, held,
        )  # fmt: skip
        self.count += 1
        return self.count < MOST_SAMPLES

    def message(self, facts: Facts, ended: str = "", *, late: bool = False) -> Sampled:
        """The samples since the last message."""
        columns = [column.tolist() for column in self.table[self.sent : self.count].T]
        self.sent = self.count
        series = MemorySeries(**dict(zip(COLUMNS, columns, strict=False)))
        if not self.pinned:
            series.pinned_bytes = []
        held = columns[-1] if self.buffered else []
        return Sampled(facts, series, held, gauges.missing_measure(), ended, late)
