"""Putting the late device in the place of CUDA in this process, so that an unchanged loader runs on it.

Replaced are the ways by which host memory becomes device or pinned memory, and the parts of
``torch.cuda`` and ``torch.accelerator`` that a loader uses. Process-wide, so that threads (those of
``DataLoader(pin_memory=True)`` too) see it. Limits: a name that a module took by ``from torch import
empty`` before, ``torch.set_default_device``, CUDA graphs, and code that asks the driver by itself.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch

from . import tensors
from .device import CUDA, Device
from .handles import classes

FACTORIES = (
    "empty", "zeros", "ones", "full", "tensor", "as_tensor", "asarray", "arange", "linspace", "eye",
    "rand", "randn", "randint", "randperm", "normal", "empty_like", "zeros_like", "ones_like", "full_like",
    "rand_like", "randn_like", "randint_like", "empty_strided", "scalar_tensor",
)  # fmt: skip
OF_TENSORS = ("new_empty", "new_zeros", "new_ones", "new_full", "new_tensor")
FROM_DATA = ("tensor", "as_tensor", "asarray", "new_tensor", "scalar_tensor")  # copied from the host
WITHOUT_VALUES = ("empty", "empty_like", "empty_strided", "new_empty")


@contextlib.contextmanager
def late_device(schedule: str) -> Iterator[Device]:
    """A late device in the place of CUDA while the context lasts.

    Raises:
        ValueError: no such schedule.
    """
    device = Device(schedule)
    undo = _put(device)
    tensors.HERE.device = device
    try:
        yield device
    finally:
        tensors.HERE.device = None
        for owner, name, before in reversed(undo):
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


_ABSENT = object()


def _put(device: Device) -> list[tuple[Any, str, Any]]:
    undo: list[tuple[Any, str, Any]] = []
    stream, event = classes(device)
    common = _common(device, stream)
    wanted: list[tuple[Any, dict[str, Any]]] = [
        (torch, {name: _made(device, name, getattr(torch, name)) for name in FACTORIES}),
        (torch, {"Stream": stream, "Event": event}),
        (torch.Tensor, _methods(device)),
        (torch.cuda, common | {"Stream": stream, "Event": event} | _cuda(device, stream)),
        (torch.accelerator, common | ACCELERATOR),
    ]
    for owner, names in wanted:
        for name, value in names.items():
            undo.append((owner, name, owner.__dict__.get(name, _ABSENT)))
            setattr(owner, name, value)
    return undo


def _is_cuda(where: Any) -> bool:
    if where is None or isinstance(where, bool):
        return False
    return isinstance(where, int) or torch.device(where).type == "cuda"


def _made(device: Device, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A factory that knows the device and pinned memory."""

    @functools.wraps(original)
    def factory(*args: Any, **kwargs: Any) -> Any:
        pinned = bool(kwargs.pop("pin_memory", False))
        if name == "as_tensor" and len(args) > 2:
            args, kwargs["device"] = args[:2], args[2]
        there = _is_cuda(kwargs.get("device"))
        if not there and not pinned:
            return original(*args, **kwargs)
        kwargs.pop("device", None)
        if there and name in FROM_DATA and any(isinstance(one, tensors.LateTensor) for one in args):
            return original(*args, **kwargs)  # it is there already
        with torch._C.DisableTorchFunctionSubclass():
            value = original(*args, **kwargs)
            if pinned and not there:
                return device.pinned.empty(value.shape, value.dtype).copy_(value)
            given = device.empty(value.shape, value.dtype)
            if name in FROM_DATA:
                device.send(given, value, non_blocking=False)
            elif name not in WITHOUT_VALUES:
                raw = device.memory.raw(given)
                device.kernel(lambda: raw.copy_(value))
        return given

    return factory


def _methods(device: Device) -> dict[str, Any]:
    made = {name: _made(device, name, getattr(torch.Tensor, name)) for name in OF_TENSORS}

    def to(self: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        with torch._C.DisableTorchFunctionSubclass():
            return tensors.to(device, self, *args, **kwargs)

    def cuda(self: torch.Tensor, _: Any = None, non_blocking: bool = False, **__: Any) -> torch.Tensor:
        return to(self, CUDA, non_blocking=non_blocking)

    def pin_memory(self: torch.Tensor, *_: Any) -> torch.Tensor:
        if isinstance(self, tensors.LateTensor):
            raise RuntimeError(f"cannot pin '{self.dtype}' on cuda:0; only dense CPU tensors can be pinned")
        return self if device.pinned.kind(self) else device.pinned.empty(self.shape, self.dtype).copy_(self)

    def is_pinned(self: torch.Tensor, *_: Any) -> bool:
        return not isinstance(self, tensors.LateTensor) and bool(device.pinned.kind(self))

    def record_stream(self: torch.Tensor, stream: Any) -> None:
        with torch._C.DisableTorchFunctionSubclass():
            block = device.memory.block_of(self)
        if block is not None:
            block.used_on.add(stream.queue)

    return {**made, "to": to, "cuda": cuda, "pin_memory": pin_memory, "is_pinned": is_pinned,
            "record_stream": record_stream}  # fmt: skip


class _Nothing(contextlib.nullcontext[None]):
    """``torch.cuda.device(0)``: there is one device."""

    def __init__(self, *_: Any) -> None:
        super().__init__()


def _common(device: Device, stream_class: Any) -> dict[str, Any]:
    """What ``torch.cuda`` and ``torch.accelerator`` name alike."""

    def synchronize(*_: Any) -> None:
        device.waited("synchronize of the device")
        device.timeline.drain()

    def set_stream(stream: Any) -> None:
        device.timeline.current = stream.queue

    return {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "synchronize": synchronize,
        "set_stream": set_stream,
        "current_stream": lambda *_: stream_class(queue=device.stream),
    }


def _cuda(device: Device, stream_class: Any) -> dict[str, Any]:
    @contextlib.contextmanager
    def stream(chosen: Any) -> Iterator[None]:
        if chosen is None:
            yield
            return
        with chosen:
            yield

    properties = types.SimpleNamespace(name="late device", major=8, minor=0, total_memory=1 << 34,
                                       multi_processor_count=1)  # fmt: skip
    runtime = types.SimpleNamespace(
        cudaHostRegister=lambda start, nbytes, _=0: device.pinned.register(start, nbytes),
        cudaHostUnregister=device.pinned.unregister,
        cudaError=types.SimpleNamespace(success=0),
    )
    return {
        "stream": stream,
        "StreamContext": stream,
        "device": _Nothing,
        "default_stream": lambda *_: stream_class(queue=device.timeline.default),
        "current_device": lambda: 0,
        "set_device": lambda *_: None,
        "get_device_name": lambda *_: "late device",
        "get_device_capability": lambda *_: (8, 0),
        "get_device_properties": lambda *_: properties,
        "is_initialized": lambda: True,
        "init": lambda: None,
        "_lazy_init": lambda: None,
        "empty_cache": lambda: None,
        "memory_allocated": lambda *_: 0,
        "cudart": lambda: runtime,
        "check_error": lambda *_: None,
        "is_bf16_supported": lambda *_, **__: True,
    }


ACCELERATOR: dict[str, Any] = {
    "current_accelerator": lambda *_, **__: torch.device("cuda"),
    "current_device_index": lambda: 0,
    "current_device_idx": lambda: 0,
    "set_device_index": lambda *_: None,
    "set_device_idx": lambda *_: None,
}
