"""Native allocations by the line that asked for them: memory of C, C++ and Rust that no object stands for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from .holders import Frames

UNKNOWN = "<unknown>"


class Made(NamedTuple):
    """What one stack made and is still there: files and lines, the innermost first."""

    frames: Frames
    number: int
    size: int
    by: str = ""  # the native function that allocated it, where that is told


class Native:
    """All memory that is taken from the system's allocator, by memray (the extra ``memray``).

    It hooks the calls that libraries make, so that ``malloc`` found by its address (``ctypes``) is not seen.
    See https://bloomberg.github.io/memray/native_mode.html.

    Args:
        frames: of a stack that are told.
    """

    def __init__(self, frames: int) -> None:
        self.frames, self.tracked = frames, ExitStack()
        self.file = Path(tempfile.mkdtemp(), "made")  # in the child's own folder, which goes with it

    def start(self) -> None:
        """Begin to remember, in a file of its own."""
        import memray  # type: ignore[import-not-found,import-untyped,unused-ignore]  # an extra

        self.tracked.enter_context(memray.Tracker(self.file, native_traces=True))

    def made(self) -> Iterator[Made]:
        """What each stack took and did not give back."""
        from memray import FileReader

        self.tracked.close()
        for record in FileReader(self.file).get_leaked_allocation_records(merge_threads=True):
            stack = record.stack_trace(max_stacks=self.frames)
            frames = tuple((file, line) for _, file, line in stack)
            yield Made(frames, record.n_allocations, record.size, _function(record))


def _function(record: Any) -> str:
    """The innermost function whose name is known; no name where memray has no symbols."""
    names = (name for name, _, _ in record.hybrid_stack_trace())
    return next((name for name in names if name and name != UNKNOWN), "memory of C")
