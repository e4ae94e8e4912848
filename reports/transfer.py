"""The ways to send a batch, in words that all renderings share."""

from __future__ import annotations

from .digest import one_line
from .document import Document, Sending, Transfer
from .units import MISSING, microseconds, percent, quantity, shape

HEAD = ("Sent from", "Call", "Sent as", "Bytes", "Copy", "95 % interval", "Host", "GB/s", "Link", "Hidden")
NOTE = (
    "Copy: device events, the widening of uint16 on the device included. Host: time of the calls, pinning "
    "included, nothing queued before it. GB/s: bytes over the link. Link: the share of the link's own limit "
    "in the same rounds. Hidden: the share of the copy that a kernel as long as it hides."
)
SOURCES = {
    "pageable": "pageable memory",
    "pinned": "pinned memory, kept",
    "pin_each": "pin_memory each batch",
    "registered": "registered memory",
}


def compared(document: Document) -> list[tuple[str, Transfer]]:
    """Name and entry of every subject whose ways to the device were compared."""
    return [(one_line(s.name, 80), row) for s in document.subjects for row in s.transfer if row.methods]


def way(one: Sending) -> str:
    """One way in a few words."""
    return f"{SOURCES.get(one.source, one.source)}, {'waits' if one.waits else 'queued'}, {one.dtype}"


def rows(entry: Transfer) -> list[list[str]]:
    """A line for each way, the cells in the order of :data:`HEAD`."""
    return [
        [
            SOURCES.get(one.source, one_line(one.source, 40)),
            "waits" if one.waits else "queued",
            one_line(one.dtype, 20),
            quantity(one.bytes_per_batch, "B"),
            microseconds(one.copy_us),
            f"{microseconds(one.low_us)} to {microseconds(one.high_us)}",
            microseconds(one.host_us),
            MISSING if one.gbytes_per_s is None else f"{one.gbytes_per_s:.3g}",
            percent(one.limit_share),
            percent(one.hidden_share),
        ]
        for one in entry.methods
    ]


def limit_words(entry: Transfer) -> str:
    """The link's own limit, what DevicePrefetcher hides and what page-locking costs; each with its n."""
    said = [f"{shape(entry.batch_size, entry.seq_len)} on {one_line(entry.device, 60)}"]
    n = max((one.rounds for one in entry.methods), default=0)
    if entry.limit_gbytes_per_s is not None:
        said.append(
            f"link limit {entry.limit_gbytes_per_s:.3g} GB/s "
            f"({entry.limit_low or 0:.3g} to {entry.limit_high or 0:.3g}, n = {n} rounds)"
        )
    if entry.prefetched_share is not None:
        low, high = percent(entry.prefetched_low), percent(entry.prefetched_high)
        said.append(f"DevicePrefetcher hides {percent(entry.prefetched_share)} of the copy ({low} to {high})")
        if entry.prefetched_kernel_us is not None:
            said[-1] += f" under a kernel of {microseconds(entry.prefetched_kernel_us)}"
    if entry.register_us is not None:
        size = quantity(entry.register_bytes, "B")
        said.append(f"cudaHostRegister of {size} takes {microseconds(entry.register_us)}")
    return "; ".join(said) + "."


def fastest(entry: Transfer, dtype: str) -> Sending | None:
    """The way of that dtype with the shortest copy among those that really are queued.

    From pageable memory the host copies by itself into a buffer of the driver before the call returns.
    """
    known = [
        one
        for one in entry.methods
        if one.dtype == dtype and one.copy_us and not one.waits and one.source != "pageable"
    ]
    return min(known, key=lambda one: one.copy_us or 0.0, default=None)
