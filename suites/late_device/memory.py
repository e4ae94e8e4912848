"""Memory of the late device: blocks that are given again the moment they may be, and pinned host memory.

Device memory is handed out as PyTorch's caching allocator does: a block that nobody on the host
refers to any more goes to the next request of its size *on the stream it was made on*, at once, even
while work on another stream still reads it. Only ``record_stream`` says that there is such work.

Pinned memory made by torch is given again only after the copies from it have run, so it is never
given again here. Memory of the loader's own that it registered (``cudaHostRegister``) has no such
guard: a late copy from it reads whatever is at that address by then.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.multiprocessing.reductions import StorageWeakRef

from .poison import POISON
from .streams import Mark, Stream

ROUNDED = 512  # bytes of the smallest block, as in PyTorch's allocator


def _weak(tensor: torch.Tensor) -> Any:
    """A weak reference to the storage of a tensor, which outlives the tensor in its views."""
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]


class Block:
    """Device memory. ``raw`` is the device's own view of it; what the host holds is another storage."""

    def __init__(self, nbytes: int, stream: Stream) -> None:
        self.array: npt.NDArray[np.uint8] = np.full(nbytes, POISON, np.uint8)
        self.raw = torch.from_numpy(self.array).untyped_storage()
        self.stream = stream
        self.given = _weak(torch.from_numpy(self.array))  # the host's storage, once it has one
        self.used_on: set[Stream] = set()
        self.marks: list[Mark] | None = None

    def give(self) -> torch.Tensor:
        """All of it, uint8 (n,), for the host; while its storage lives the block is taken."""
        given = torch.from_numpy(self.array)
        self.given, self.used_on, self.marks = _weak(given), set(), None
        return given

    def is_free(self) -> bool:
        """Whether the host has let go of it, and the streams that were recorded have passed that point."""
        if not self.given.expired():
            return False
        if self.marks is None:
            self.marks = [stream.mark() for stream in self.used_on]
        return all(mark.passed for mark in self.marks)


class DeviceMemory:
    """All blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._at: dict[int, Block] = {}

    def allocate(self, shape: Sequence[int], dtype: torch.dtype, stream: Stream) -> torch.Tensor:
        """A contiguous tensor in device memory, its content whatever was there before."""
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        nbytes = max(1, -(-size // ROUNDED)) * ROUNDED
        fits = (b for b in self.blocks if b.stream is stream and len(b.array) == nbytes and b.is_free())
        block = next(fits, None)
        if block is None:
            block = Block(nbytes, stream)
            self.blocks.append(block)
            self._at[block.array.ctypes.data] = block
        return block.give()[:size].view(dtype).view(tuple(shape))

    def block_of(self, tensor: torch.Tensor) -> Block | None:
        """The block a tensor lies in; None for host memory."""
        return self._at.get(tensor.untyped_storage().data_ptr())

    def raw(self, tensor: torch.Tensor) -> torch.Tensor:
        """The same view through the device's own storage, which keeps nothing taken."""
        block = self.block_of(tensor)
        if block is None:
            return tensor
        size, stride = tensor.size(), tensor.stride()
        return torch.empty(0, dtype=tensor.dtype).set_(block.raw, tensor.storage_offset(), size, stride)


@dataclasses.dataclass(frozen=True)
class _Pinned:
    start: int
    stop: int
    owner: Any  # a weak reference to torch's storage; None for memory that was registered


class PinnedMemory:
    """Which host addresses are page-locked."""

    def __init__(self) -> None:
        self._ranges: list[_Pinned] = []

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """A page-locked tensor of torch's own."""
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        memory = torch.from_numpy(np.empty(max(1, nbytes), np.uint8))
        start = memory.data_ptr()
        self._ranges = [one for one in self._ranges if one.owner is None or not one.owner.expired()]
        self._ranges.append(_Pinned(start, start + nbytes, _weak(memory)))
        return memory[:nbytes].view(dtype).view(tuple(shape))

    def register(self, start: int, nbytes: int) -> int:
        """Page-lock memory of somebody else; 0, the driver's word for success."""
        self._ranges.append(_Pinned(start, start + nbytes, None))
        return 0

    def unregister(self, start: int) -> int:
        """Undo it; 0 as well."""
        self._ranges = [one for one in self._ranges if one.owner is not None or one.start != start]
        return 0

    def kind(self, tensor: torch.Tensor) -> str:
        """``torch``, ``registered``, or "" for pageable memory."""
        at = tensor.data_ptr()
        around = [one for one in self._ranges if one.start <= at < one.stop]
        if any(one.owner is not None and not one.owner.expired() for one in around):
            return "torch"  # whatever was registered there before has been freed
        return "registered" if any(one.owner is None for one in around) else ""


def read_address(address: int, like: torch.Tensor) -> torch.Tensor:
    """What memory holds at an address now, in a tensor's shape; poison where there is none any more."""
    nbytes = like.numel() * like.element_size()
    found = np.full(nbytes, POISON, np.uint8)
    own = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        read = os.pread(own, nbytes, address)
        found[: len(read)] = np.frombuffer(read, np.uint8)
    except OSError:
        pass  # unmapped by now
    finally:
        os.close(own)
    return torch.from_numpy(found).view(like.dtype).view(like.shape)
