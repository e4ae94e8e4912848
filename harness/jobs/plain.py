"""Batches as plain data: values, and where in memory they lay."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ...loaders.batch import Batch
from ...suites.trace import Recorded, Tensor


def describe(batch: Batch, item: Any, recorded: Recorded) -> None:
    """Fill in what a batch is made of."""
    recorded.form = batch.form
    kind = _kinds(item)
    recorded.x = plain(batch.x, kind)
    recorded.y = plain(batch.y, kind) if batch.y is not None else None
    recorded.mask = plain(batch.mask) if batch.mask is not None else None
    recorded.input_mask = plain(batch.input_mask) if batch.input_mask is not None else None
    recorded.extras = sorted(map(str, batch.extras))
    recorded.more = {str(key): plain(value) for key, value in batch.extras.items() if _like(value, batch.x)}


def _like(value: Any, x: torch.Tensor) -> bool:
    """Whether it says something of each input: an integer tensor of the inputs' shape."""
    whole = isinstance(value, torch.Tensor) and not (value.is_floating_point() or value.is_complex())
    return whole and value.shape == x.shape


def _kinds(item: Any) -> str:
    values = item.values() if hasattr(item, "values") and not isinstance(item, torch.Tensor) else item
    values = [values] if isinstance(values, (torch.Tensor, np.ndarray)) else values
    return "array" if any(isinstance(v, np.ndarray) for v in itertools.islice(values, 8)) else "tensor"


def plain(tensor: torch.Tensor, kind: str = "tensor") -> Tensor:
    """A tensor's values and where they lay."""
    values = tensor.detach().cpu().contiguous()
    if values.dtype == torch.bfloat16:
        values = values.float()
    array = values.numpy()
    start = tensor.untyped_storage().data_ptr() + tensor.storage_offset() * tensor.element_size()
    reach = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True) if n)
    return Tensor(
        data=array.tobytes(),
        shape=tuple(array.shape),
        stored=array.dtype.str,
        dtype=str(tensor.dtype).removeprefix("torch."),
        contiguous=tensor.is_contiguous(),
        device=tensor.device.type,
        start=int(start),
        stop=int(start + (reach + 1) * tensor.element_size()),
        kind=kind,
    )


def fingerprint(item: Any) -> str:
    """The same for equal items, whatever they are made of."""
    return "|".join(_leaves(item))


def _leaves(item: Any) -> Iterator[str]:
    if isinstance(item, (torch.Tensor, np.ndarray)):
        yield str(np.asarray(item).tolist())
    elif isinstance(item, dict):
        for key, value in item.items():
            yield str(key)
            yield from _leaves(value)
    elif isinstance(item, (list, tuple)):
        for value in item:
            yield from _leaves(value)
    else:
        yield repr(item)
