"""Live progress on stderr: what is running, how far, how long still."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.text import Text

from .digest import one_line
from .units import seconds

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as Bar

_QUIET_S = 5.0  # in a log, a line at most this often
_SHORT_S = 2.0  # what is over by then needs no line at all


class Progress:
    """Progress over ``total`` steps, as a context manager; it never writes to stdout.

    A bar on a terminal; plain lines, the first after two seconds and then at most one in five, on a
    dumb terminal or where ``CI`` is set; nothing when ``quiet`` or when stderr goes elsewhere.
    """

    def __init__(self, total: int, quiet: bool = False, *, console: Console | None = None) -> None:
        self._total = total
        self._done = 0
        self._text = ""
        self._console = console or Console(stderr=True, highlight=False, emoji=False)
        self._started = time.monotonic()
        self._last_line = self._started + _SHORT_S - _QUIET_S
        live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._bar: Bar | None = self._make_bar() if live and not quiet else None
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        self._plain = not quiet and not live and (in_ci or self._console.is_terminal)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.done()

    def step(self, text: str) -> None:
        """Say what is running now."""
        self._text = one_line(text, 200)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=self._text)
        self._line()

    def advance(self, n: int = 1) -> None:
        """Count ``n`` steps as finished."""
        self._done += n
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], n)
        self._line()

    def done(self) -> None:
        """Take the bar away; safe to call twice."""
        if self._bar is not None:
            self._bar.stop()

    def _make_bar(self) -> Bar:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar
        from rich.table import Column

        bar = Bar(
            # markup=False: the text names a subject, and a subject may be called [red].
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            expand=True,
        )
        bar.add_task("", total=self._total)
        return bar

    def _line(self) -> None:
        now = time.monotonic()
        if not self._plain or now - self._last_line < _QUIET_S:
            return
        self._last_line = now
        spent = seconds(now - self._started)
        self._console.print(Text(f"{self._done}/{self._total} after {spent}: {self._text}"), soft_wrap=True)
