"""Feeding in words and cells: how busy a loader keeps an accelerator, and how many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .digest import one_line
from .units import MISSING, figures, microseconds, shape

if TYPE_CHECKING:
    from .document import Document, Feeding, Throughput

# Tokens/s that one accelerator takes in training: the rough range that is common today, from a large
# model to a small one. References to divide by, not measured here.
REFERENCE_RATES: Final = {100_000: "100 k", 1_000_000: "1 M"}
RATES_NOTE: Final = (
    "How many accelerators one thread keeps busy: tokens/s of the loader over tokens/s that one accelerator "
    "takes. The two rates are references: roughly a large model and a small one, not measured here."
)
HEAD: Final = (
    "Loader", "Batch", "Step", "Prefetch", "Data loading", "95 % interval",
    "Accelerator busy", "95 % interval", "n", "Without a loader",
)  # fmt: skip
NOTE: Final = (
    "An accelerator is emulated that computes for the time of a step on each batch while the host's core "
    "is idle. Data loading: the share of the time spent waiting for the next batch. Accelerator busy: the "
    "share spent computing. Prefetch: batches that a background thread keeps ready, 0 for none. Without a "
    "loader: how busy the same loop keeps it if batches cost nothing. Medians of n rounds."
)


def accelerators(row: Throughput, rate: float) -> float | None:
    """How many accelerators that take ``rate`` tokens/s each the loader feeds; None if not measured."""
    return None if row.tokens_per_s is None or row.struck_by else row.tokens_per_s / rate


def feeds_head() -> tuple[str, ...]:
    """Headings of :func:`feeds_rows`."""
    return ("Loader", "Batch", *(f"At {words} tokens/s each" for words in REFERENCE_RATES.values()))


def feeds_rows(document: Document) -> list[list[str]]:
    """A row of cells for each throughput that was measured; void ones are left out."""
    return [
        [
            one_line(subject.name, 80),
            shape(row.batch_size, row.seq_len),
            *(_number(accelerators(row, rate)) for rate in REFERENCE_RATES),
        ]
        for subject in document.subjects
        for row in subject.throughput
        if accelerators(row, 1.0) is not None
    ]


def _number(fed: float | None) -> str:
    return MISSING if fed is None else figures(fed)


def feeds_notes(document: Document) -> list[str]:
    """A line for the terminal: what the slowest and the fastest loader feed."""
    rate, rate_words = next(iter(REFERENCE_RATES.items()))
    fed = [
        (number, subject.name)
        for subject in document.subjects
        for row in subject.throughput
        if (number := accelerators(row, rate)) is not None
    ]
    if not fed:
        return []
    (least, slow), (most, fast) = min(fed), max(fed)
    ends = [f"{_number(least)} ({one_line(slow, 80)})", f"{_number(most)} ({one_line(fast, 80)})"]
    words = ends[0] if len(fed) == 1 else " to ".join(ends)
    return [f"Feeds: {words} accelerators of {rate_words} tokens/s each, from one thread."]


def feeding_rows(document: Document) -> list[list[str]]:
    """A row of cells for each measurement of feeding, under :data:`HEAD`."""
    return [
        [one_line(subject.name, 80), *_cells(row)] for subject in document.subjects for row in subject.feeding
    ]


def _cells(row: Feeding) -> list[str]:
    head = [shape(row.batch_size, row.seq_len), step(row), str(row.prefetch)]
    if row.utilisation is None:
        return [*head, f"not measured: {one_line(row.reason, 300)}", *[""] * 5]
    void = f" void: {one_line(row.struck_by, 60)}" if row.struck_by else ""
    return [
        *head,
        tenths(row.data_loading_share) + void,
        between(row.data_loading_low, row.data_loading_high),
        tenths(row.utilisation),
        between(row.utilisation_low, row.utilisation_high),
        str(row.rounds),
        tenths(row.ceiling_utilisation),
    ]


def step(row: Feeding) -> str:
    """How long a step is."""
    return microseconds(row.step_s * 1e6)


def tenths(share: float | None) -> str:
    """A share of one as a percentage to the tenth, since 99.1 and 99.9 are not alike here.

    >>> tenths(0.9912), tenths(None)
    ('99.1 %', '–')
    """
    return MISSING if share is None else f"{share * 100:.1f} %"


def between(low: float | None, high: float | None) -> str:
    """An interval of shares, in percent.

    >>> between(0.9812, 0.995)
    '98.1–99.5'
    """
    return "" if low is None or high is None else f"{low * 100:.1f}\N{EN DASH}{high * 100:.1f}"
