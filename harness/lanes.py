"""Several inquiries side by side: checks are not timed, so two subjects can be asked at once."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .inquiry import Inquiry

T = TypeVar("T")
MOST = 2  # lanes; each has a forking process of its own, which takes memory and a second to start


def wanted(subjects: int) -> int:
    """How many lanes are worth starting for so many subjects."""
    return min(MOST, subjects, len(os.sched_getaffinity(0)))


def side_by_side(lanes: Sequence[Inquiry], items: Iterable[T], work: Callable[[Inquiry, T], None]) -> None:
    """Do the work for every item, each lane taking the next one when it is free.

    An error or an interruption ends the children of all lanes and is raised here.
    """
    waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)

    def drain(lane: Inquiry) -> None:
        while True:
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            work(lane, item)

    if len(lanes) == 1:
        drain(lanes[0])
        return
    with ThreadPoolExecutor(len(lanes)) as pool:
        futures = [pool.submit(drain, lane) for lane in lanes]
        try:
            for future in futures:
                future.result()
        except BaseException:
            while not waiting.empty():
                waiting.get_nowait()
            for lane in lanes:
                lane.launcher.abandon()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
