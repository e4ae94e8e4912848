"""The late device itself: what a copy is, what waits, and an account of both."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from .memory import DeviceMemory, PinnedMemory, read_address
from .streams import Stream, Timeline
from .tensors import LateTensor

_OWN = str(Path(__file__).parent)
_TORCH = str(Path(torch.__file__).parent)
CUDA = torch.device("cuda", 0)


class Device:
    """One late device; ``copies`` and ``waits`` count what was asked of it, by kind and place.

    A copy from the host reads its source late only where CUDA may: page-locked memory, the same
    dtype, both sides contiguous, ``non_blocking``. Anything else is read before the call returns:
    pageable memory is staged first (CUDA API synchronization behavior: the call returns once the
    buffer has been copied to staging memory, and the rest may come later), and PyTorch converts or
    gathers on the host into a temporary of its own. A blocking copy waits for its stream.
    """

    def __init__(self, schedule: str) -> None:
        self.timeline = Timeline(schedule)
        self.memory, self.pinned = DeviceMemory(), PinnedMemory()
        self.copies: Counter[tuple[str, str, str]] = Counter()  # (source, how, place) of copies to the device
        self.waits: Counter[tuple[str, str]] = Counter()  # (call, place) of calls that wait

    @property
    def stream(self) -> Stream:
        """The current stream of this thread."""
        return self.timeline.current

    def kernel(self, work: Callable[[], object]) -> None:
        """Queue work on the current stream."""

        def run() -> None:
            with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
                work()

        self.timeline.queue(self.stream, run)

    def wait(self, why: str, stream: Stream | None = None) -> None:
        """Let the host wait for a stream (the current one)."""
        self.waited(why)
        self.timeline.reach((stream or self.stream).mark())

    def waited(self, why: str) -> None:
        """Note that the host waits, and where."""
        self.waits[why, place()] += 1

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """A device tensor whose content is whatever was there before."""
        return self.memory.allocate(shape, dtype, self.stream).as_subclass(LateTensor)

    def send(self, target: torch.Tensor, source: torch.Tensor, non_blocking: bool) -> None:
        """Copy host memory into a device tensor."""
        raw, kind = self.memory.raw(target), self.pinned.kind(source)
        alike = source.dtype == raw.dtype and source.shape == raw.shape
        direct = alike and source.is_contiguous() and raw.is_contiguous()
        how = "waits" if not non_blocking else "queued" if kind and direct else "staged"
        self.copies[kind or "pageable", how, place()] += 1
        if not (kind and direct):
            staged = source.detach().clone()
            self.kernel(lambda: raw.copy_(staged))
        elif kind == "registered":
            address, like = source.data_ptr(), torch.empty(source.shape, dtype=source.dtype, device="meta")
            self.kernel(lambda: raw.copy_(read_address(address, like)))
        else:
            held = source.detach()
            self.kernel(lambda: raw.copy_(held))
        if not non_blocking:
            self.wait("copy to the device that blocks")

    def fetch(self, source: torch.Tensor, target: torch.Tensor | None, non_blocking: bool) -> torch.Tensor:
        """Copy a device tensor to the host: into ``target``, or into new memory.

        As in PyTorch, new memory for a copy that does not block is page-locked, and comes late.
        """
        raw = self.memory.raw(source)
        if target is None and non_blocking:
            target = self.pinned.empty(raw.shape, raw.dtype)
        if target is None:
            target, non_blocking = torch.empty(raw.shape, dtype=raw.dtype), False
        held = target
        self.kernel(lambda: held.copy_(raw))
        if not (non_blocking and self.pinned.kind(target)):
            self.wait("copy to the host")
        return target

    def account(self) -> dict[str, Any]:
        """Copies and waits as plain data."""
        return {
            "copies": [[*key, count] for key, count in self.copies.items()],
            "waits": [[*key, count] for key, count in self.waits.items()],
        }


def place() -> str:
    """``file:line`` of the first caller outside this package and torch."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_OWN, _TORCH)):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
