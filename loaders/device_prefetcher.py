"""Sending batches ahead to the device: their copies run while the model computes.

This is the answer to "how do I do this right". Each rule below stands against a bug people had:

- A copy that does not wait reads its source later, so a buffer may be filled again only after its
  copy has run: each of ``slots`` page-locked buffers has an event, waited for before it is refilled.
- The copies run on a stream of their own, so the consumer's stream waits for the event of the batch
  it is about to read: on the device, the host waits for nothing.
- The memory of a batch belongs to the copy stream. ``record_stream`` tells the allocator that another
  stream reads it as well; otherwise, once dropped, it would be given away while it is still read.

What it hides is the copy. The loader itself still works in the consumer's thread; put it behind
:class:`~loadstone.loaders.prefetch.Prefetch` to hide that too: ``DevicePrefetcher(Prefetch(loader))``.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from ..errors import UsageError
from .ahead import Ahead, State, is_sized, take_state


class DevicePrefetcher(Ahead):
    """A loader whose batches arrive on the device, ``slots - 1`` of them on their way at most.

    Batches keep their form: tensors and arrays in tuples, lists and mappings, nested ones too, become
    tensors on the device; anything else stays as it is. They belong to the consumer, whatever the
    loader does with its own memory. Errors and the end of the pass come at the loader's own place.

    On ``cpu`` batches are passed on as they are; on other devices than CUDA they are copied one by one.

    Args:
        loader: any iterable of batches.
        device: where they are wanted, as in ``LoaderConfig.device``.
        slots: page-locked buffers, each as large as a batch; 2 are enough to overlap, a third lets a
            batch that takes longer to load be made up for.

    Raises:
        UsageError: fewer than 2 slots; when iterated over, a CUDA device that is not there.
    """

    def __new__(cls, loader: Iterable[Any], *_: Any, **__: Any) -> DevicePrefetcher:
        """One with a length if the loader has one."""
        sized = cls is DevicePrefetcher and is_sized(loader)
        return super().__new__(SizedDevicePrefetcher if sized else cls)

    def __init__(self, loader: Iterable[Any], device: str | torch.device = "cuda", slots: int = 3) -> None:
        if isinstance(slots, bool) or not isinstance(slots, int) or slots < 2:
            raise UsageError(f"slots must be a whole number of at least 2, not {slots!r}.")
        self.loader, self.device, self.slots = loader, torch.device(device), slots
        self._turn = 0

    def __iter__(self) -> Iterator[Any]:
        self._end()
        if self.device.type == "cuda":
            if not torch.cuda.is_available():
                raise UsageError(f"there is no CUDA device here for device={str(self.device)!r}; take 'cpu'.")
            items = iter(self.loader)  # here, so that what it raises is raised here
            self._kept = take_state(self.loader)
            return self._ahead(items, self._turn)
        self._kept = None  # nothing is fetched ahead, so the loader's own state is the consumer's
        if self.device.type == "cpu":
            return iter(self.loader)
        return (_mapped(lambda part: part.to(self.device), item) for item in self.loader)

    def _end(self) -> None:
        self._turn += 1

    def _ahead(self, items: Iterator[Any], turn: int) -> Iterator[Any]:
        """Keep ``slots - 1`` copies queued, and hand out the oldest."""
        stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        free = deque(_Slot(self.device, stream) for _ in range(self.slots))
        queued: deque[tuple[Any, _Slot, State]] = deque()
        last: tuple[BaseException | None, State] | None = None
        while True:
            while last is None and len(queued) < self.slots - 1:
                try:
                    item = next(items)
                except StopIteration:
                    last = None, take_state(self.loader)
                except Exception as error:  # noqa: BLE001 - raised once the batches before it are gone
                    last = error, State()
                else:
                    slot = free.popleft()
                    queued.append((slot.send(item), slot, take_state(self.loader)))
                    free.append(slot)
            if not queued:
                break
            batch, slot, state = queued.popleft()
            current = torch.cuda.current_stream(self.device)
            current.wait_event(slot.event)
            _mapped(functools.partial(_read_on, current), batch)
            self._kept = state
            yield batch
            del batch
            if self._turn != turn:
                raise RuntimeError("this iteration was ended by another one; go on with a new iter().")
        if last is not None and last[0] is not None:
            raise last[0]
        self._kept = last[1] if last is not None else None


class SizedDevicePrefetcher(DevicePrefetcher):
    """A :class:`DevicePrefetcher` of a loader that has a length."""

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]


class _Slot:
    """Page-locked memory for one batch, and the event after the copy from it."""

    def __init__(self, device: torch.device, stream: torch.cuda.Stream) -> None:
        self.device, self.stream = device, stream
        self.event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._buffers: list[torch.Tensor] = []
        self._used = 0

    def send(self, item: Any) -> Any:
        """Queue the copy of a batch; the batch as it will be on the device."""
        self.event.synchronize()  # the copy before this one has read the buffers
        self._used = 0
        with torch.cuda.stream(self.stream):
            there = _mapped(self._send, item)
            self.event.record(self.stream)
        return there

    def _send(self, part: torch.Tensor) -> torch.Tensor:
        if part.device.type != "cpu":
            return part  # there already, on the stream of whoever sent it
        nbytes, index = part.numel() * part.element_size(), self._used
        self._used += 1
        if index == len(self._buffers) or len(self._buffers[index]) < nbytes:
            buffer = torch.empty(nbytes, dtype=torch.uint8, pin_memory=True)
            self._buffers[index : index + 1] = [buffer]
        staged = self._buffers[index][:nbytes].view(part.dtype).view(part.shape)
        return staged.copy_(part).to(self.device, non_blocking=True)


def _read_on(stream: torch.cuda.Stream, part: torch.Tensor) -> torch.Tensor:
    part.record_stream(stream)
    return part


def _mapped(change: Callable[[torch.Tensor], Any], item: Any) -> Any:
    """The same containers with every tensor and array in them changed."""
    if isinstance(item, np.ndarray):
        item = torch.from_numpy(item)
    if isinstance(item, torch.Tensor):
        return change(item)
    if isinstance(item, Mapping):
        return {name: _mapped(change, value) for name, value in item.items()}
    if isinstance(item, list | tuple):
        values = [_mapped(change, value) for value in item]
        return type(item)(*values) if hasattr(item, "_fields") else type(item)(values)
    return item
