"""Memory: does the level of live allocator bytes rise, round after round? Pure.

Three verdicts. A leak is called only where a stretch of a run shows an even rise and the next stretch,
twice as long and sharing no sample with it, shows it again at the same rate. Clean says what would
have been seen. Undecided is what still rises, but not as a leak does, when the run had to end, and
what swings so much that not even a loader that keeps every batch would have shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..reports.document import Memory, MemorySeries
from .floors import ROUNDS, Trend, agree, trend, warm_up

SLOT_BYTES = 8.0  # nothing smaller than a slot of a list can be kept
LENGTHENED = 8  # a run is doubled up to so many times its first length
CONFIRMED = 3  # a leak of a run is looked for again up to so many times its length
KEPT_IN_100 = 100  # a run is long enough when one batch kept in so many would show
PAGE_CACHE_BYTES = 1 << 20  # growth of file-backed memory that is worth a word
BYTES_PER_CELL = 16  # an int64 of x, and one of y
STORED_BYTES = 2  # of a token: the narrowest there is, so that a turnover is thought long rather than short


def level(series: MemorySeries, buffered: Sequence[int] = ()) -> list[int]:
    """The judged series: live bytes, less the Arrow pool (already subtracted) and declared buffers."""
    held = list(buffered) or [0] * len(series.live_bytes)
    return [live - kept for live, kept in zip(series.live_bytes, held, strict=True)]


def turnover(buffered: Sequence[int], batch_size: int, seq_len: int) -> float:
    """Batches in which what a declared buffer takes in and gives is replaced once; 0 for none.

    What is held all the time, a corpus in memory, is never replaced.
    """
    swing = max(buffered, default=0) - min(buffered, default=0)
    return swing / (STORED_BYTES * batch_size * seq_len)


def judge_memory(
    series: MemorySeries,
    buffered: Sequence[int],
    batch_size: int,
    seq_len: int,
    name: str = "the loader",
    after: int | None = None,
    smallest: float = SLOT_BYTES,
) -> Memory:
    """The verdict on one stretch of a run: leak, clean, or undecided.

    Args:
        series: samples from the beginning of the run; ``live_bytes`` with declared buffers in it.
        buffered: bytes declared as held on purpose, at each sample; empty for none.
        batch_size: B of the run.
        seq_len: T of the run.
        name: of the loader, for the reason.
        after: batches that are left out; the warm-up unless given.
        smallest: bytes a batch that can be told at best; a page where anonymous memory stands in.
    """
    taken = series.batch[-1] if series.batch else 0
    # What is judged is what is told: declared buffers are left out of the series as well.
    series = msgspec.structs.replace(series, live_bytes=level(series, buffered))
    left_out = warm_up(taken, turnover(buffered, batch_size, seq_len)) if after is None else after
    seen = trend(series.batch, series.live_bytes, left_out, smallest)
    found = Memory(
        verdict="undecided",
        batches=taken,
        batch_size=batch_size,
        seq_len=seq_len,
        judged_from=left_out,
        floors_bytes=list(seen.floors),
        series=series,
        page_cache_bytes=_growth(series.rss_file_bytes),
        visible_from=seen.visible or None,
    )
    _decide(found, seen, name)
    return found


def _decide(found: Memory, seen: Trend, name: str) -> None:
    """Verdict and reason from what the floors show."""
    taken, visible = found.batches, seen.visible
    every_batch = BYTES_PER_CELL * found.batch_size * found.seq_len
    if seen.state == "short":
        found.reason = (
            f"{taken} batches are too few for {ROUNDS} rounds after a warm-up of {found.judged_from}"
        )
    elif seen.state == "even":
        found.verdict, found.bytes_per_batch, found.visible_from = "leak", seen.rate, None
        found.reason = (
            f"live memory of {name} grows by {seen.rate:,.0f} bytes a batch, "
            f"in each of {ROUNDS} rounds over {taken:,} batches"
        )
    elif seen.state == "uneven":
        found.reason = (
            f"live memory of {name} still rises after {taken:,} batches, by {seen.rate:,.0f} bytes a batch "
            "in the middle, but not as evenly as a leak: a cache that fills, or a leak under what swings; "
            "run longer with --thorough"
        )
    elif visible > every_batch:
        found.reason = (
            f"live memory of {name} swings so much that in {taken:,} batches not even a loader that "
            f"keeps every batch would have shown ({visible:,.0f} bytes a batch); state the trait "
            "`buffered`, or run longer with --thorough"
        )
    else:
        found.verdict = "clean"
        found.reason = (
            f"live memory does not keep rising over {taken:,} batches; "
            f"{visible:,.0f} bytes a batch and more would have shown" + _page_cache(found)
        )


def wants_more(found: Memory) -> bool:
    """Whether a longer run could say more: nothing is decided, or the noise is above its target."""
    if found.verdict != "clean":
        return found.verdict == "undecided"
    target = BYTES_PER_CELL * found.batch_size * found.seq_len / KEPT_IN_100
    return (found.visible_from or 0.0) > target


def confirm(first: Memory, second: Memory) -> Memory:
    """A leak is called only if the stretch after it, twice as long, shows it again at about its rate."""
    if not second.floors_bytes:
        second.floors_bytes, second.judged_from = first.floors_bytes, first.judged_from
        second.reason = f"{first.reason}, but the run was over before that could be seen again"
        return second
    if second.verdict != "leak":
        return second
    rates = sorted(found.bytes_per_batch or 0.0 for found in (first, second))
    if agree(*rates):
        return second
    second.verdict = "undecided"
    second.reason = (
        f"live memory rises, but by {rates[0]:,.0f} and {rates[1]:,.0f} bytes a batch in two stretches of "
        "a run: a leak rises evenly; run longer with --thorough"
    )
    second.bytes_per_batch = None
    return second


def _growth(values: Sequence[int]) -> int | None:
    return max(0, values[-1] - values[0]) if values else None


def _page_cache(found: Memory) -> str:
    grown = found.page_cache_bytes or 0
    if grown < PAGE_CACHE_BYTES:
        return ""
    return f"; resident memory grew by {grown / 2**20:,.1f} MiB of page cache, reclaimable: not a leak"
