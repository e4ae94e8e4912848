"""What the judges look at: the traces of one subject, decoded to source positions once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..loaders.corpus import segments
from ..loaders.counting import SPECIAL, Numbering, numbering
from ..loaders.traits import Traits
from .trace import Recorded, Trace

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

IGNORED = (-100, -1)  # values that mark an unsupervised target where none was stated


class Missing(LookupError):
    """A trace is not there, or holds nothing to judge; the message says why."""


@dataclasses.dataclass(frozen=True)
class Source:
    """What there was to read in one scenario: segments of positions, and the numbering."""

    names: Numbering
    train: Ints  # (n, 2) first and past-last position of each document
    val: Ints
    special: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, spec: Mapping[str, Any], sparse: int = 0) -> Source:
        """The source that a corpus reference describes."""
        if sparse:
            whole = np.array([[0, sparse]])
            return cls(numbering("sparse", 0), whole, np.zeros((0, 2), np.int64))
        lengths = {"train": spec.get("documents", ()), "val": spec.get("val_documents", ())}
        gap = bool(spec.get("separators", False))
        cuts = {split: segments(lengths, split, gap) for split in lengths}
        size = sum(map(sum, lengths.values())) + gap * sum(map(len, lengths.values()))
        kind = spec.get("kind", "permutation")
        return cls(numbering(kind, spec.get("seed", 0), size), cuts["train"], cuts["val"])

    def of_split(self, split: str) -> Ints:
        """Segments, int64 (n, 2), of a split."""
        return self.train if split == "train" else self.val

    def holds(self, positions: Ints, split: str) -> Bools:
        """Which positions belong to a document of that split."""
        cuts = self.of_split(split)
        if not len(cuts):
            return np.zeros(positions.shape, bool)
        which = np.clip(np.searchsorted(cuts[:, 0], positions, "right") - 1, 0, None)
        inside: Bools = (positions >= cuts[which, 0]) & (positions < cuts[which, 1])
        return inside


@dataclasses.dataclass(frozen=True)
class Cells:
    """Every (x, y) cell of some batches, flat, as source positions; arrays of equal length n.

    ``batch``, ``row``, ``column`` say where a cell stood; ``x_id``, ``y_id`` are the ids and
    ``x``, ``y`` their positions (-1 unknown, -2 special); ``supervised`` says whether its target
    counts in the loss.
    """

    batch: Ints
    row: Ints
    column: Ints
    width: Ints
    x_id: Ints
    y_id: Ints
    x: Ints
    y: Ints
    supervised: Bools

    def __len__(self) -> int:
        return len(self.x)

    @property
    def ordinary(self) -> Bools:
        """Supervised cells whose input and target both name a position."""
        return self.supervised & (self.x >= 0) & (self.y >= 0)

    def take(self, chosen: slice) -> Cells:
        """Some of the cells."""
        fields = (getattr(self, row.name)[chosen] for row in dataclasses.fields(self))
        return Cells(*fields)

    def where(self, index: int) -> dict[str, int]:
        """The place of one cell, for the evidence of a finding."""
        names = ("batch", "row", "column", "x_id", "y_id", "x", "y")
        found = {name: int(getattr(self, name)[index]) for name in names}
        return {"x_position" if k == "x" else "y_position" if k == "y" else k: v for k, v in found.items()}


class Evidence:
    """The traces of one subject by scenario name, with what it states."""

    def __init__(self, traits: Traits, traces: Mapping[str, Trace], stated: bool = True) -> None:
        self.traits, self.traces, self.stated = traits, traces, stated

    def trace(self, name: str) -> Trace:
        """A trace with batches in it; raises :class:`Missing` otherwise."""
        trace = self.traces.get(name)
        if trace is None:
            raise Missing(f"the scenario {name!r} does not apply to this loader")
        if not trace.good:
            how = trace.fate() if trace.broke else "it gave no batch"
            raise Missing(f"nothing to judge in the scenario {name!r}: {how}")
        return trace

    def seconds(self, names: Iterable[str]) -> float:
        """Time spent on recording those scenarios."""
        return sum(self.traces[name].seconds for name in names if name in self.traces)

    @functools.lru_cache(maxsize=64)  # noqa: B019 - evidence lives for one judgement
    def source(self, name: str) -> Source:
        """What there was to read in a scenario."""
        ref = self.traces[name].scenario.corpus
        return Source.of(ref.spec, ref.sparse)

    def split(self, name: str) -> str:
        """The split that a scenario read."""
        return str(self.traces[name].scenario.config.get("split", "train"))

    @functools.lru_cache(maxsize=64)  # noqa: B019
    def cells(self, name: str, run: int | None = None) -> Cells:
        """Every cell of a scenario, or of one iteration in it.

        Raises:
            Missing: no batches, or no targets of the inputs' own shape.
        """
        trace = self.trace(name)
        batches = trace.good if run is None else trace.run(run)
        same = [b for b in batches if b.x and b.y and b.x.shape == b.y.shape and len(b.x.shape) == 2]
        if not same:
            raise Missing("the loader gives no targets of the inputs' shape")
        return _flatten(same, self.source(name).names, self.ignored())

    def ignored(self) -> tuple[int, ...]:
        """Values of y that mark a target as unsupervised."""
        stated = self.traits.ignore_index
        return IGNORED if stated is None else (stated,)

    def positions(self, batches: Sequence[Recorded], name: str) -> list[Ints]:
        """Positions of the inputs of each batch, each of its own shape."""
        names = self.source(name).names
        return [names.locate(batch.x.array()) for batch in batches if batch.x is not None]


def supervised(batch: Recorded, ignored: Sequence[int]) -> Bools:
    """Which targets of a batch count, bool in the shape of y."""
    assert batch.y is not None
    counts = ~np.isin(batch.y.array(), ignored)
    mask = _mask(batch)
    return counts if mask is None else counts & (mask != 0)


def _mask(batch: Recorded) -> npt.NDArray[Any] | None:
    """What says which of a batch's targets count; a mask of the targets goes before one of the inputs."""
    assert batch.y is not None
    for mask in (batch.mask, batch.input_mask):
        if mask is not None and mask.shape == batch.y.shape:
            return mask.array()
    return None


