"""From samples of copies to the figures of transfer: medians, shares of the link's limit, what is hidden."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..reports.document import Sending, Span, Transfer
from .statistics import median_interval
from .throughput import Facts

USUAL = ("pinned", False, "int64")  # the way whose time stands for the loader: as it yields, nothing waits


class Way(msgspec.Struct, kw_only=True):
    """Samples of one way to send a batch, one entry a round; microseconds.

    ``kernel_us`` is a kernel alone, about as long as the copy, and ``both_us`` the two together, the
    copy on a stream of its own. Empty where that was not tried.
    """

    source: str
    waits: bool
    dtype: str
    bytes_per_batch: int = 0
    copy_us: list[float] = []
    host_us: list[float] = []
    kernel_us: list[float] = []
    both_us: list[float] = []


class Copied(msgspec.Struct):
    """What the measuring child sends: samples of the same rounds, and whether batches arrived intact."""

    facts: Facts
    device: str = ""
    intact: bool = True
    ways: list[Way] = []
    limit_bytes: int = 0
    limit_us: list[float] = []
    prefetched: list[
        list[float]
    ] = []  # of each round: copy alone, kernel alone, both behind DevicePrefetcher
    register_us: list[float] = []
    register_bytes: int = 0
    spans: list[Span] = []


def judge_transfer(copied: Copied, batch_size: int, seq_len: int) -> Transfer:
    """The entry of the document; nothing is said of what was not measured."""
    if copied.facts.reason:
        return Transfer(verdict="not_measured", reason=copied.facts.reason)
    found = Transfer(
        verdict="pass" if copied.intact else "fail",
        measured=True,
        reason="every batch arrived as it left" if copied.intact else "a batch changed on its way",
        device=copied.device,
        batch_size=batch_size,
        seq_len=seq_len,
    )
    limits = [rate(copied.limit_bytes, us) for us in copied.limit_us]
    if limits:
        found.limit_gbytes_per_s, found.limit_low, found.limit_high = median_interval(limits)
    found.methods = [_sending(way, limits) for way in copied.ways if way.copy_us]
    usual = next((one for one in found.methods if (one.source, one.waits, one.dtype) == USUAL), None)
    if usual is not None:
        for name in ("bytes_per_batch", "copy_us", "low_us", "high_us", "rounds", "gbytes_per_s"):
            setattr(found, name, getattr(usual, name))
    hidden = [share_hidden(*sample) for sample in copied.prefetched if sample[0] > 0]
    if hidden:
        found.prefetched_share, found.prefetched_low, found.prefetched_high = median_interval(hidden)
        found.prefetched_kernel_us = median_interval([sample[1] for sample in copied.prefetched])[0]
    if copied.register_us:
        found.register_us = median_interval(copied.register_us)[0]
        found.register_bytes = copied.register_bytes
    found.timeline = copied.spans
    return found


def _sending(way: Way, limits: Sequence[float]) -> Sending:
    middle, low, high = median_interval(way.copy_us)
    found = Sending(
        source=way.source, waits=way.waits, dtype=way.dtype, bytes_per_batch=way.bytes_per_batch,
        copy_us=middle, low_us=low, high_us=high, host_us=median_interval(way.host_us)[0],
        rounds=len(way.copy_us),
    )  # fmt: skip
    rates = [rate(way.bytes_per_batch, us) for us in way.copy_us]
    found.gbytes_per_s = median_interval(rates)[0]
    shares = [mine / limit for mine, limit in zip(rates, limits, strict=False) if limit > 0]
    if shares:
        found.limit_share = median_interval(shares)[0]
    hidden = [
        share_hidden(copy, kernel, both)
        for copy, kernel, both in zip(way.copy_us, way.kernel_us, way.both_us, strict=False)
        if copy > 0
    ]
    if hidden:
        found.hidden_share, found.hidden_low, found.hidden_high = median_interval(hidden)
    return found


def rate(nbytes: int, us: float) -> float:
    """1e9 bytes a second; 0 for a time too short to tell."""
    return nbytes / us / 1e3 if us > 0 else 0.0


def share_hidden(copy_us: float, kernel_us: float, both_us: float) -> float:
    """Share of a copy that did not make a kernel's time longer, between 0 and 1.

    >>> share_hidden(100.0, 100.0, 105.0)
    0.95
    """
    return round(min(1.0, max(0.0, (copy_us + kernel_us - both_us) / copy_us)), 6)
