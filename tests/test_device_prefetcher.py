"""DevicePrefetcher: the same batches whatever the device does, the consumer's state, bounded memory."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import loadstone
import numpy as np
import pytest
import torch
from loadstone.errors import UsageError
from loadstone.loaders.device_prefetcher import DevicePrefetcher
from loadstone.loaders.prefetch import Prefetch
from loadstone.suites.late_device.device import Device
from loadstone.suites.late_device.patches import late_device


class Counting:
    """Batch k is full of k, always in the same memory; its state is the number of batches given."""

    def __init__(self, size: int = 6, fails_at: int = -1) -> None:
        self.size, self.at, self.epoch, self.closed, self.fails_at = size, 0, 0, False, fails_at
        self.buffer = torch.empty(2, 3, dtype=torch.int64)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Any]:
        while self.at < self.size:
            if self.at == self.fails_at:
                raise OSError("the shard is gone")
            self.buffer.fill_(self.at)
            self.at += 1
            yield self.buffer, self.buffer + 100
        self.at = 0

    def state_dict(self) -> dict[str, int]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.at = state["at"]

    def set_epoch(self, epoch: int) -> None:
        self.epoch, self.at = epoch, 0

    def close(self) -> None:
        self.closed = True


@pytest.fixture(params=["prompt", "late", "busy"])
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    with late_device(request.param) as device:
        yield device


def seen(loader: Any, keep: bool = False) -> list[int]:
    """What a kernel reads of each batch, all of it run at the end; batches are dropped unless kept."""
    read, kept = [], []
    for x, y in loader:
        assert x.is_cuda
        read.append((x + y).clone())
        if keep:
            kept.append((x, y))
        del x, y
    torch.cuda.synchronize()
    assert all(len(set(one.flatten().tolist())) == 1 for one in read)
    return [(int(one[0, 0]) - 100) // 2 for one in read]


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("slots", [2, 3, 5, 20])
def test_every_batch_arrives_under_every_schedule(device: Device, slots: int, keep: bool) -> None:
    assert seen(DevicePrefetcher(Counting(), "cuda", slots), keep) == [0, 1, 2, 3, 4, 5]


def test_the_host_waits_for_slots_only(device: Device) -> None:
    items = iter(DevicePrefetcher(Counting(), slots=3))
    next(items)
    assert {why for why, _ in device.waits} <= {"synchronize of an event"}
    assert {key[:2] for key in device.copies} == {("torch", "queued")}


def test_copies_are_ahead_of_the_consumer(device: Device) -> None:
    loader = Counting()
    items = iter(DevicePrefetcher(loader, slots=3))
    next(items)
    assert loader.at == 2
    assert len(list(items)) == 5


class Named(NamedTuple):
    ids: Any
    more: dict[str, Any]


def test_batches_keep_their_form(device: Device) -> None:
    item = Named(np.arange(4), {"mask": [torch.ones(2), "words"], "n": 3, "none": torch.empty(0)})
    (got,) = DevicePrefetcher([item])
    assert isinstance(got, Named)
    assert got.ids.cpu().tolist() == [0, 1, 2, 3]
    assert got.more["mask"][0].is_cuda
    assert got.more["mask"][1:] == ["words"]
    assert got.more["n"] == 3


def test_ragged_batches_and_their_memory(device: Device) -> None:
    items = [torch.full((1 + 7 * k % 5,), k, dtype=torch.int32 if k % 2 else torch.int64) for k in range(12)]
    read = [(one.dtype, one.clone()) for one in DevicePrefetcher(items)]
    torch.cuda.synchronize()
    assert [(d, one.tolist()) for d, one in read] == [(one.dtype, one.tolist()) for one in items]


def test_the_state_is_the_consumers(device: Device) -> None:
    loader = DevicePrefetcher(Counting(), slots=4)
    assert loader.state_dict() == {"at": 0}
    items = iter(loader)
    for number in range(3):
        next(items)
        assert loader.state_dict() == {"at": number + 1}
    state = copy.deepcopy(loader.state_dict())
    assert len(list(items)) == 3
    assert loader.state_dict() == {"at": 0}  # the pass has ended
    again = DevicePrefetcher(Counting(), slots=4)
    again.load_state_dict(state)
    assert seen(again) == [3, 4, 5]


def test_an_iteration_ends_when_another_begins(device: Device) -> None:
    loader = DevicePrefetcher(Counting())
    first = iter(loader)
    next(first)
    loader.set_epoch(1)
    assert loader.state_dict() == {"at": 0}
    with pytest.raises(RuntimeError, match="another one"):
        next(first)
    assert seen(loader) == [0, 1, 2, 3, 4, 5]
    loader.close()
    assert loader.loader.closed


def test_an_error_comes_at_its_place(device: Device) -> None:
    items = iter(DevicePrefetcher(Counting(fails_at=4)))
    assert len(list(itertools.islice(items, 4))) == 4
    with pytest.raises(OSError, match="shard"):
        next(items)


def test_behind_a_thread_as_well(device: Device) -> None:
    assert seen(DevicePrefetcher(Prefetch(Counting(), batch="until-next"))) == [0, 1, 2, 3, 4, 5]


def test_lengths_and_what_the_loader_lacks() -> None:
    assert len(DevicePrefetcher(Counting(), "cpu")) == 6
    endless = DevicePrefetcher(itertools.count(), "cpu")
    assert not hasattr(endless, "__len__")
    assert not hasattr(endless, "state_dict")
    endless.close()
    assert loadstone.DevicePrefetcher is DevicePrefetcher


def test_on_a_cpu_batches_are_passed_on() -> None:
    loader = Counting()
    wrapped = DevicePrefetcher(loader, "cpu")
    x, _ = next(iter(wrapped))
    assert x is loader.buffer
    assert wrapped.state_dict() == {"at": 1}


@pytest.mark.parametrize("slots", [1, 0, True, 2.5])
def test_too_few_slots_are_refused(slots: Any) -> None:
    with pytest.raises(UsageError, match="at least 2"):
        DevicePrefetcher([], slots=slots)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="no CUDA device"):
        iter(DevicePrefetcher(Counting(), "cuda"))
