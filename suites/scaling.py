"""Scaling: the axes along which a loader's rate is followed, and its curve along one of them. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Sequence

from ..loaders.traits import Traits
from ..reports.document import Finding, Scaling, Throughput
from .throughput import VOIDING


@dataclasses.dataclass(frozen=True)
class Axis:
    """What is varied: the unit of its values, and the values, ascending.

    Those of ``corpus`` are shares of the usual amount of text; its curve has tokens instead.
    """

    unit: str
    values: tuple[float, ...]


AXES = {
    "batch_size": Axis("rows a batch, of 1024 tokens", (1, 4, 16, 64)),
    "seq_len": Axis("tokens a row, 8 rows a batch", (128, 512, 2048, 8192)),
    "corpus": Axis("tokens in the training split", (0.125, 0.5, 1)),
    "row_group": Axis("documents a row group", (16, 64, 256, 1024)),
    "buffer_size": Axis("rows in the shuffle buffer", (10, 100, 1000, 10_000)),
    "workers": Axis("worker processes", (0, 1, 2)),
}
FIXED_T, FIXED_B = 1024, 8  # while the other of the two is varied


def axes_of(traits: Traits, known: Container[str]) -> list[str]:
    """The axes that a subject has.

    Args:
        traits: what it states.
        known: the names of its options.
    """
    has = {
        "row_group": traits.reads in ("documents", "pairs"),
        "buffer_size": "buffer_size" in known,
        "workers": "workers" in known or traits.workers is True,
    }
    return [axis for axis in AXES if has.get(axis, True)]


def shape_at(axis: str, value: float, shape: tuple[int, int]) -> tuple[int, int]:
    """(B, T) at one point of an axis; ``shape`` where the axis varies neither.

    >>> shape_at("batch_size", 64, (12, 512)), shape_at("workers", 2, (12, 512))
    ((64, 1024), (12, 512))
    """
    if axis == "batch_size":
        return int(value), FIXED_T
    return (FIXED_B, int(value)) if axis == "seq_len" else shape


def curve(axis: str, values: Sequence[float], rows: Sequence[Throughput]) -> Scaling:
    """One subject along one axis.

    Args:
        axis: one of :data:`AXES`.
        values: where it was measured.
        rows: the throughput at each of them.
    """
    return Scaling(
        axis=axis,
        unit=AXES[axis].unit,
        values=list(values),
        tokens_per_s=[row.tokens_per_s for row in rows],
        low=[row.low for row in rows],
        high=[row.high for row in rows],
        limit_tokens_per_s=[row.limit_tokens_per_s for row in rows],
        rounds=[row.rounds for row in rows],
        reason=_reasons(values, rows),
    )


def _reasons(values: Sequence[float], rows: Sequence[Throughput]) -> str:
    """Why points are missing: the values, then the reason they share."""
    places: dict[str, list[str]] = {}
    for value, row in zip(values, rows, strict=True):
        if row.reason:
            places.setdefault(row.reason.rstrip("."), []).append(f"{value:.15g}")
    return "; ".join(f"{', '.join(at)}: {reason}" for reason, at in places.items())


def uncurved(axis: str, reason: str) -> Scaling:
    """An axis along which nothing could be measured, and why."""
    return Scaling(axis=axis, unit=AXES[axis].unit, reason=reason)


def strike_scaling(curves: Sequence[Scaling], findings: Sequence[Finding]) -> None:
    """Name, on every curve that was measured, the failed check that makes its numbers void."""
    failed = [f.id for f in findings if f.verdict == "fail" and f.id.startswith(VOIDING)]
    for one in curves:
        if failed and one.measured():
            one.struck_by = failed[0]
