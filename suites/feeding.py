"""Feeding: what the rounds say of a loader that an accelerator waits for. Pure.

The accelerator is emulated: after each batch it computes for a given time, in which the host has
nothing to do. Its *utilisation* is that time over the whole; *data loading* is the share of the
whole in which the consumer stood waiting for the next batch. What is neither is the host coming late
to its next step: other programs' doing, which the same loop with a loader that costs nothing shows too,
or that of a background thread, which holds the core or Python's lock when the step ends.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from ..reports.document import Feeding, Finding
from .statistics import median_interval
from .throughput import VOIDING


class Fed(msgspec.Struct):
    """One turn: steps made, the time it took in all, and that spent waiting for batches, seconds."""

    steps: int
    seconds: float
    waited_s: float


def utilisation(fed: Fed, step_s: float) -> float:
    """The share of a turn in which the accelerator computed.

    >>> utilisation(Fed(steps=10, seconds=0.08, waited_s=0.03), step_s=0.005)
    0.625
    """
    return fed.steps * step_s / fed.seconds


def data_loading(fed: Fed) -> float:
    """The share of a turn in which the consumer waited for the next batch."""
    return fed.waited_s / fed.seconds


def feeding_row(
    shape: tuple[int, int], step_s: float, depth: int, turns: Sequence[Fed], ceiling: Sequence[Fed]
) -> Feeding:
    """The row of one subject at one batch shape.

    Args:
        shape: (B, T).
        step_s: how long the accelerator computes on a batch.
        depth: batches that a background thread kept ready; 0 for none.
        turns: the rounds, at least one.
        ceiling: the same rounds of a loader that costs nothing.
    """
    busy = [utilisation(fed, step_s) for fed in turns]
    waiting = [data_loading(fed) for fed in turns]
    middle, low, high = median_interval(busy)
    share, share_low, share_high = median_interval(waiting)
    return Feeding(
        batch_size=shape[0],
        seq_len=shape[1],
        step_s=step_s,
        prefetch=depth,
        utilisation=middle,
        utilisation_low=low,
        utilisation_high=high,
        data_loading_share=share,
        data_loading_low=share_low,
        data_loading_high=share_high,
        ceiling_utilisation=statistics.median(utilisation(fed, step_s) for fed in ceiling),
        rounds=len(turns),
        steps=sum(fed.steps for fed in turns),
        samples_utilisation=busy,
        samples_data_loading=waiting,
    )


def unfed(shape: tuple[int, int], step_s: float, depth: int, reason: str) -> Feeding:
    """A row without a number, and why."""
    return Feeding(batch_size=shape[0], seq_len=shape[1], step_s=step_s, prefetch=depth, reason=reason)


def strike_feeding(rows: Sequence[Feeding], findings: Sequence[Finding]) -> None:
    """Name, on every measured row, the failed check that makes its number void."""
    failed = [f.id for f in findings if f.verdict == "fail" and f.id.startswith(VOIDING)]
    for one in rows:
        if failed and one.utilisation is not None:
            one.struck_by = failed[0]