def _flatten(batches: Sequence[Recorded], names: Numbering, ignored: Sequence[int]) -> Cells:
    """All cells in one go: a trace may have a thousand small batches, and each call of NumPy its price."""
    pairs = [(b, b.x.array(), b.y.array()) for b in batches if b.x is not None and b.y is not None]
    places = {x.shape: np.indices(x.shape).reshape(2, -1) for _, x, _ in pairs}
    row, column = np.concatenate([places[x.shape] for _, x, _ in pairs], axis=1)
    sizes = [x.size for _, x, _ in pairs]
    x_id = np.concatenate([_whole(x).ravel() for _, x, _ in pairs])
    y_id = np.concatenate([_whole(y).ravel() for _, _, y in pairs])
    masks = [(_mask(b), y) for b, _, y in pairs]
    counted = [np.ones(y.size, bool) if mask is None else np.ravel(mask != 0) for mask, y in masks]
    return Cells(
        batch=np.repeat([b.index for b, _, _ in pairs], sizes),
        row=row,
        column=column,
        width=np.repeat([x.shape[1] for _, x, _ in pairs], sizes),
        x_id=x_id,
        y_id=y_id,
        x=names.locate(x_id),
        y=names.locate(y_id),
        supervised=np.concatenate(counted) & ~np.isin(y_id, ignored),
    )


def _whole(ids: npt.NDArray[Any]) -> Ints:
    """Ids as int64; float tokens are judged by dtype.declared, and are still worth decoding."""
    if ids.dtype.kind == "f":
        ids = np.where(np.isfinite(ids), ids, -1)
    return ids.astype(np.int64)


def spans(positions: Iterable[int], most: int = 6) -> str:
    """Positions as compact intervals: ``0..3, 7``."""
    values = np.unique(np.fromiter((int(p) for p in positions), np.int64))
    if not len(values):
        return "none"
    cuts = np.flatnonzero(np.diff(values) != 1) + 1
    runs = [(int(run[0]), int(run[-1])) for run in np.split(values, cuts)]
    words = [str(low) if low == high else f"{low}..{high}" for low, high in runs[:most]]
    return ", ".join(words) + (f" and {len(runs) - most} more runs" if len(runs) > most else "")


__all__ = ["SPECIAL", "Bools", "Cells", "Evidence", "Ints", "Missing", "Source", "spans", "supervised"]
