"""The contract of a loader: what its items are, how many it says there are, what an index means."""

from __future__ import annotations

from typing import Any

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Missing
from .scenarios import KEEP_LAST

IN_RANGE = ("pass", "wide", "val", "keep-last", *KEEP_LAST)


@check(
    "batch.type", "contract",
    "Each item is a pair of integer tensors (or a mapping of them), never None, for every storage width.",
    *IN_RANGE,
)  # fmt: skip
def batch_type(evidence: Evidence) -> Opinion:
    seen = 0
    for name in IN_RANGE:
        trace = evidence.traces.get(name)
        if trace is None or not trace.batches:
            continue
        for batch in trace.batches:
            if batch.problem:
                return bad(
                    f"batch {batch.index} of scenario {name!r} is no batch: {batch.problem}",
                    "a branch of the loader returns nothing or something else",
                    "D8",
                    scenario=name,
                )
            if batch.x is not None and batch.x.kind != "tensor":
                return bad(
                    f"batch {batch.index} holds NumPy arrays",
                    "training code calls tensor methods on a batch: wrap it with torch.from_numpy",
                )
        seen += len(trace.batches)
    if not seen:
        raise Missing("the loader gave no item at all")
    return ok(f"all {seen} items are batches", items=seen)


@check("len.honest", "contract", "len(loader), when offered, equals the number of batches in one pass.")
def len_honest(evidence: Evidence) -> Opinion:
    trace = evidence.trace("pass")
    length = trace.notes.get("length")
    if length is None:
        return skip("the loader offers no len()")
    if not isinstance(length, int):
        return bad(f"len(loader) raised {length}", "a length that cannot be known should not be offered")
    if trace.ends[0].how != "stop":
        if evidence.traits.passes == "endless":
            return skip(f"an endless stream offers len() = {length}; nothing to compare it with")
        return skip(f"len() is {length}, but the pass did not end by itself")
    count = len([batch for batch in trace.batches if batch.run == 0])
    if count == length:
        return ok(f"{count} batches, as len() says", batches=count)
    return bad(
        f"len() says {length}, one pass gave {count} batches",
        "the length is computed from another unit, or without the incomplete last batch",
        "B6",
        length=length,
        batches=count,
    )


@check(
    "index.meaning", "contract",
    "The same index gives the same item, and different indices give different ones.", "index",
)  # fmt: skip
def index_meaning(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get("index")
    if trace is None:
        return skip("the loader offers no loader[i]")
    asked = list(trace.scenario.index)
    items = [trace.notes.get(f"item {index} #{k}") for k, index in enumerate(asked)]
    if trace.broke or None in items:
        return bad(f"loader[i] {trace.fate()}", "the method is offered but does not work for legal indices")
    first: dict[int, Any] = {}
    for index, item in zip(asked, items, strict=True):
        if first.setdefault(index, item) != item:
            return bad(
                f"loader[{index}] gave two different items",
                "the index is ignored and the next item returned: samplers, rank splits and skips do nothing",
                index=index,
            )
    if len(set(first.values())) < len(first):
        return bad("different indices gave equal items", "the index is ignored: every index is one item")
    return ok(f"{len(asked)} indices answered consistently")
