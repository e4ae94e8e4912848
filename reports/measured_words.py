"""What every rendering says alike of memory and of transfer: the verdict in a few words, with units."""

from __future__ import annotations

from .digest import one_line
from .document import Document, Memory, Transfer
from .units import MISSING, quantity


def memory_words(memory: Memory) -> str:
    """The verdict on memory in a few words with units."""
    growth = _growth(memory)
    seen = (
        "" if memory.visible_from is None else f", would have seen {quantity(memory.visible_from, 'B')}/batch"
    )
    words = {
        "leak": f"leak {growth}",
        "clean": f"clean{seen}",
        "undecided": "undecided",
        "not_measured": "not measured",
    }
    return words[memory.verdict]


def _growth(memory: Memory) -> str:
    """What a leak grows by: bytes, else what else is counted."""
    others = (f"{one.per_batch:.2g} {one.unit}" for one in memory.counts if one.verdict == "leak")
    if memory.bytes_per_batch is None and memory.counts:
        return f"{next(others, MISSING)}/batch"
    return f"{quantity(memory.bytes_per_batch, 'B')}/batch"


def survivor_words(memory: Memory) -> list[str]:
    """Which lines made what is kept, how many objects of a batch, and what holds them."""
    found = []
    for one in memory.survivors:
        held = f", in {one.held_by}" if one.held_by else ""
        what = f"allocations by {one.made_by}" if one.made_by else "objects"
        size = f", {quantity(one.bytes_per_batch, 'B')}" if one.bytes_per_batch else ""
        found.append(f"{one.where}: {one.objects_per_batch:.2g} {what}{size} of every batch are kept{held}")
    return found


def under_limit_words(memory: Memory) -> str:
    """What became of the loader under the memory limit that was asked for; empty if none was."""
    limit = memory.under_limit
    if limit is None:
        return ""
    kind = (
        "memory with its page cache" if limit.counts == "page cache too"
        else "private memory (no cgroup may be made here: page cache is not counted)"
    )  # fmt: skip
    told = f"Under a limit of {quantity(limit.limit_bytes, 'B')} of {kind} it "
    if not limit.survives:
        return f"{told}does not survive: {limit.reason.rstrip('.')}."
    speed = ""
    if limit.relative_speed and limit.batches_per_s:
        speed = f" at {limit.relative_speed:.2g} times its speed, {limit.batches_per_s:,.4g} batches/s"
    speed += f" (n = {limit.batches:,} batches)"
    return f"{told}survives{speed}."


def page_cache_words(memory: Memory) -> str:
    """The sentence that tells reclaimable page cache from a leak, where there is any to speak of."""
    grown = memory.page_cache_bytes or 0
    if memory.verdict == "leak" or grown < 1_000_000:
        return ""
    back = memory.given_back_bytes
    proof = f" Given back once, {quantity(back, 'B')} of it were gone." if back else ""
    return f"File-backed memory grew by {quantity(grown, 'B')}: page cache, reclaimable: not a leak.{proof}"


def transfer_words(transfer: Transfer) -> str:
    """The verdict on the copies to the device in a few words."""
    if transfer.verdict == "fail":
        return "fail"
    rate = quantity((transfer.gbytes_per_s or 0) * 1e9 or None, "B/s")
    if transfer.verdict == "pass":
        return f"pass, {rate}" if transfer.measured else "pass, not timed"
    return "not measured"


def transfer_reason(document: Document) -> str:
    """Why no transfer was timed anywhere, or nothing when some was."""
    rows = [entry for subject in document.subjects for entry in subject.transfer]
    if not rows or any(entry.measured for entry in rows):
        return ""
    reasons = dict.fromkeys(one_line(entry.reason) for entry in rows if entry.verdict == "not_measured")
    return "; ".join(reason for reason in reasons if reason)
