"""Lifetime: batches that are overwritten, items asked for late, the source, and what outlives close()."""

from __future__ import annotations

import numpy as np

from .aliasing import alias_hold, alias_storage
from .checks import Opinion, bad, check, ok, skip
from .contract import index_meaning
from .evidence import Evidence, Missing
from .grading import content

DRIFT = 0.05  # of the supervised targets of an early lap that a late one may lose


@check(
    "alias.mutate", "aliasing", "Overwriting a batch changes neither later ones nor the source.",
    "mutate", "repeat/fast", "again",
)  # fmt: skip
def alias_mutate(evidence: Evidence) -> Opinion:
    if evidence.traits.batch != "fresh":
        return skip("batches are not stated as the consumer's own (`fresh`)")
    if alias_storage(evidence).verdict == "fail" or alias_hold(evidence).verdict == "fail":
        return skip("batches share memory; see alias.storage and alias.hold")
    if source_immutable(evidence).verdict == "fail":
        return skip("the source is written into; see source.immutable")
    trace = evidence.traces.get("mutate")
    if trace is None:
        raise Missing("`reads` is not stated")
    if trace.broke or "unwritable" in trace.notes:
        return bad(
            f"when its batches are written into, the loader {trace.notes.get('unwritable') or trace.fate()}",
            "batches are views of memory mapped read-only: masking a target in place ends the process",
            "I2",
        )
    plain = evidence.trace("repeat/fast" if evidence.traits.passes == "one" else "again")
    whole, got = content(plain.good), content(trace.good)
    differs = next((i for i, (a, b) in enumerate(zip(whole, got, strict=False)) if a != b), -1)
    if differs < 0:
        return ok(f"{len(got)} batches as they would be, though each was overwritten")
    return bad(
        f"batch {differs} is another one when the batches before it are overwritten",
        "what is given is a view of what the loader goes on with: its carry, its cache, or the source",
        "I2",
        batch=differs,
    )


@check(
    "alias.template", "aliasing", "An item is the same whether it is computed first or after many others.",
    "pass", "index/alone", "index/late",
)  # fmt: skip
def alias_template(evidence: Evidence) -> Opinion:
    if "index/late" in evidence.traces:
        alone, late = evidence.traces["index/alone"], evidence.traces["index/late"]
        if alone.broke or late.broke or index_meaning(evidence).verdict == "fail":
            return skip("loader[i] does not answer as it should; see index.meaning")
        first, last = alone.notes.get("item 5 #0"), late.notes.get(f"item 5 #{len(late.scenario.index) - 1}")
        if first != last:
            return _worn(f"loader[5] computed after {len(late.scenario.index) - 1} others is another item")
        return ok(f"loader[5] is the same alone and after {len(late.scenario.index) - 1} others")
    return _supervised_alike(evidence)


def _supervised_alike(evidence: Evidence) -> Opinion:
    """The same position is supervised early and late alike, apart from what happens at rows' edges."""
    if evidence.traits.mask in (None, "none"):
        return skip("no mask is promised that could wear out, and the loader offers no loader[i]")
    cells = evidence.cells("pass")
    half = int(cells.batch[len(cells) // 2])
    inner = (cells.x >= 0) & (cells.column < cells.width - 1)
    parts = [inner & (cells.batch <= half), inner & (cells.batch > half)]
    both = np.intersect1d(cells.x[parts[0]], cells.x[parts[1]])
    early, late = (np.intersect1d(cells.x[part & cells.supervised], both) for part in parts)
    lost, gained = len(np.setdiff1d(early, late)), len(np.setdiff1d(late, early))
    if len(both) < 50:
        return skip("too few positions were seen both early and late")
    if max(lost, gained) <= max(2, DRIFT * len(early)) or min(lost, gained) * 4 > max(lost, gained):
        return ok(
            f"of {len(both)} positions seen early and late, {lost} lost and {gained} gained supervision"
        )
    return _worn(
        f"of {len(early)} positions supervised early, {lost} no longer are later on"
        if lost > gained
        else f"{gained} positions are supervised late that were not early on"
    )


def _worn(what: str) -> Opinion:
    return bad(
        what,
        "something kept between items (a mask, a template) is handed out by reference and edited in place",
        "I1",
    )


@check("source.immutable", "aliasing", "The files of the source are the same before and after.")
def source_immutable(evidence: Evidence) -> Opinion:
    changed = evidence.traces["pass"].notes.get("source_changed") if "pass" in evidence.traces else None
    if changed is None:
        return skip("the files were not compared")
    if not changed:
        return ok("every file of every corpus is what it was")
    return bad(
        f"{len(changed)} files of the source were changed: {', '.join(map(str, changed[:4]))}",
        "the source is opened for writing, and batches are views of it or a shuffle is done in place",
        "I4",
        files=[str(name) for name in changed[:20]],
    )


@check(
    "lifetime.after_close",
    "aliasing",
    "Batches stay readable when the loader is closed and dropped.",
    "close",
)
def lifetime_after_close(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get("close")
    if trace is None or not trace.good:
        raise Missing("the loader gave no batch to keep")
    closes = "close" in trace.notes.get("methods", [])
    what = "closed and dropped" if closes else "dropped"
    if trace.end.where == "close":
        return bad(f"close() raised {trace.end.error}", "the loader cannot be closed after use", "I5")
    if trace.notes.get("closed"):
        after = [change for change in trace.changed if change.after == len(trace.batches) - change.batch]
        told = {(change.batch, change.field) for change in after} - _changing(evidence)
        if not told or evidence.traits.batch in ("until-next", "view"):
            return ok(f"{min(len(trace.batches), trace.scenario.hold)} held batches read after it was {what}")
        if alias_hold(evidence).verdict == "fail":
            return skip("batches change anyway; see alias.hold")
        return bad(
            f"{len(told)} held tensors changed when the loader was {what}",
            "their memory is given back, or cleared, with the loader's",
            "I5",
        )
    if trace.end.how == "died" and len(trace.batches) == trace.scenario.batches:
        return bad(
            f"after the loader was {what}, reading a batch {trace.fate()}",
            "batches are views of a map or a buffer that close() takes away under them",
            "I5",
            output=trace.output,
        )
    raise Missing(f"the loader {trace.fate()}")


def _changing(evidence: Evidence) -> set[tuple[int, str]]:
    """Tensors that had changed in the main pass, where nothing was closed."""
    return {(change.batch, change.field) for change in evidence.traces["pass"].changed}
