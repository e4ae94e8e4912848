"""Cutting batches (x, y) out of a one-dimensional array of token ids.

Two cuts. Both widen straight into memory that nobody else holds (:mod:`.memory`), so a batch belongs
to whoever received it: it outlives the source and later batches do not touch it.

- :func:`random_windows`: each row is a window of T+1 tokens from a start of its own.
- :func:`sequential_windows`: the rows follow one another in the stream, T tokens apart.

In both y is x one token on, and ``y.view(-1)`` works because both are contiguous.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from ..errors import DataError
from .memory import BatchMemory

Tokens = npt.NDArray[np.integer[Any]]  # (n,), of any width


class TokenSpans(Protocol):
    """Ids one after the other, and how stretches of them are had."""

    def __len__(self) -> int:
        """Ids in all."""
        ...

    def span(self, first: int, count: int) -> Tokens:
        """The ``count`` ids from ``first`` on, (count,)."""
        ...

    def windows(self, starts: npt.NDArray[np.int64], width: int) -> Tokens:
        """The windows of ``width`` ids that begin at ``starts``, (len(starts), width)."""
        ...


class TokenArray:
    """Ids in an array or a map, (n,), contiguous, of any integer width; they are not changed."""

    def __init__(self, ids: Tokens) -> None:
        self._ids = ids
        self._every, self._width = ids, 0  # every window of the width last asked for

    def __reduce__(self) -> tuple[type[TokenArray], tuple[Tokens]]:
        return TokenArray, (self._ids,)  # the view of every window would be pickled window by window

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def nbytes(self) -> int:
        """Bytes of the ids."""
        return self._ids.nbytes

    def span(self, first: int, count: int) -> Tokens:
        """The ``count`` ids from ``first`` on, (count,), a view."""
        return self._ids[first : first + count]

    def windows(self, starts: npt.NDArray[np.int64], width: int) -> Tokens:
        """The windows of ``width`` ids that begin at ``starts``, (len(starts), width), copied.

        Raises:
            IndexError: a start past the last legal one.
        """
        if width != self._width:
            self._every, self._width = _every_window(self._ids, width), width
        return self._every[starts]


Pair = tuple[torch.Tensor, torch.Tensor]  # x and y, int64 (B, T) each


def check_length(num_tokens: int, seq_len: int, where: str) -> None:
    """Make sure that at least one window of ``seq_len + 1`` tokens fits.

    Raises:
        DataError: fewer tokens than that.
    """
    if num_tokens <= seq_len:
        raise DataError(
            f"{where} holds {num_tokens} tokens, but a row of sequence length {seq_len} and its "
            f"shifted targets need {seq_len + 1}; take a shorter sequence length or more data."
        )


def draw_starts(
    rng: np.random.Generator, num_tokens: int, seq_len: int, batch_size: int
) -> npt.NDArray[np.int64]:
    """Starts, int64 (B,), of windows of T+1 tokens, drawn with replacement.

    Every legal start, 0 to ``num_tokens - seq_len - 1`` inclusive, is equally likely: the last
    one makes the final token of the source the last target.

    Raises:
        ValueError: the source is too short for any window.
    """
    return rng.integers(0, num_tokens - seq_len, batch_size, dtype=np.int64)  # upper end exclusive


def random_windows(
    tokens: TokenSpans,
    starts: npt.NDArray[np.int64],
    seq_len: int,
    device: str = "cpu",
    memory: BatchMemory | None = None,
) -> Pair:
    """Cut one window for each start.

    Args:
        tokens: source ids.
        starts: first token of each row, int64 (B,).
        seq_len: T.
        device: where the batch is wanted.
        memory: where batches of this loader take theirs from; new memory unless given.

    Returns:
        x and y, int64 (B, T) each, in memory of their own.

    Raises:
        IndexError: a start past the last legal one.
    """
    # One gather in the source's own width, then two widening copies: no loop and no stack.
    rows = tokens.windows(starts, seq_len + 1)  # (B, T+1)
    memory = memory or BatchMemory(device)
    x, x_cells = memory.empty(len(starts), seq_len)
    y, y_cells = memory.empty(len(starts), seq_len)
    np.copyto(x_cells, rows[:, :-1])
    np.copyto(y_cells, rows[:, 1:])
    return to_device(x, device), to_device(y, device)


def sequential_windows(
    tokens: TokenSpans,
    start: int,
    rows: int,
    seq_len: int,
    device: str = "cpu",
    memory: BatchMemory | None = None,
) -> Pair:
    """Cut ``rows`` consecutive rows that begin at ``start``.

    x and y are contiguous views of one buffer of rows*T+1 ids, one id apart. That halves
    the writing, but a consumer that overwrites y (to mask targets, say) overwrites x with it and
    should clone first.

    Returns:
        x and y, int64 (rows, T) each.

    Raises:
        IndexError: the source ends before the last target.
    """
    count = rows * seq_len
    if start < 0 or start + count >= len(tokens):
        raise IndexError(
            f"{rows} rows of {seq_len} tokens from {start} on, and one target more, "
            f"do not fit into {len(tokens)} tokens"
        )
    flat, cells = (memory or BatchMemory(device)).empty(count + 1)
    np.copyto(cells, tokens.span(start, count + 1))
    return shifted_views(flat, seq_len, device)


def shifted_views(flat: torch.Tensor, seq_len: int, device: str) -> Pair:
    """The two sides, (rows, T) each, of a flat buffer (rows*T+1,): two contiguous views, one token apart.

    The buffer goes to the device in one copy.
    """
    flat = to_device(flat, device)
    return side_of(flat, seq_len, 0), side_of(flat, seq_len, 1)


def side_of(flat: torch.Tensor, seq_len: int, first: int) -> torch.Tensor:
    """The rows, (rows, T), of a flat buffer (rows*T+1,), from its first token on (0) or its second (1)."""
    # One call; a slice that is then viewed would be two, each dearer than copying a row.
    return flat.as_strided(((flat.numel() - 1) // seq_len, seq_len), (seq_len, 1), first)


def to_device(tensor: torch.Tensor, device: str) -> torch.Tensor:
    """Put a tensor where it is wanted: on the CPU as it is, on CUDA by way of pinned memory.

    The copy to CUDA is queued, not waited for. The pinned memory is never written again, and
    PyTorch's allocator hands it out anew only after the copy has run, so the queue may be long.
    """
    if device == "cpu":
        return tensor
    if not _is_cuda(device):
        return tensor.to(device)
    pinned = tensor if tensor.is_pinned() else tensor.pin_memory()
    return pinned.to(device, non_blocking=True)


def _every_window(tokens: Tokens, width: int) -> Tokens:
    """A view, (n - width + 1, width), whose row i is the window that starts at i.

    The same as numpy's ``sliding_window_view``, without its 6 us of checks, which a map that lives for
    one batch would pay for each. The constructor itself refuses strides that leave the buffer.
    """
    shape = (len(tokens) - width + 1, width)
    return np.ndarray(shape, tokens.dtype, buffer=tokens, strides=tokens.strides * 2)


def _is_cuda(device: str) -> bool:
    return device.startswith("cuda")
