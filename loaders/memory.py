"""Memory for batches that belongs to whoever received them, and comes back when nobody holds it.

A batch in memory never touched before costs page faults and cache misses for every cell: at
64 x 2048 more than all else together. So a buffer is given again once nobody else refers to it, which
Python's reference count tells exactly: a tensor made by ``torch.from_numpy`` holds on to its array
as long as anyone holds the tensor, a view of it, its storage or a NumPy array made of it. A
consumer that keeps its batches gets new memory for each.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

MOST = 8  # arrays kept: x and y of the batch in hand, of the one before, and of two in a prefetcher


def _unused() -> int:
    """How many references there are to an array that only its list knows, those of the question included."""
    for array in [np.empty(0)]:
        found = sys.getrefcount(array)
    return found


UNUSED = _unused()  # it differs between versions of Python


class BatchMemory:
    """Uninitialised integer tensors, page-locked and always new where they are to travel to CUDA.

    PyTorch's own allocator hands page-locked memory out anew, and only after queued copies have run.

    Args:
        device: where the batches are wanted.
        dtype: of the tensors, NumPy's.
    """

    def __init__(self, device: str = "cpu", dtype: npt.DTypeLike = np.int64) -> None:
        self.pinned = device.startswith("cuda")
        self._dtype = np.dtype(dtype)
        self._arrays: list[npt.NDArray[Any]] = []

    def empty(self, *shape: int) -> tuple[torch.Tensor, npt.NDArray[Any]]:
        """A contiguous tensor of that shape, and the array of its memory, through which to write it.

        Both, since the one made from the other costs more than writing a row.
        """
        if self.pinned:
            tensor = torch.from_numpy(np.empty(0, self._dtype)).new_empty(shape, pin_memory=True)
            return tensor, tensor.numpy()
        for array in self._arrays:  # asked as in :func:`_unused`, one by one: this is done for every batch
            if sys.getrefcount(array) == UNUSED and array.shape == shape:
                return torch.from_numpy(array), array
        array = np.empty(shape, self._dtype)
        if len(self._arrays) < MOST:
            self._arrays.append(array)
        return torch.from_numpy(array), array

    @property
    def nbytes(self) -> int:
        """Bytes kept for batches to come, those that consumers hold included."""
        return sum(array.nbytes for array in self._arrays)
