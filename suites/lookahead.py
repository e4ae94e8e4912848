"""Look-ahead: a state belongs to what the consumer received, not to what was fetched for it."""

from __future__ import annotations

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence
from .grading import EXACT, Grade, places, promised, restored_grade
from .resuming import BASE, name

FEWEST = 2  # places from which a depth is told: one alone may be wrong for any reason


@check(
    "resume.prefetch", "resume", "A state reflects what the consumer received, not what look-ahead fetched.",
    BASE,
)  # fmt: skip
def resume_prefetch(evidence: Evidence) -> Opinion:
    """Restored in the middle of a pass, a stream must not begin the look-ahead's depth late, everywhere.

    Towards the end of a pass a look-ahead runs dry, so only places with more batches left than it is
    deep are asked. What is wrong in some places only, or otherwise, is ``resume.every_k``'s to tell.
    """
    exact = promised(evidence)
    grades = _inside(evidence)
    depths = [told.n for told, _ in grades if told.word == "skips"]
    if len(grades) >= FEWEST and all(told == EXACT for told, _ in grades):
        return ok(f"at {len(grades)} places inside a pass the state is that of the batch just received")
    deepest = max(depths, default=0)
    middle = [told for told, left in grades if left > deepest]
    if len(middle) < FEWEST or not all(told.word == "skips" for told in middle):
        return skip("too few places inside a pass, or wrong in another way; see resume.every_k")
    told = _batches(min(depths), deepest)
    if not exact:
        return skip(f"only an approximate place is promised; observed: the state is {told} ahead")
    return bad(
        f"restored at {len(middle)} places in the middle of a pass, the stream begins {told} late at each",
        f"the state is {told} ahead of the consumer: it is taken where batches are fetched, so what the "
        "look-ahead holds is never trained after a restart",
        "F2",
        depth=deepest,
        places=len(middle),
    )


def _inside(evidence: Evidence) -> list[tuple[Grade, int]]:
    """The grade of each place that is no edge of a pass, and how many batches its pass has left."""
    trace = evidence.traces[BASE]
    ends = [len([batch for batch in trace.good if batch.run <= run]) for run in range(len(trace.ends))]
    found = []
    for at, run, ended in places(trace):
        begin, end = ends[run - 1] if run else 0, ends[run] if run < len(ends) else 0
        if not ended and begin < at < end:
            found.append((restored_grade(evidence, name(at), at, passes=False), end - at))
    return found


def _batches(least: int, most: int) -> str:
    """``1 batch``, ``3 batches`` or ``2 to 3 batches``."""
    count = str(most) if least == most else f"{least} to {most}"
    return f"{count} batch{'es' * (most > 1)}"
