"""Aliasing: what was given stays given."""

from __future__ import annotations

import itertools

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence

FIELDS = tuple(itertools.product(("x", "y"), repeat=2))


@check(
    "alias.hold", "aliasing", "Batches held by the consumer keep the values they had when they were yielded."
)
def alias_hold(evidence: Evidence) -> Opinion:
    trace = evidence.trace("pass")
    promised = {
        "x": evidence.traits.batch,
        "y": evidence.traits.y_batch or evidence.traits.batch,
    }
    broken = [change for change in trace.changed if promised[change.field] in (None, "fresh")]
    if broken:
        fields = sorted({change.field for change in broken})
        first = broken[0]
        both = fields == ["x", "y"]
        return bad(
            f"{' and '.join(fields)} of batch {first.batch} changed after it was given "
            f"({first.cells} of {first.total} values, noticed {first.after} batch later)",
            "one buffer serves every batch: a consumer that keeps a batch, or a copy still in flight, "
            "sees the next one" if both
            else "targets are a view of a scratch buffer that the next batch refills; inputs are copies"
            if fields == ["y"]
            else "inputs are a view of a buffer that the next batch refills",
            "I2" if both else "K1",
            fields=fields,
            batches=len({change.batch for change in broken}),
        )  # fmt: skip
    if trace.changed:
        return skip("batches are valid until the next one only, as stated")
    return ok(f"{len(trace.good)} batches unchanged while held", held=trace.scenario.hold)


@check("alias.storage", "aliasing", "Memory of batches held at the same time does not overlap.")
def alias_storage(evidence: Evidence) -> Opinion:
    if evidence.traits.batch in ("until-next", "view"):
        return skip(f"batches are declared `{evidence.traits.batch}`")
    trace = evidence.trace("pass")
    hold = trace.scenario.hold
    batches = trace.run(0)
    for i, batch in enumerate(batches):
        for later in batches[i + 1 : i + 1 + hold]:
            for field, other in FIELDS:
                mine, theirs = getattr(batch, field), getattr(later, other)
                if not mine or not theirs or mine.start >= theirs.stop or theirs.start >= mine.stop:
                    continue
                if evidence.traits.batch is None or _told(evidence, field) or _told(evidence, other):
                    return skip(f"{field} of consecutive batches share memory; see alias.hold")
                return bad(
                    f"{field} of batch {batch.index} and {other} of batch {later.index} share memory",
                    "batches are views of one buffer, or of the source itself: who masks targets in place "
                    "changes other batches",
                    "I2",
                )
    return ok(f"no overlap among {len(batches)} batches, {hold} held at a time")


def _told(evidence: Evidence, field: str) -> bool:
    """Whether alias.hold already speaks of this field."""
    return any(change.field == field for change in evidence.traces["pass"].changed)
