"""What a loader holds of the late device: streams and events, under the names of ``torch.cuda``."""

from __future__ import annotations

from typing import Any, ClassVar

from .device import CUDA, Device
from .streams import Recording
from .streams import Stream as Queue


class Stream:
    """Stands in for ``torch.cuda.Stream``; :func:`classes` binds it to a device."""

    late: ClassVar[Device]
    device = CUDA
    priority = 0

    def __init__(self, *_: Any, queue: Queue | None = None, **__: Any) -> None:
        timeline = self.late.timeline
        if queue is None:
            queue = Queue(timeline)
            timeline.streams.append(queue)
        self.queue, self._asked, self._before = queue, Recording(), []  # type: ignore[var-annotated]

    @property
    def cuda_stream(self) -> int:
        """A number of its own; the default stream's is 0."""
        return self.late.timeline.streams.index(self.queue)

    stream_id = cuda_stream

    def wait_event(self, event: Event) -> None:
        """What is queued from now on runs after the event."""
        event.recording.hold_back(self.queue)

    def wait_stream(self, stream: Stream) -> None:
        """What is queued from now on runs after all that is queued there now."""
        self.late.timeline.queue(self.queue, stream.queue.mark())

    def record_event(self, event: Event | None = None) -> Event:
        """An event (a new one) that stands for all that is queued here now."""
        made: Event = event if event is not None else classes(self.late)[1]()
        made.recording.record(self.queue)
        return made

    def synchronize(self) -> None:
        """Let the host wait for all of it."""
        self.late.wait("synchronize of a stream", self.queue)

    def query(self) -> bool:
        """Whether all of it has run."""
        if self._asked.mark is None or self._asked.mark.passed:
            self._asked.record(self.queue)
        return self._asked.query()

    def __enter__(self) -> Stream:
        self._before.append(self.late.timeline.current)
        self.late.timeline.current = self.queue
        return self

    def __exit__(self, *_: object) -> None:
        self.late.timeline.current = self._before.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.queue is self.queue

    def __hash__(self) -> int:
        return id(self.queue)


class Event:
    """Stands in for ``torch.cuda.Event``. Its times would mean nothing, so they are zero."""

    late: ClassVar[Device]

    def __init__(self, *_: Any, **__: Any) -> None:
        self.recording = Recording()

    def record(self, stream: Stream | None = None) -> None:
        """Stand for all that is queued in a stream (the current one) now."""
        self.recording.record(stream.queue if stream is not None else self.late.stream)

    def wait(self, stream: Stream | None = None) -> None:
        """Let a stream (the current one) wait for it."""
        self.recording.hold_back(stream.queue if stream is not None else self.late.stream)

    def synchronize(self) -> None:
        """Let the host wait for it."""
        self.late.waited("synchronize of an event")
        self.recording.reach()

    def query(self) -> bool:
        """Whether it has come to pass."""
        return self.recording.query()

    def elapsed_time(self, _: Event) -> float:
        """Zero."""
        return 0.0


def classes(device: Device) -> tuple[type[Stream], type[Event]]:
    """Streams and events of one device."""
    stream = type("Stream", (Stream,), {"late": device})
    event = type("Event", (Event,), {"late": device})
    return stream, event
