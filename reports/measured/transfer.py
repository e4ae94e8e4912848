"""Whether and how fast batches reach the device."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .says import says


class Sending(msgspec.Struct, kw_only=True):
    """One way to send a batch: where it lies, whether the call waits, what is sent; medians over rounds."""

    source: Annotated[
        str, says("pageable; pinned (kept, filled anew); pin_each (pin_memory for each batch); registered")
    ]
    waits: Annotated[bool, says("whether the call waits for the copy (non_blocking=False)")]
    dtype: Annotated[str, says("int64: x and y as yielded; uint16: (B, T+1) once, widened on the device")]
    bytes_per_batch: Annotated[int, says("bytes over the link")] = 0
    copy_us: Annotated[float | None, says("copies (and widening) of one batch, device events")] = None
    low_us: Annotated[float | None, says("lower end of its 95 % interval")] = None
    high_us: Annotated[float | None, says("upper end of its 95 % interval")] = None
    host_us: Annotated[
        float | None, says("host time of the calls, pinning or staging included, with nothing queued before")
    ] = None
    gbytes_per_s: Annotated[float | None, says("bytes over the link by copy_us, 1e9 bytes/s")] = None
    limit_share: Annotated[float | None, says("median of the rounds' ratios to the link's own limit")] = None
    hidden_share: Annotated[
        float | None, says("share of the copy that a kernel as long hides, on a stream of its own")
    ] = None
    hidden_low: Annotated[float | None, says("lower end of its 95 % interval")] = None
    hidden_high: Annotated[float | None, says("upper end of its 95 % interval")] = None
    rounds: Annotated[int, says("n: rounds, all ways in each of them")] = 0


class Span(msgspec.Struct, kw_only=True):
    """One stretch of the time line: a copy or a computation of one step."""

    lane: Literal["copy", "compute"]
    step: int
    begin_us: Annotated[float, says("after the first event, device events")]
    end_us: float


class Transfer(msgspec.Struct, kw_only=True):
    """Copying batches to the device."""

    verdict: Literal["pass", "fail", "not_measured"]
    measured: bool = False
    reason: Annotated[str, says("one sentence in words")] = ""
    device: str = ""
    batch_size: int = 0
    seq_len: int = 0
    bytes_per_batch: int | None = None
    copy_us: Annotated[float | None, says("median time of one batch's copies, device events")] = None
    low_us: Annotated[float | None, says("lower end of the 95 % interval")] = None
    high_us: Annotated[float | None, says("upper end of the 95 % interval")] = None
    rounds: Annotated[int, says("n: batches copied")] = 0
    gbytes_per_s: Annotated[float | None, says("median rate, 1e9 bytes/s")] = None
    limit_gbytes_per_s: Annotated[
        float | None,
        says("the link's own limit: one large pinned copy, median of the same rounds, 1e9 bytes/s"),
    ] = None
    limit_low: Annotated[float | None, says("its 95 % interval, lower end, 1e9 bytes/s")] = None
    limit_high: Annotated[float | None, says("its 95 % interval, upper end, 1e9 bytes/s")] = None
    methods: Annotated[list[Sending], says("every way to send a batch, in the same rounds")] = []
    prefetched_share: Annotated[
        float | None,
        says(
            "share of a copy that DevicePrefetcher hides under a kernel as long as it, "
            "or longer than what the host does for a step where that takes more"
        ),
    ] = None
    prefetched_low: Annotated[float | None, says("lower end of its 95 % interval")] = None
    prefetched_high: Annotated[float | None, says("upper end of its 95 % interval")] = None
    prefetched_kernel_us: Annotated[float | None, says("how long that kernel is, median")] = None
    register_us: Annotated[
        float | None, says("cudaHostRegister over register_bytes of a mapped file or array, median")
    ] = None
    register_bytes: Annotated[int | None, says("bytes it was asked to page-lock")] = None
    timeline: Annotated[list[Span], says("a few steps, all queued beforehand")] = []
