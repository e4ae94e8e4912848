"""Memory while a loader is used: no growth over batches and passes, none with the corpus, none in workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..reports.document import Memory, MemorySeries
from .checks import Opinion, bad, check, ok, skip
from .corpora import corpus_of
from .evidence import Evidence, Missing
from .floors import trend
from .memory import CONFIRMED, confirm, judge_memory
from .scenario import CorpusRef, Scenario
from .trace import Trace

BATCHES = 1200
EVERY = 10
WORKED, WORKER_WARM_UP = 800, 300  # batches with workers
WORKER_VISIBLE = 2048.0  # bytes a batch: half a page, in which private memory is counted
DOCUMENTS, LENGTH, TIMES = 150, 200, 10  # of the corpus that ten times as much is compared with
TOKENS = 64  # of a batch at least: one at a time, the larger corpus would take half a minute to read
STORED_BYTES = 2
CORPORA = {"tokens": "keyed", "documents": "keyed", "pairs": "markov", "conversations": "markov"}
SHARE = 0.5  # of the bytes that were added to the corpus, which a loader that holds it all exceeds
LONGER = "probe/living/longer"
PEAKS = ("probe/peak/1", f"probe/peak/{TIMES}")


def scenarios(main: Scenario, *, bounded: str, workers: bool, endless: bool) -> Iterator[Scenario]:
    """From one on the main corpus: many passes of it, one of a small and of a large corpus, and workers.

    ``bounded`` is the kind of the small and the large corpus, empty where no bound is stated; the options
    of ``main`` then ask for a buffer that a small corpus exceeds.
    """
    yield msgspec.structs.replace(main, name="probe/living", probe="living", batches=BATCHES, exact=True)
    if bounded:
        length = main.config["seq_len"]
        size = max(main.config["batch_size"], -(-TOKENS // length))
        for times, name in zip((1, TIMES), PEAKS, strict=True):
            batches = times * DOCUMENTS * LENGTH // (size * length) + 4
            yield msgspec.structs.replace(
                main, name=name, probe="peak", corpus=_corpus(times, bounded), exact=True,
                config={**main.config, "batch_size": size}, batches=batches if endless else 8 * batches,
            )  # fmt: skip
    if workers:
        config = {**main.config, "num_workers": 2}
        yield msgspec.structs.replace(
            main, name="probe/working", probe="workers", corpus=_corpus(TIMES), config=config, batches=WORKED
        )


def longer(scenario: Scenario, trace: Trace) -> Iterator[Scenario]:
    """What a leak has to be confirmed by: a run of three times the length."""
    if scenario.name == "probe/living" and "living" in trace.notes and _seen(trace).verdict == "leak":
        yield msgspec.structs.replace(scenario, name=LONGER, batches=CONFIRMED * BATCHES, of=scenario.name)


def _corpus(times: int, kind: str = "keyed") -> CorpusRef:
    """Row groups are not small: what a parquet footer says of each is kilobytes that readers keep."""
    return corpus_of(kind=kind, documents=(LENGTH,) * (DOCUMENTS * times), row_group=50)


def _seen(trace: Trace, after: int | None = None) -> Memory:
    told: Mapping[str, Any] = trace.notes["living"]
    series = MemorySeries(**{name: told[name] for name in MemorySeries.__struct_fields__})
    config = trace.scenario.config
    size = config["batch_size"], config["seq_len"]
    return judge_memory(series, told["buffered"], *size, after=after)


@check(
    "mem.slope", "resources", "Live memory does not grow with every batch, shard or pass.",
    "probe/living", LONGER,
)  # fmt: skip
def mem_slope(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get("probe/living")
    if trace is None or "living" not in trace.notes:
        raise Missing("its memory was not watched")
    found = _seen(trace)
    if found.verdict == "leak":
        again = evidence.traces.get(LONGER)
        if again is None or "living" not in again.notes:
            return skip("it rises, but could not be watched for longer; `loadstone bench --only memory` can")
        found = confirm(found, _seen(again, after=BATCHES))
    if found.verdict == "leak":
        return bad(
            found.reason,
            "each batch or pass leaves something in a list, a cache without bounds, or memory of C; "
            "`loadstone bench --only memory` names the line",
            bytes_per_batch=round(found.bytes_per_batch or 0.0, 1),
            batches=found.batches,
        )
    if found.verdict == "undecided":
        return skip(f"undecided: {found.reason}")
    return ok(found.reason, visible_from=round(found.visible_from or 0.0, 1))


@check(
    "mem.bounded", "resources", "Ten times the corpus takes no more memory, where that is promised.", *PEAKS
)
def mem_bounded(evidence: Evidence) -> Opinion:
    if evidence.traits.holds != "buffer":
        return skip("it is not stated that only a buffer is held (`holds`)")
    if not any(name in evidence.traces for name in PEAKS):
        return skip(f"its buffer holds more than the {DOCUMENTS} documents of the smaller corpus")
    peaks = [evidence.traces[name].notes.get("peak", 0) for name in PEAKS if name in evidence.traces]
    if len(peaks) < len(PEAKS) or 0 in peaks:
        raise Missing("the two corpora could not be read")
    small, large = map(int, peaks)
    added = (TIMES - 1) * DOCUMENTS * LENGTH * STORED_BYTES
    if large - small <= SHARE * added:
        return ok(
            f"a corpus of {TIMES} times the size, {added:,} bytes more, adds {max(0, large - small):,} bytes",
            added=large - small,
        )
    return bad(
        f"a corpus of {TIMES} times the size, {added:,} bytes more, adds {large - small:,} bytes to the peak",
        "the whole corpus is held, or an object for each of its items: an index, a list of all rows",
        added=large - small,
    )


@check(
    "mem.pss", "resources", "Memory of the worker processes does not grow; what is copied on write is told.",
    "probe/working",
)  # fmt: skip
def mem_pss(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get("probe/working")
    if not evidence.traits.workers or trace is None:
        return skip("it takes no workers")
    told = trace.notes.get("workers")
    if not told or not told["count"]:
        raise Missing("no worker process was found")
    seen = trend(told["batch"], told["anonymous"], WORKER_WARM_UP, WORKER_VISIBLE)
    if seen.state == "short":
        return skip(f"{len(told['batch']) * EVERY} batches are too few to judge its workers by")
    copied = copied_on_write(told)
    if seen.state == "even" and seen.rate >= WORKER_VISIBLE:
        return bad(
            f"anonymous memory of {told['count']} workers grows by {seen.rate:,.0f} bytes a batch, "
            "in each of eight rounds",
            "each worker keeps something of every batch",
            bytes_per_batch=round(seen.rate),
        )
    return ok(
        f"anonymous memory of {told['count']} workers does not keep rising; "
        f"{seen.visible:,.0f} bytes a batch and more would have shown{copied}"
    )


def copied_on_write(told: Mapping[str, Any]) -> str:
    """In words, how much of their parent's memory each worker has made its own; "" if little."""
    private, anonymous = told["private_dirty"], told["anonymous"]
    copied = [p - a for p, a in zip(private, anonymous, strict=True)]
    grown = (max(copied) - copied[0]) / told["count"]
    if grown < 1 << 20:
        return ""
    near = copied[0] + 0.95 * (max(copied) - copied[0])
    until = next(batch for batch, value in zip(told["batch"], copied, strict=True) if value >= near)
    ended = f"by batch {until:,}" if until < 0.9 * told["batch"][-1] else "which still goes on"
    return f"; copy-on-write growth of {grown / 2**20:,.1f} MiB a worker, {ended}: not a leak"
