"""What a CUDA device itself says of transfer, where one was asked."""

from __future__ import annotations

from .arrivals import damages, told
from .checks import Opinion, bad, ok
from .evidence import Evidence, Missing
from .transfer_evidence import OVERWRITTEN, cause, damage_notes, differing
from .transferring import BUSY, CUDA, IDLE, LATE, PROMPT, WARM


def on_cuda(evidence: Evidence) -> Opinion | None:
    """What a CUDA device itself says; None without one."""
    trace = evidence.traces.get(CUDA)
    if trace is None or "not_measured" in trace.notes:
        return None
    if trace.broke:
        return bad(f"on CUDA the loader {trace.fate()}", "it was not made for a device, or for this one")
    again = evidence.trace("again")
    found = [] if damages(again.good, evidence.trace("pass").good) else damages(again.good, trace.good)
    prompt = evidence.traces.get(PROMPT)
    if prompt is not None and prompt.good and not damages(prompt.good, trace.good):
        found = []  # it arrives so when every copy runs at once, which is for xfer.content to say
    if found:
        idle = evidence.traces.get(IDLE)
        hidden = idle is not None and not damages(again.good, idle.good)
        shown = "; without the kernel all are right: a run that waits hides it" if hidden else ""
        why = OVERWRITTEN if _only_when_busy(evidence) else cause(found)
        return bad(f"on CUDA {told(found)}{shown}", *why, **damage_notes(found))
    return ok(f"{max(0, len(trace.good) - WARM)} batches right behind a long kernel")


def _only_when_busy(evidence: Evidence) -> bool:
    """Whether the late device finds all right until the model's stream stands still."""
    try:
        return not differing(evidence, LATE)[1] and bool(differing(evidence, BUSY)[1])
    except Missing:
        return False


def no_cuda(evidence: Evidence) -> bool:
    """Whether CUDA itself was not asked."""
    return any(n not in evidence.traces or "not_measured" in evidence.traces[n].notes for n in (CUDA, IDLE))


def waited_on_cuda(evidence: Evidence) -> tuple[str, str] | None:
    """What a kernel in front shows on CUDA: it had ended, and not because the loader is slow by itself."""
    if no_cuda(evidence):
        return None
    busy, idle = (evidence.traces[name].notes.get("transfer", {}) for name in (CUDA, IDLE))
    places = ", ".join(busy.get("waited_at", []))
    # An event that is waited for is seen by nobody: that of a slot whose copy is queued is waited for with
    # right, once every slot is taken, and so not before the first batch.
    what, words = ("all", "the batches") if places else ("first", "the first batch")
    took_s, usual_s = busy.get(f"{what}_s"), idle.get(f"{what}_s")
    if took_s is None or usual_s is None or busy[f"{what}_runs"] or 2 * usual_s > took_s:
        return None
    return (
        f"on CUDA {words} took {took_s:.2f} s behind a kernel and {usual_s:.2f} s without it",
        f"a hidden synchronisation: {places or 'torch did not see where'}",
    )
