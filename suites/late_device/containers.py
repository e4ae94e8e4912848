"""Tensors inside the containers that operations take and give back: lists, tuples, mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch


def mapped(change: Callable[[torch.Tensor], Any], value: Any) -> Any:
    """The same containers with every tensor in them changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: mapped(change, one) for key, one in value.items()}
    if isinstance(value, tuple) and not hasattr(value, "_fields") and type(value) is not tuple:
        return type(value)(mapped(change, one) for one in value)  # torch.return_types
    if isinstance(value, (list, tuple)):
        found = [mapped(change, one) for one in value]
        return type(value)(*found) if hasattr(value, "_fields") else type(value)(found)
    return value


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested containers, in the order in which :func:`mapped` meets them."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from tensors_in(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from tensors_in(one)
