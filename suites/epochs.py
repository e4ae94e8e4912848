"""Epochs that are set, in the main process and in workers, and evaluations that can be repeated."""

from __future__ import annotations

from collections.abc import Sequence

from .checks import Opinion, bad, check, ok, skip
from .circumstances import LATER, RANDOM
from .evidence import Evidence, Missing
from .grading import content
from .trace import Recorded


@check(
    "epoch.set_then_iter", "determinism",
    "An epoch set after a pass governs the very first batch of the next one.", "set-then-iter", "set-first",
)  # fmt: skip
def epoch_set_then_iter(evidence: Evidence) -> Opinion:
    return _governs(evidence, "", "batches fetched ahead belong to the epoch before", "E7")


@check(
    "epoch.reaches_workers", "determinism",
    "An epoch set in the main process governs workers from their first batch.",
    "workers/set-then-iter", "workers/set-first",
)  # fmt: skip
def epoch_reaches_workers(evidence: Evidence) -> Opinion:
    if not evidence.traits.workers:
        return skip("the loader takes no workers")
    if _set(evidence, "")[2] == "ignored":
        return skip("the epoch has no effect without workers either; see epoch.set_then_iter")
    return _governs(
        evidence, "workers/", "workers hold a copy of the loader from before the epoch was set", "E5"
    )


def _set(evidence: Evidence, where: str) -> tuple[list[bytes], list[bytes], str]:
    """The pass after a set epoch, the same epoch set at once, and how the first relates to a plain pass."""
    trace, fresh = evidence.trace(f"{where}set-then-iter"), evidence.trace(f"{where}set-first")
    if "set_epoch" not in trace.notes.get("methods", []):
        raise Missing("the loader offers no set_epoch")
    plain, then, first = content(trace.run(0)), content(trace.run(1)), content(fresh.run(0))
    return then, first, "ignored" if first == plain else "heard"


def _governs(evidence: Evidence, where: str, cause: str, entry: str) -> Opinion:
    if evidence.traits.order not in RANDOM:
        return skip("order is not random, so every epoch is alike" if evidence.traits.order else "not stated")
    then, first, heard = _set(evidence, where)
    if not then or not first:
        raise Missing("a pass was empty; see end.reiterate")
    if heard == "ignored":
        return bad(
            f"after set_epoch({LATER}) the first pass is that of epoch 0",
            "set_epoch is offered and does nothing" if not where
            else "workers never hear of the epoch: each pass has the same order",
            "E5" if where else "E6",
        )  # fmt: skip
    if then == first:
        return ok(f"{len(then)} batches after set_epoch({LATER}) are those of that epoch, from the first on")
    pairs = enumerate(zip(then, first, strict=False))
    late = next((i for i, (a, b) in pairs if a != b), min(len(then), len(first)))
    stale = next((i for i in range(len(then)) if then[i:] == first[i:]), len(then))
    return bad(
        f"after set_epoch({LATER}) between two passes, batch {late} of the next pass is not that of the epoch"
        + (f"; from batch {stale} on it is" if 0 < stale < len(then) else ""),
        cause if stale < len(then) else "the epoch is heard before the first pass only",
        entry,
        first_wrong=late,
        batches=len(then),
    )


@check("eval.repeatable", "determinism", "Two evaluations see the same batches.", "val-again", "val-twice")
def eval_repeatable(evidence: Evidence) -> Opinion:
    traits = evidence.traits
    if traits.order is None:
        return skip("`order` is not stated")
    once, twice = evidence.trace("val-again"), evidence.trace("val-twice")
    instances = _differs(once.run(0), twice.run(0))
    again = _differs(twice.run(0), twice.run(1))
    told = f"two instances {_said(instances)}, two iterations {_said(again)}"
    promised = traits.order != "windows"
    if not promised:
        return skip(f"validation is drawn with replacement; observed: {told}")
    if instances >= 0:
        return bad(
            f"two loaders of split='val', shuffle=False, differ from batch {instances} on",
            "evaluation draws from a generator nobody seeds, or ignores shuffle=False",
            "E11",
        )
    if traits.passes == "one" and (again >= 0 or len(twice.run(0)) != len(twice.run(1))):
        return bad(
            f"the second evaluation has other batches than the first, from batch {max(again, 0)} on "
            f"({len(twice.run(0))} and {len(twice.run(1))} batches)",
            "the validation iterator is not begun anew, so each evaluation measures something else",
            "E11",
        )
    if traits.passes == "one":
        return ok(f"{len(once.run(0))} validation batches equal in two instances and two iterations")
    return ok(f"{len(once.run(0))} validation batches equal in two instances; an endless stream goes on")


def _differs(left: Sequence[Recorded], right: Sequence[Recorded]) -> int:
    """Index of the first batch that differs; -1 if none does."""
    pairs = zip(content(left), content(right), strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), -1)


def _said(differs: int) -> str:
    return "agree" if differs < 0 else f"differ from batch {differs} on"
