"""Streams and events of a device that carries everything out as late as it may.

CUDA promises order within a stream and, across streams, only what events ask for. A loader may lean
on nothing else, so this device grants nothing else. When queued work really runs is the schedule:

- ``prompt``: at once, as on a device with nothing to do. It hides every race.
- ``late``: only when a host call has to wait for it, and then no more than that call needs. At the
  end the default stream runs first; what another stream should have delivered and nobody waited
  for has not arrived.
- ``busy``: the default stream stands still, as behind a long kernel, until a host call waits for
  it; other streams run as soon as the events they wait for allow.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from collections import deque
from collections.abc import Callable

SCHEDULES = ("prompt", "late", "busy")
POLLS = 3  # times an event is asked in vain before it has come to pass: who polls must get an answer


@dataclasses.dataclass(frozen=True)
class Mark:
    """A place in a stream: all that had been queued there."""

    stream: Stream
    number: int

    @property
    def passed(self) -> bool:
        """Whether the stream has come so far."""
        return self.stream.done >= self.number


class Timeline:
    """All streams of the device, and the schedule by which their work runs.

    Raises:
        ValueError: no such schedule.
    """

    def __init__(self, schedule: str) -> None:
        if schedule not in SCHEDULES:
            raise ValueError(f"there is no schedule {schedule!r}; there are {', '.join(SCHEDULES)}")
        self.schedule, self.pid = schedule, os.getpid()
        self.lock = threading.RLock()
        self.default = Stream(self)
        self.streams = [self.default]
        self._current = threading.local()

    @property
    def current(self) -> Stream:
        """The stream of this thread; each thread begins on the default one."""
        found: Stream = getattr(self._current, "stream", self.default)
        return found

    @current.setter
    def current(self, stream: Stream) -> None:
        self._current.stream = stream

    def queue(self, stream: Stream, work: Callable[[], object] | Mark) -> None:
        """Put work, or a wait for a place in another stream, at a stream's end.

        Raises:
            RuntimeError: this is a forked process, which CUDA refuses as well.
        """
        if os.getpid() != self.pid:
            raise RuntimeError(
                "Cannot re-initialize CUDA in forked subprocess. Use the 'spawn' start method."
            )
        with self.lock:
            stream.works.append(work)
            stream.issued += 1
            if self.schedule == "prompt":
                self.reach(stream.mark())
            elif self.schedule == "busy":
                self._run_others()

    def reach(self, mark: Mark) -> None:
        """Run a stream up to a place, and others only where it waits for them."""
        with self.lock:
            stream = mark.stream
            while not mark.passed:
                work = stream.works.popleft()
                if isinstance(work, Mark):
                    self.reach(work)
                else:
                    work()
                stream.done += 1
            if self.schedule == "busy":
                self._run_others()

    def _run_others(self) -> None:
        moved = True
        while moved:
            moved = False
            for stream in self.streams[1:]:
                while stream.works and not (isinstance(stream.works[0], Mark) and not stream.works[0].passed):
                    work = stream.works.popleft()
                    if not isinstance(work, Mark):
                        work()
                    stream.done += 1
                    moved = True

    def drain(self) -> None:
        """Run everything: the default stream first, others after it."""
        for stream in list(self.streams):
            self.reach(stream.mark())

    @property
    def pending(self) -> int:
        """Works that are queued and have not run."""
        return sum(stream.issued - stream.done for stream in self.streams)


class Stream:
    """A queue of work in order."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.works: deque[Callable[[], object] | Mark] = deque()
        self.issued = self.done = 0

    def mark(self) -> Mark:
        """The place at its end."""
        return Mark(self, self.issued)


class Recording:
    """The state of an event: the place it was last recorded at, if it was."""

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self.asked = 0

    def record(self, stream: Stream) -> None:
        """Stand for all that is queued in a stream now."""
        self.mark, self.asked = stream.mark(), 0

    def hold_back(self, stream: Stream) -> None:
        """Let a stream wait for it; an event that was never recorded holds nothing back."""
        if self.mark is not None:
            stream.timeline.queue(stream, self.mark)

    def reach(self) -> None:
        """Let the host wait for it."""
        if self.mark is not None:
            self.mark.stream.timeline.reach(self.mark)

    def query(self) -> bool:
        """Whether it has come to pass; after some questions it has."""
        if self.mark is None or self.mark.passed:
            return True
        self.asked += 1
        if self.asked > POLLS:
            self.reach()
            return True
        return False
