"""Collecting what children record: one trace each, whatever becomes of the child."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence

import msgspec

from ..suites.trace import End, Frame, Trace
from .children import Child
from .wire import Closed, Silence

_FRAME = msgspec.msgpack.Decoder(Frame)


class Recording:
    """A child that records, and the trace of what came from it so far."""

    def __init__(self, child: Child, trace: Trace) -> None:
        self.child, self.trace = child, trace
        self.began = time.monotonic()
        self.garbled = ""
        self.done = False

    def take(self, deadline: float) -> None:
        """One frame, or the news that there are no more."""
        try:
            self.trace.add(_FRAME.decode(self.child.channel.receive(deadline)))
        except Silence:
            self.late()
        except Closed:
            self._close()
        except msgspec.MsgspecError as error:
            self.garbled = f"it wrote into the socket it is recorded through: {error}"
            self._close()

    def late(self) -> None:
        """The deadline has passed: it is stopped."""
        self.child.late = True
        self._close()

    def _close(self) -> None:
        self.done = True
        self.child.stop()
        self.trace.seconds = time.monotonic() - self.began

    def finish(self) -> Trace:
        """The trace, with the end that no child can send: deadline or death."""
        run = self.trace.batches[-1].run if self.trace.batches else 0
        if self.garbled:
            self.trace.add(End(run=run, how="died", error=self.garbled))
        elif self.child.late:
            self.trace.add(End(run=run, how="deadline", where="next"))
        elif self.child.status != 0 or not self.trace.ends:
            self.trace.add(End(run=run, how="died", error=self.child.fate()))
        if self.trace.broke:
            self.trace.output = self.child.output()
        return self.trace


def gather(recordings: Sequence[Recording], deadline_s: float) -> None:
    """Listen to all of them at once until each has ended or the deadline has passed.

    Ranks may wait for each other, so none is left unheard while another is listened to.
    """
    deadline = time.monotonic() + deadline_s
    try:
        while open_ := [one for one in recordings if not one.done]:
            sockets = {one.child.channel.sock: one for one in open_}
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select(list(sockets), [], [], left)
            for sock in ready:
                sockets[sock].take(deadline)
            if not ready:
                for one in open_:
                    one.late()
    finally:
        for one in recordings:
            one.child.stop()
