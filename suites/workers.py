"""Worker processes, and forking and pickling, which they need."""

from __future__ import annotations

import itertools
from collections import Counter

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Missing
from .trace import Recorded, Trace

MOST_REPEATED = 1.5  # positions seen, to those seen without workers


def _traces(evidence: Evidence) -> tuple[Trace, Trace]:
    if evidence.traits.workers is False or "workers" not in evidence.traces:
        raise Missing("the loader takes no workers")
    return evidence.trace("pass"), evidence.trace("workers")


def _counts(evidence: Evidence, name: str) -> Counter[int]:
    batches = evidence.trace(name).run(0)
    return Counter(int(p) for part in evidence.positions(batches, name) for p in part.ravel() if p >= 0)


@check("worker.disjoint", "ranks", "Two workers deliver each item once, not twice.", "pass", "workers")
def worker_disjoint(evidence: Evidence) -> Opinion:
    alone, shared = _traces(evidence)
    if evidence.traits.order == "windows" or (alone.ends and alone.ends[0].how != "stop"):
        return skip("windows drawn with replacement, or a stream without end, have no items to count")
    without, with_workers = _counts(evidence, "pass"), _counts(evidence, "workers")
    ratio = sum(with_workers.values()) / max(1, sum(without.values()))
    if ratio <= MOST_REPEATED and max(with_workers.values(), default=0) <= max(without.values(), default=0):
        return ok(f"{len(shared.run(0))} batches from two workers, {len(alone.run(0))} from none")
    return bad(
        f"two workers deliver {ratio:.1f} times what none does: {len(shared.run(0))} batches "
        f"instead of {len(alone.run(0))}",
        "every worker walks the whole source: no test of the worker's id",
        "G2",
        ratio=round(ratio, 2),
    )


@check("worker.rng_distinct", "ranks", "Workers do not share random draws.", "workers")
def worker_rng_distinct(evidence: Evidence) -> Opinion:
    _, shared = _traces(evidence)
    batches = [b.x.data for b in shared.run(0) if b.x]
    twins = sum(a == b for a, b in itertools.pairwise(batches))
    if evidence.traits.order not in (None, "windows"):
        return skip("no random draws are promised")
    if batches and twins >= len(batches) // 3 and len(batches) > 3:
        return bad(
            f"{twins} of {len(batches)} batches repeat the one before: both workers draw the same",
            "a generator made before the workers start is copied into each of them",
            "E1",
        )
    return ok(f"{len(batches)} batches from two workers, {twins} repeated")


@check(
    "worker.count_invariance", "ranks", "The number of workers does not change what is delivered.",
    "pass", "workers",
)  # fmt: skip
def worker_count_invariance(evidence: Evidence) -> Opinion:
    alone, _ = _traces(evidence)
    if not evidence.traits.workers or evidence.traits.order == "windows":
        return skip("not promised")
    if alone.ends and alone.ends[0].how != "stop":
        return skip("a stream without end is not delivered in full")
    without, with_workers = _counts(evidence, "pass"), _counts(evidence, "workers")
    budget = _rests(evidence)
    missing = sum((without - with_workers).values())
    if missing <= budget:
        return ok(f"{len(with_workers)} positions with two workers, {len(without)} with none")
    return bad(
        f"{missing} positions delivered without workers are not delivered by two",
        "each worker drops a remainder of its own, or shards are fewer than workers",
        "E4",
        missing=missing,
    )


def _rests(evidence: Evidence) -> int:
    """Positions that the rest of each of two workers may hold."""
    config = evidence.traces["workers"].scenario.config
    return 2 * int(config["batch_size"]) * int(config["seq_len"]) * 2


def _probed(evidence: Evidence, name: str) -> str:
    if name not in evidence.traces:
        raise Missing("not asked of this loader")
    trace = evidence.traces[name]
    return str(trace.notes.get("probe", trace.fate()))


@check(
    "worker.killed", "ranks", "A worker that dies gives an error in time, and no wait without end.",
    "probe/kill-worker",
)  # fmt: skip
def worker_killed(evidence: Evidence) -> Opinion:
    told = _probed(evidence, "probe/kill-worker")
    if told.startswith("raised"):
        return ok(f"the loader {told}")
    if told == "no worker process":
        return skip("no worker process was found to kill")
    return bad(f"after a worker was killed the loader {told}", "nobody asks whether the workers live", "J17")


@check(
    "worker.skewed", "ranks", "One very slow worker changes nothing: what is delivered stays the same.",
    "workers", "probe/slow-worker",
)  # fmt: skip
def worker_skewed(evidence: Evidence) -> Opinion:
    """With one worker held back the same batches come, in any order, none lost and none twice.

    In which order they come is not judged: that they come as they are made is a choice, as is dealing
    out documents to whoever is free. There the batches differ, and only positions are compared.
    """
    told = _probed(evidence, "probe/slow-worker")
    if evidence.trace("workers").broke:
        return skip("with workers it breaks anyway")
    if told == "no worker process":
        return skip("no worker process was found to hold back")
    if told:
        return bad(
            f"with one worker held back it fails: {told}",
            "a fast worker takes away, or gives up, what a slow one still needs",
            "G11",
        )
    return _compared(evidence, evidence.trace("workers"), evidence.trace("probe/slow-worker"))


def _compared(evidence: Evidence, before: Trace, held: Trace) -> Opinion:
    """What two workers gave, and what they gave when one was held back."""
    even, skewed = _content(before.run(0)), _content(held.run(0))
    if even == skewed:
        return ok(f"{len(skewed)} batches, the same and in the same order")
    if evidence.traits.passes != "one" or before.ends[0].how != "stop":
        return skip("a stream without end is not delivered in full; it neither broke nor waited for ever")
    same = set(skewed) <= set(even)
    wrong = _lost_batches(even, skewed) if same else _lost_positions(evidence)
    if not wrong:
        what = "the same in another order" if same else "other ones of the same contents"
        return ok(f"{len(skewed)} batches, {what}")
    return bad(
        f"with one worker held back {wrong}",
        "a worker that is late is given up, or its part is read again by another",
        "G11",
    )


def _content(batches: list[Recorded]) -> list[bytes]:
    return [batch.x.data for batch in batches if batch.x]


def _lost_batches(even: list[bytes], skewed: list[bytes]) -> str:
    """In words, which batches are lost or come twice; "" for none."""
    lost, more = (Counter(even) - Counter(skewed)).total(), (Counter(skewed) - Counter(even)).total()
    return f"{lost} batches are lost and {more} come twice" if lost or more else ""


def _lost_positions(evidence: Evidence) -> str:
    """The same of positions, where other batches are made: then each worker may end with another rest."""
    even, skewed = (_counts(evidence, name) for name in ("workers", "probe/slow-worker"))
    lost, more = (even - skewed).total(), (skewed - even).total()
    return f"{lost} positions are lost and {more} come twice" if max(lost, more) > _rests(evidence) else ""


@check("loader.picklable", "ranks", "The loader travels to a spawned process.", "probe/pickle")
def loader_picklable(evidence: Evidence) -> Opinion:
    told = _probed(evidence, "probe/pickle")
    if not told:
        return ok("pickled and unpickled")
    return bad(
        f"pickling failed: {told}", "a running generator, a lock or an open file is an attribute", "F14"
    )


@check("fork.safe", "ranks", "The loader works in a process forked after it was used.", "probe/fork")
def fork_safe(evidence: Evidence) -> Opinion:
    told = _probed(evidence, "probe/fork")
    if not told:
        return ok("used, forked, and used again in the child")
    return bad(told, "threads or locks of before the fork are waited for after it", "J16")
