"""Where the progress of a job goes."""

from __future__ import annotations

from typing import Protocol


class Telling(Protocol):
    """A line of progress, or nothing at all."""

    def step(self, text: str) -> None:
        """Say what is running now."""
        ...

    def advance(self, n: int = 1) -> None:
        """Say that a part is done."""
        ...
