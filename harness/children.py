"""A running child as its parent sees it: heard, asked and ended under deadlines."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .child import BROKE
from .wire import Channel, Closed, Silence

if TYPE_CHECKING:
    from .launch import Launcher

OUTPUT_TAIL = 4000  # characters of a subject's own output worth keeping


class Child:
    """A running child: frames come out of it, words may go in.

    Attributes:
        status: exit code, or minus the signal; None while unknown.
        late: whether it was killed for passing its deadline.
    """

    def __init__(self, channel: Channel, pid: int, folder: Path, launcher: Launcher) -> None:
        self.channel, self.pid, self.folder, self.launcher = channel, pid, folder, launcher
        self.status: int | None = None
        self.late = False

    def frames(self, deadline_s: float) -> Generator[bytes, None, None]:
        """Message bodies until the child ends; killed when the deadline passes first."""
        deadline = time.monotonic() + deadline_s
        try:
            while True:
                yield self.channel.receive(deadline)
        except Silence:
            self.late = True
        except Closed:
            pass
        finally:
            self.stop()

    def ask(self, question: Any, deadline_s: float) -> Any:
        """Send a word and wait for the answer; None if it ended or passed the deadline."""
        try:
            self.channel.send(question)
        except Closed:
            self.stop()
            return None
        return self.hear(deadline_s)

    def hear(self, deadline_s: float) -> Any:
        """Wait for one message; None if it ended or passed the deadline, and it is stopped then."""
        try:
            return self.channel.receive_plain(time.monotonic() + deadline_s)
        except Silence:
            self.late = True
        except Closed:
            pass
        self.stop()
        return None

    def stop(self) -> None:
        """End it, with everything it started, and learn its status."""
        self.channel.close()  # a child that waits for a word takes this for its leave
        if self.status is None:
            self.launcher.finish(self, patience_s=0.0 if self.late else 2.0)

    def fate(self) -> str:
        """In words, how it ended: only of use when it did not end well."""
        if self.late:
            return "deadline"
        if self.status is not None and self.status < 0:
            return f"killed by {_signal_name(-self.status)}"
        last = self.last_line() if self.status == BROKE else ""
        return f"exit code {self.status}" + (f": {last}" if last else "")

    def last_line(self) -> str:
        """The last line of its output, in which a traceback names the error."""
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        return lines[-1][:200] if lines else ""

    def output(self) -> str:
        """The last of what it wrote to its standard error and output."""
        parts = []
        for name in ("stderr.txt", "stdout.txt"):
            with contextlib.suppress(OSError), (self.folder / name).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - OUTPUT_TAIL))
                parts.append(file.read().decode("utf-8", "replace"))
        return "\n".join(part for part in parts if part.strip())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
