"""The late device: what CUDA promises it keeps, and what CUDA does not promise it breaks."""

from __future__ import annotations

import copy
import gc
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from loadstone.suites.late_device.device import Device
from loadstone.suites.late_device.patches import late_device
from torch.utils.data import DataLoader, IterableDataset


@pytest.fixture
def late() -> Iterator[Device]:
    with late_device("late") as device:
        yield device


@pytest.fixture
def busy() -> Iterator[Device]:
    with late_device("busy") as device:
        yield device


def drained(tensor: torch.Tensor) -> list[int]:
    """What a tensor holds once everything has run."""
    torch.cuda.synchronize()
    found: list[int] = tensor.cpu().flatten().tolist()
    return found


def test_it_looks_like_the_users_device(late: Device) -> None:
    x = torch.arange(4).to("cuda")
    assert (x.device, x.device.type, x.is_cuda, x.is_cpu) == (torch.device("cuda:0"), "cuda", True, False)
    assert (x[1:].view(3, 1).device.type, x.cpu().device.type) == ("cuda", "cpu")
    assert torch.cuda.is_available()
    assert torch.cuda.device_count() == 1
    assert torch.accelerator.current_accelerator() == torch.device("cuda")
    assert x.tolist() == [0, 1, 2, 3]
    assert isinstance(x, torch.Tensor)
    assert torch.zeros(2, device=x.device).is_cuda
    assert torch.zeros(2).to(x).is_cuda
    with pytest.raises(TypeError, match="copy the tensor to host"):
        x.numpy()
    with pytest.raises(RuntimeError, match="cannot pin"):
        x.pin_memory()
    with pytest.raises(RuntimeError, match="same device"):
        _ = x + torch.arange(4)


def test_afterwards_everything_is_as_before() -> None:
    before = torch.Tensor.to, torch.empty, torch.cuda.Stream, torch.cuda.is_available, torch.Stream
    with late_device("late"):
        assert torch.Tensor.to is not before[0]
    assert before == (torch.Tensor.to, torch.empty, torch.cuda.Stream, torch.cuda.is_available, torch.Stream)
    assert "to" not in torch.Tensor.__dict__
    with pytest.raises(ValueError, match="sooner"), late_device("sooner"):
        pass


@pytest.mark.parametrize("refill", ["torch", "numpy", "element by element"])
def test_a_refilled_pinned_buffer_reaches_the_device_refilled(late: Device, refill: str) -> None:
    buffer = torch.empty(4, dtype=torch.int64, pin_memory=True)
    assert buffer.is_pinned()
    assert buffer[1:].is_pinned()
    buffer.copy_(torch.arange(4))
    x = buffer.to("cuda", non_blocking=True)
    if refill == "torch":
        buffer.copy_(torch.arange(10, 14))
    elif refill == "numpy":
        np.copyto(buffer.numpy(), np.arange(10, 14))
    else:
        for i in range(4):
            buffer[i] = 10 + i
    assert drained(x) == [10, 11, 12, 13]


@pytest.mark.parametrize("form", ["fresh", "blocking", "event", "pageable", "cast", "strided"])
def test_sound_ways_to_refill(late: Device, form: str) -> None:
    buffer = torch.empty(8, dtype=torch.int64, pin_memory=form != "pageable")
    buffer.copy_(torch.arange(8))
    if form == "fresh":
        x = buffer.clone().pin_memory().to("cuda", non_blocking=True)
    elif form == "cast":
        x = buffer.to("cuda", dtype=torch.int32, non_blocking=True)
    elif form == "strided":
        x = buffer[::2].to("cuda", non_blocking=True)
    else:
        x = buffer.to("cuda", non_blocking=form != "blocking")
    if form == "event":
        event = torch.cuda.Event()
        event.record()
        event.synchronize()
    buffer.fill_(-1)
    assert drained(x) == list(range(0, 8, 2 if form == "strided" else 1))


def test_prompt_hides_the_race() -> None:
    with late_device("prompt"):
        buffer = torch.zeros(4, dtype=torch.int64).pin_memory()
        x = torch.empty(4, dtype=torch.int64, device="cuda").copy_(buffer, non_blocking=True)
        buffer.fill_(1)
        assert drained(x) == [0] * 4


def test_kernels_are_late_too(late: Device) -> None:
    """uint16 sent once as (B, T+1), widened and shifted on the device: the race is the same."""
    buffer = torch.arange(6, dtype=torch.int32).to(torch.uint16).view(2, 3).pin_memory()
    wide = buffer.to("cuda", non_blocking=True).long()
    x, y = wide[:, :-1].contiguous(), wide[:, 1:].contiguous()
    x += 100
    assert (x.dtype, x.shape, x.is_cuda) == (torch.int64, (2, 2), True)
    np.copyto(buffer.numpy(), np.full((2, 3), 7, np.uint16))
    assert drained(x) == [107] * 4
    assert drained(y) == [7] * 4


def test_a_kernel_whose_indices_have_not_arrived(late: Device) -> None:
    order = torch.tensor([2, 0, 1]).pin_memory().to("cuda", non_blocking=True)
    values = torch.tensor([10, 20, 30]).to("cuda", non_blocking=True)
    assert drained(values[order]) == [30, 10, 20]
    assert drained(values[values > 15]) == [20, 30]
    assert (values == 20).any().item()
    values[0] = 5
    values[1:] = torch.tensor([6, 7])
    assert drained(torch.stack([values, values])) == [5, 6, 7, 5, 6, 7]
    assert drained(copy.deepcopy(values)) == [5, 6, 7]
    assert values.max(dim=0).values.item() == 7


