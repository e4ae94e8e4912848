"""Traces made by hand: what a loader would have shown, without a process and without a loader."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from loadstone.loaders.counting import numbering
from loadstone.loaders.traits import Traits
from loadstone.suites.evidence import Evidence
from loadstone.suites.scenario import CorpusRef, Scenario
from loadstone.suites.trace import End, Recorded, Tensor, Trace

NAMES = numbering("permutation", 0)


def tensor(values: Any) -> Tensor:
    array = np.ascontiguousarray(values, dtype=np.int64)
    return Tensor(array.tobytes(), tuple(array.shape), array.dtype.str, "int64")


def rows(x: Any, y: Any) -> tuple[Any, Any]:
    """A batch by positions instead of ids; special tokens are given as negative numbers' ids."""
    return ids(x), ids(y)


def ids(positions: Any) -> Any:
    positions = np.asarray(positions)
    return np.where(positions >= 0, NAMES.ids(np.maximum(positions, 0)), 65521 - positions - 1)


def trace(
    batches: Iterable[tuple[Any, Any]], documents: tuple[int, ...] = (1000,), name: str = "pass",
    shape: tuple[int, int] = (1, 4), how: str = "stop", **config: Any,
) -> Trace:  # fmt: skip
    """One pass of batches (x, y) given as ids."""
    corpus = CorpusRef(spec={"documents": documents, "kind": "permutation", "seed": 0})
    sizes = {"batch_size": shape[0], "seq_len": shape[1], "seed": 1}
    made = Trace(Scenario(name, corpus, {**sizes, **config}))
    for index, (x, y) in enumerate(batches):
        made.add(Recorded(index, x=tensor(x), y=tensor(y)))
    made.add(End(0, how))
    return made


def evidence(*traces: Trace, **traits: Any) -> Evidence:
    return Evidence(Traits(**traits), {one.scenario.name: one for one in traces}, bool(traits))


def stream(
    starts: Iterable[int], width: int = 4, delta: int = 1, batch_size: int = 1
) -> list[tuple[Any, Any]]:
    """Batches of consecutive rows from these starts, targets ``delta`` on."""
    size = np.arange(batch_size * width)
    return [rows((s + size).reshape(-1, width), (s + size + delta).reshape(-1, width)) for s in starts]
