"""Tensors in the memory of the late device, and what happens when something is done with them.

They say that they are on ``cuda:0`` and are CPU tensors underneath. A subclass sees every operation
in every thread, where a function mode is lost in threads. An operation is one of four things: a
question about shape or place, answered at once; a view; a read by the host, which waits as on CUDA;
or a kernel, which is queued behind the copies of its stream. A kernel runs twice: now, on whatever
the memory holds, to learn the shape of its result, and in its turn for the values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from .containers import mapped, tensors_in

if TYPE_CHECKING:
    from .device import Device

# Reads of values by the host: each waits for the current stream.
READS = frozenset({
    "item", "tolist", "__bool__", "__int__", "__float__", "__index__", "__complex__", "__repr__", "__str__",
    "__format__", "__contains__", "equal", "allclose", "is_nonzero", "nonzero", "argwhere", "unique",
    "unique_consecutive", "masked_select", "bincount", "__reduce_ex__", "_local_scalar_dense",
})  # fmt: skip
# In place by name, yet only about what a tensor is, not what it holds.
ABOUT = frozenset({
    "requires_grad_", "detach_", "resize_", "set_", "t_", "unsqueeze_", "squeeze_", "transpose_", "swapaxes_",
    "share_memory_", "as_strided_", "rename_", "retain_grad",
})  # fmt: skip
IN_PLACE = frozenset({"__iadd__", "__isub__", "__imul__", "__itruediv__", "__ifloordiv__", "__imod__",
                      "__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__"})  # fmt: skip
INDEXED = frozenset({"__getitem__", "index_select", "gather", "take", "embedding"})


class _Here:
    device: Device | None = None


HERE = _Here()  # the device that is installed in this process


def installed() -> Device:
    """The device; raises :class:`RuntimeError` if a tensor has outlived it."""
    if HERE.device is None:
        raise RuntimeError("the late device is no longer installed")
    return HERE.device


class LateTensor(torch.Tensor):
    """A tensor in device memory."""

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Whatever is done with one, from any thread."""
        with torch._C.DisableTorchFunctionSubclass():
            return _done(installed(), func, args, dict(kwargs or {}))