def test_streams_keep_no_order_but_that_of_events(late: Device) -> None:
    side, source = torch.cuda.Stream(), torch.arange(3).pin_memory()
    with torch.cuda.stream(side):
        unwaited = source.to("cuda", non_blocking=True)
        waited = source.to("cuda", non_blocking=True)
        event = side.record_event()
    early = unwaited.clone()  # on the default stream, which waits for nobody
    torch.cuda.current_stream().wait_event(event)
    after = waited.clone()
    assert drained(early) != [0, 1, 2]
    assert drained(after) == [0, 1, 2]
    assert torch.cuda.current_stream() == torch.cuda.default_stream()


def test_an_event_that_is_polled_comes_to_pass(late: Device) -> None:
    event, source = torch.cuda.Event(), torch.arange(3).pin_memory()
    x = source.to("cuda", non_blocking=True)
    event.record()
    asked = 0
    while not event.query():
        asked += 1
    source.fill_(9)
    assert 0 < asked < 10
    assert drained(x) == [0, 1, 2]


@pytest.mark.parametrize("recorded", [False, True])
def test_memory_dropped_by_the_host_is_given_again_unless_recorded(busy: Device, recorded: bool) -> None:
    side, seen = torch.cuda.Stream(), []
    for number in range(3):
        with torch.cuda.stream(side):
            x = torch.full((4,), number).pin_memory().to("cuda", non_blocking=True)
        torch.cuda.current_stream().wait_stream(side)
        if recorded:
            x.record_stream(torch.cuda.current_stream())
        seen.append(x.clone())
        del x
    wanted = [[number] * 4 for number in range(3)]
    assert (([drained(one) for one in seen]) == wanted) == recorded


def test_on_one_stream_memory_may_be_given_again(busy: Device) -> None:
    seen = []
    for number in range(3):
        x = torch.full((4,), number).pin_memory().to("cuda", non_blocking=True)
        seen.append(x.clone())
        del x
    assert len(busy.memory.blocks) == 4  # one for x, in turn, and three that are held
    assert [drained(one) for one in seen] == [[number] * 4 for number in range(3)]


def test_a_device_buffer_that_another_stream_refills(busy: Device) -> None:
    side, there = torch.cuda.Stream(), torch.empty(4, dtype=torch.int64, device="cuda")
    seen = []
    for number in range(3):
        with torch.cuda.stream(side):
            there.copy_(torch.full((4,), number).pin_memory(), non_blocking=True)
        torch.cuda.current_stream().wait_stream(side)
        seen.append(there.clone())
    assert drained(seen[0]) == [2] * 4  # the copies ran while the default stream stood still


def test_memory_of_the_loaders_own_has_no_guard(late: Device) -> None:
    """K5: what was registered with the driver and let go of is read late all the same."""
    size = 1 << 26  # bytes: past the largest threshold of malloc, so unmapped when freed
    array = np.arange(size // 8)
    assert torch.cuda.cudart().cudaHostRegister(array.ctypes.data, array.nbytes, 0) == 0
    source = torch.from_numpy(array)
    assert source.is_pinned()
    x = source.to("cuda", non_blocking=True)
    del source, array
    gc.collect()
    assert drained(x)[:3] != [0, 1, 2]
    own = torch.arange(1 << 16).pin_memory()
    y = own.to("cuda", non_blocking=True)
    del own
    assert drained(y)[:3] == [0, 1, 2]


def test_in_a_thread_as_well(late: Device) -> None:
    found = []

    def send() -> None:
        buffer = torch.zeros(4, dtype=torch.int64, pin_memory=True)
        found.append(buffer.cuda(non_blocking=True))
        buffer.fill_(1)

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
    assert drained(found[0]) == [1] * 4


class Counting(IterableDataset[torch.Tensor]):
    def __iter__(self) -> Iterator[torch.Tensor]:
        return (torch.full((4,), number) for number in range(5))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_loader_pins_its_batches(late: Device, workers: int) -> None:
    loader = DataLoader(Counting(), batch_size=None, pin_memory=True, num_workers=workers)
    seen = []
    for batch in loader:
        assert batch.is_pinned()
        seen.append(batch.to("cuda", non_blocking=True))
    assert [drained(one)[0] for one in seen] == [0, 1, 2, 3, 4]
    assert {key[:2] for key in late.copies} == {("torch", "queued")}


def test_copies_back_wait_unless_they_go_to_pinned_memory(late: Device) -> None:
    x = torch.arange(3).pin_memory().to("cuda", non_blocking=True)
    slow = torch.zeros(3, dtype=torch.int64).pin_memory().copy_(x, non_blocking=True)
    assert slow.tolist() == [0, 0, 0] or slow.tolist() != [0, 1, 2]
    assert x.to("cpu", torch.int32).tolist() == [0, 1, 2]
    assert slow.tolist() == [0, 1, 2]
    assert x.to("cpu", non_blocking=True).is_pinned()


def test_what_waits_is_counted_with_its_place(late: Device) -> None:
    x = torch.arange(3).to("cuda")
    _ = x.sum().item()
    told = late.account()
    why = [wait[0] for wait in told["waits"]]
    assert why == ["copy to the device that blocks", "item of a device tensor"]
    assert all(wait[1].startswith("test_late_device.py:") for wait in told["waits"])
    assert told["copies"][0][:2] == ["pageable", "waits"]
