"""The door: whatever a loader yields becomes one :class:`Batch`, once; timing never goes through it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

X_KEYS = ("input_ids", "tokens", "inputs", "x")
Y_KEYS = ("labels", "target_ids", "targets", "y")
LOSS_MASK_KEYS = ("loss_mask", "target_mask")
INPUT_MASK_KEYS = ("attention_mask", "input_mask")


class NotABatch(TypeError):
    """What was yielded is not a batch of any known form; the message says what it is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """One batch, normalised.

    Attributes:
        x: inputs, integer (B, T).
        y: targets, integer (B, T) (of another width for pairs); None if the loader gives none.
        mask: which targets are supervised, (B, T), nonzero is yes; None if all are.
        input_mask: which inputs are real and no padding, (B, T); None if all are.
        extras: everything else by its key.
        state: a saved state that came with the batch, or None.
        form: in which form it came, in words.
    """

    x: torch.Tensor
    y: torch.Tensor | None
    mask: torch.Tensor | None = None
    input_mask: torch.Tensor | None = None
    extras: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    form: str = "pair"


def normalise(item: Any, seq_len: int) -> Batch:
    """Read one yielded item: ``(x, y)``, ``(x, y, third)``, a bare tensor, or a mapping.

    A bare (B, T+1) tensor is cut into x and y; a bare (B, T) one has no targets of its own (the
    model shifts). A mapping in third place is a state; a tensor there is the loss mask.

    Raises:
        NotABatch: anything else, ``None`` and nested lists among it.
    """
    if isinstance(item, Mapping):
        return _from_mapping(item, seq_len)
    if isinstance(item, (tuple, list)) and len(item) in (2, 3):
        x, y = _tensor(item[0], "x"), _tensor(item[1], "y")
        return _with_third(x, y, item[2]) if len(item) == 3 else Batch(x, y)
    if isinstance(item, (tuple, list)):
        raise NotABatch(f"a {type(item).__name__} of {len(item)} items, where (x, y) was expected")
    return _from_tensor(_tensor(item, "the batch"), seq_len, "bare tensor")


def _from_tensor(rows: torch.Tensor, seq_len: int, form: str) -> Batch:
    if rows.ndim == 2 and rows.shape[1] == seq_len + 1:
        return Batch(rows[:, :-1], rows[:, 1:], form=f"{form} (B, T+1)")
    return Batch(rows, None, form=form)


def _with_third(x: torch.Tensor, y: torch.Tensor, third: Any) -> Batch:
    if isinstance(third, Mapping):
        return Batch(x, y, state=third, form="pair and state")
    if isinstance(third, (torch.Tensor, np.ndarray)) and tuple(third.shape) == tuple(y.shape):
        return Batch(x, y, mask=_tensor(third, "mask"), form="pair and mask")
    return Batch(x, y, extras={"third": third}, form="pair and more")


def _from_mapping(item: Mapping[str, Any], seq_len: int) -> Batch:
    x_key = next((key for key in X_KEYS if key in item), None)
    if x_key is None:
        raise NotABatch(f"a mapping with the keys {sorted(map(str, item))}, none of them {X_KEYS}")
    named = {"y": Y_KEYS, "mask": LOSS_MASK_KEYS, "input_mask": INPUT_MASK_KEYS}
    found: dict[str, torch.Tensor] = {}
    used = {x_key}
    for name, keys in named.items():
        key = next((key for key in keys if key in item and item[key] is not None), None)
        if key is not None:
            found[name] = _tensor(item[key], key)
            used.add(key)
    extras = {key: value for key, value in item.items() if key not in used}
    x = _tensor(item[x_key], x_key)
    if "y" not in found:
        return dataclasses.replace(_from_tensor(x, seq_len, "mapping"), extras=extras)
    return Batch(x, found["y"], found.get("mask"), found.get("input_mask"), extras=extras, form="mapping")


def _tensor(value: Any, name: str) -> torch.Tensor:
    """A tensor as it is, or an array as a tensor over the same memory."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, np.ndarray):
        return torch.as_tensor(value)
    kind = "None" if value is None else type(value).__name__
    raise NotABatch(f"{name} is {kind}, where a tensor was expected")