def _done(device: Device, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__"):
        return _attribute(func, args)
    if name in SPECIAL:
        return SPECIAL[name](device, *args, **kwargs)
    if name in READS:
        device.wait(f"{name.strip('_')} of a device tensor")
        args, kwargs = _host(device, args), _host(device, kwargs)
        found = func(*args, **kwargs)
        return _placed(device, found) if isinstance(found, torch.Tensor) else found
    if name in IN_PLACE or (name.endswith("_") and not name.endswith("__") and name not in ABOUT):
        return _changed(device, func, args, kwargs, args[0])
    if isinstance(kwargs.get("out"), torch.Tensor):
        return _changed(device, func, args, kwargs, kwargs["out"])
    return _computed(device, func, args, kwargs, name)


def _attribute(func: Any, args: tuple[Any, ...]) -> Any:
    from .device import CUDA

    said = {"device": CUDA, "is_cuda": True, "is_cpu": False}
    name = func.__self__.__name__
    return said[name] if name in said else _late(func(*args))


def _late(found: Any) -> Any:
    return found.as_subclass(LateTensor) if isinstance(found, torch.Tensor) else found


def _changed(device: Device, func: Any, args: Any, kwargs: Any, target: Any) -> Any:
    """In place: queued, and the target handed back."""
    args, kwargs = _taken(device, args), _taken(device, kwargs)
    device.kernel(lambda: func(*args, **kwargs))
    return target


def _computed(device: Device, func: Any, args: Any, kwargs: Any, name: str) -> Any:
    """A question, a view or a kernel; which one shows in what comes back."""
    if name in INDEXED and any(one.dtype == torch.bool for one in tensors_in(args[1:])):
        device.wait("indexing by a mask")  # the size of the result is in the values
    try:
        found = func(*args, **kwargs)
    except (IndexError, RuntimeError):
        device.wait("an operation that needs values")  # indices that have not arrived, say
        found = func(*args, **kwargs)
    if not any(True for _ in tensors_in(found)):
        return found
    held = {one.untyped_storage().data_ptr() for one in tensors_in([args, kwargs])}
    if all(one.untyped_storage().data_ptr() in held for one in tensors_in(found)):
        return mapped(_late, found)  # a view
    later_args, later_kwargs = _taken(device, args, name), _taken(device, kwargs, name)
    given = mapped(lambda one: device.empty(one.shape, one.dtype), found)
    targets = [device.memory.raw(one) for one in tensors_in(given)]

    def run() -> None:
        for target, value in zip(targets, tensors_in(func(*later_args, **later_kwargs)), strict=True):
            target.copy_(value)

    device.kernel(run)
    return given


def _taken(device: Device, value: Any, name: str = "") -> Any:
    """Arguments as a kernel takes them: device memory as it will be, host values as they are now."""

    def one(tensor: torch.Tensor) -> torch.Tensor:
        if device.memory.block_of(tensor) is not None:
            return device.memory.raw(tensor)
        if tensor.dim() and name not in INDEXED and name != "__setitem__":
            raise RuntimeError(
                "Expected all tensors to be on the same device, "
                "but found at least two devices, cuda:0 and cpu!"
            )
        return tensor.detach().clone()

    return mapped(one, value)


def _host(device: Device, value: Any) -> Any:
    return mapped(device.memory.raw, value)


def _placed(device: Device, value: torch.Tensor) -> torch.Tensor:
    """A result that was computed at once, in device memory."""
    given = device.empty(value.shape, value.dtype)
    device.memory.raw(given).copy_(value)
    return given


# What has rules of its own.


def to(device: Device, source: torch.Tensor, /, *args: Any, **kwargs: Any) -> torch.Tensor:
    """``Tensor.to`` from anywhere to anywhere."""
    copy = kwargs.pop("copy", False)
    if args and isinstance(args[0], torch.Tensor):
        other = args[0]
        on_device = device.memory.block_of(other) is not None
        args = ("cuda" if on_device else "cpu", other.dtype, *args[1:])
    where, dtype, non_blocking, _ = torch._C._nn._parse_to(*args, **kwargs)
    dtype = dtype or source.dtype
    here = device.memory.block_of(source) is not None
    there = here if where is None else where.type == "cuda"
    if not here and not there:
        place = source.device if where is None else where
        return _original_to(source, place, dtype, non_blocking=non_blocking, copy=copy)
    if here and there:
        if dtype == source.dtype and not copy:
            return source
        return _computed(device, _convert, (source, dtype), {}, "to")  # type: ignore[no-any-return]
    if there:
        given = device.empty(source.shape, dtype)
        device.send(given, source, non_blocking)
        return given
    if dtype != source.dtype:
        source = _computed(device, _convert, (source, dtype), {}, "to")
    return device.fetch(source, None, non_blocking)


def _convert(source: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return _original_to(source, dtype=dtype, copy=True)


_original_to = torch.Tensor.to


def copy_(
    device: Device, target: torch.Tensor, source: torch.Tensor, non_blocking: bool = False
) -> torch.Tensor:
    """``Tensor.copy_`` where either side is on the device."""
    here, there = (device.memory.block_of(one) is not None for one in (source, target))
    if here and there:
        raw_target, raw_source = device.memory.raw(target), device.memory.raw(source)
        device.kernel(lambda: raw_target.copy_(raw_source))
    elif there:
        device.send(target, source, non_blocking)
    else:
        device.fetch(source, target, non_blocking)
    return target


def _setitem(device: Device, target: torch.Tensor, index: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor) and value.dim() and device.memory.block_of(value) is None:
        copy_(device, target[index].as_subclass(LateTensor), value)
        return
    args = _taken(device, (target, index, value), "__setitem__")
    device.kernel(lambda: args[0].__setitem__(args[1], args[2]))


def _no_array(*_: Any, **__: Any) -> Any:
    raise TypeError(
        "can't convert cuda:0 device type tensor to numpy. "
        "Use Tensor.cpu() to copy the tensor to host memory first."
    )


def _no_pin(_: Device, tensor: torch.Tensor, *__: Any) -> Any:
    raise RuntimeError(f"cannot pin '{tensor.dtype}' on cuda:0; only dense CPU tensors can be pinned")


def _deepcopy(device: Device, tensor: torch.Tensor, memo: dict[int, Any]) -> torch.Tensor:
    memo[id(tensor)] = copied = _computed(device, torch.Tensor.clone, (tensor,), {}, "clone")
    return copied  # type: ignore[no-any-return]


SPECIAL: dict[str, Callable[..., Any]] = {
    "to": to,
    "copy_": copy_,
    "cuda": lambda _, tensor, *__, **___: tensor,
    "cpu": lambda device, tensor, *_, **__: device.fetch(tensor, None, non_blocking=False),
    "numpy": _no_array,
    "__array__": _no_array,
    "pin_memory": _no_pin,
    "is_pinned": lambda *_, **__: False,
    "get_device": lambda *_: 0,
    "__setitem__": _setitem,
    "__deepcopy__": _deepcopy,
}
_CASTS = {
    "long": torch.int64, "int": torch.int32, "short": torch.int16, "char": torch.int8, "byte": torch.uint8,
    "bool": torch.bool, "float": torch.float32, "double": torch.float64, "half": torch.float16,
    "bfloat16": torch.bfloat16,
}  # fmt: skip
SPECIAL |= {
    name: functools.partial(lambda device, tensor, *_, dtype, **__: to(device, tensor, dtype), dtype=dtype)
    for name, dtype in _CASTS.items()
}
