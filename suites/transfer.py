"""Transfer: what the loader yields is what reaches the device, however late its copies run.

The consumer does what a training loop does: it moves what is not on the device yet, queues a kernel
that reads the batch, asks for the next, and waits for nothing. Under each schedule of the late
device (:mod:`.late_device.streams`) what the kernels saw must be what they see when every copy runs
at once, and that what the same loader yields on the CPU.
"""

from __future__ import annotations

from typing import Any

from .arrivals import REPLACED, TORN, UNARRIVED, Damage, damages, told
from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Missing
from .trace import Trace
from .transferring import BUSY, CUDA, DROPPED, DROPPED_BUSY, IDLE, LATE, NO_DEVICE, PROMPT, WARM

MISSING_DEVICE = ("cuda", "pin_memory", "pinned memory", "accelerator", "nvidia", "gpu")
LEFT_ON_HOST = (
    "it leaves its batches on the host, in pageable memory: whoever copies them from there gets what they "
    "held when the copy was asked for"
)
OVERWRITTEN = (
    "memory on the device that the model still reads is written by a later copy: the loader's own "
    "stream does not wait for the consumer's before it fills a buffer anew",
    "K3",
)


@check(
    "xfer.content", "transfer",
    "Each batch on the device equals in full the one the loader gives on the CPU.",
    PROMPT, "again", "pass",
)  # fmt: skip
def xfer_content(evidence: Evidence) -> Opinion:
    trace = _sent(evidence, PROMPT)
    again, first = evidence.trace("again"), evidence.trace("pass")
    if damages(again.good, first.good):
        return skip("two runs on the CPU differ already; see seed.same")
    found = damages(again.good, trace.good)
    if not found:
        return ok(f"{len(trace.good)} batches arrived in full", batches=len(trace.good))
    return bad(
        told(found),
        "the way to the device changes the batch: another dtype, part or order than on the CPU",
        **_evidence(found),
    )


@check(
    "xfer.deferred", "transfer",
    "Batches are right on the device although every copy runs as late as it may.",
    LATE, PROMPT, "again", "pass",
)  # fmt: skip
def xfer_deferred(evidence: Evidence) -> Opinion:
    trace, found = _differing(evidence, LATE)
    if not found:
        return ok(f"{len(trace.good)} batches right, their copies run as late as they may", **_counts(trace))
    return bad(told(found), *_cause(found), **_evidence(found))


@check(
    "xfer.backpressure", "transfer",
    "Batches are right behind a long kernel, however many are asked for without waiting.",
    BUSY, CUDA, IDLE, LATE, PROMPT, "again", "pass",
)  # fmt: skip
def xfer_backpressure(evidence: Evidence) -> Opinion:
    measured = _on_cuda(evidence)
    if measured is not None and measured.verdict == "fail":
        return measured
    if xfer_deferred(evidence).verdict == "fail":
        return skip("its copies are torn even without a kernel before them; see xfer.deferred")
    trace, found = _differing(evidence, BUSY)
    if found:
        return bad(told(found), *OVERWRITTEN, **_evidence(found))
    where = "on CUDA and on the late device" if measured is not None else "on the late device; no CUDA device"
    return ok(f"{len(trace.good)} batches right behind a kernel that does not end ({where})")


def _on_cuda(evidence: Evidence) -> Opinion | None:
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
        cause = OVERWRITTEN if _only_when_busy(evidence) else _cause(found)
        return bad(f"on CUDA {told(found)}{shown}", *cause, **_evidence(found))
    return ok(f"{max(0, len(trace.good) - WARM)} batches right behind a long kernel")


def _only_when_busy(evidence: Evidence) -> bool:
    """Whether the late device finds all right until the model's stream stands still."""
    try:
        return xfer_deferred(evidence).verdict == "pass" and bool(_differing(evidence, BUSY)[1])
    except Missing:
        return False


@check(
    "xfer.side_stream", "transfer",
    "A batch may be let go of while the device still reads it, nested tensors included.",
    DROPPED_BUSY, DROPPED, BUSY, LATE, PROMPT, "again", "pass",
)  # fmt: skip
def xfer_side_stream(evidence: Evidence) -> Opinion:
    for earlier in (xfer_deferred, xfer_backpressure):
        if earlier(evidence).verdict == "fail":
            return skip("batches that are held are wrong already; see xfer.deferred and xfer.backpressure")
    if xfer_drop_source(evidence).verdict == "fail":
        return skip("host memory that was let go of is filled anew; see xfer.drop_source")
    trace, found = _differing(evidence, DROPPED_BUSY)
    if not found:
        return ok(f"{len(trace.good)} batches right, each let go of as soon as its reading was queued")
    return bad(
        told(found),
        "device memory made on a stream of the loader's own is given again while the consumer's stream "
        "still reads it: record_stream is missing, or does not reach nested tensors",
        "K9",
        **_evidence(found),
    )


@check(
    "xfer.drop_source", "transfer", "Host memory may be let go of as soon as its copy is queued.",
    DROPPED, LATE, PROMPT, "again", "pass",
)  # fmt: skip
def xfer_drop_source(evidence: Evidence) -> Opinion:
    if xfer_deferred(evidence).verdict == "fail":
        return skip("its copies are torn even while everything is held; see xfer.deferred")
    trace, found = _differing(evidence, DROPPED)
    if not found:
        return ok(f"{len(trace.good)} batches right, host and device memory let go of at once")
    return bad(
        told(found),
        "page-locked memory that torch does not own is freed or filled anew while a copy from it is queued: "
        "torch guards the memory it pinned itself, and no other",
        "K5",
        **_evidence(found),
    )


@check("xfer.cpu_fallback", "transfer", "The loader works where there is no accelerator.", NO_DEVICE, "pass")
def xfer_cpu_fallback(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get(NO_DEVICE) or evidence.traces.get("pass")
    if trace is None:
        raise Missing("it was not asked without a device")
    if not trace.broke:
        return ok(f"{len(trace.good)} batches on the CPU, with no device to be seen")
    if any(word in trace.end.error.lower() for word in MISSING_DEVICE):
        return bad(
            f"without a device the loader {trace.fate()}",
            "pinned memory or a device is asked for unconditionally; ask torch.cuda.is_available() first, or "
            "pin only where config.device is a CUDA device",
            "K8",
        )
    return skip(f"it {trace.fate()}; that says nothing of devices")


@check(
    "xfer.pinned_really", "transfer", "Copies that are stated as queued come from page-locked memory.",
    LATE, PROMPT,
)  # fmt: skip
def xfer_pinned_really(evidence: Evidence) -> Opinion:
    trace, copies = _queued(evidence)
    pageable = [one for one in copies if one[1] == "staged" or one[0] == "pageable"]
    if not pageable:
        return ok(f"{sum(one[3] for one in copies)} copies, all of them from page-locked memory")
    source, _, place, count = pageable[0]
    why = (
        "from pageable memory"
        if source == "pageable"
        else "by way of a temporary, cast or gathered on the host"
    )
    return bad(
        f"{count} copies of {len(trace.good)} batches go {why} (at {place})",
        "pinning is silently off, so that the call copies by itself and the link runs at half its rate: "
        "a torch.device never equals a string, and a cast or strided source is not sent as it is",
        "K7",
        places=[one[2] for one in pageable],
    )


@check(
    "xfer.async_really", "transfer", "Asking for a batch whose copy is stated as queued waits for no copy.",
    LATE, PROMPT, CUDA, IDLE,
)  # fmt: skip
def xfer_async_really(evidence: Evidence) -> Opinion:
    trace, _ = _queued(evidence)
    told_of, waits = trace.notes["transfer"], trace.notes["transfer"].get("waits", [])
    idle = [number for number, works in enumerate(told_of.get("pending", [])) if not works]
    measured = _waited_on_cuda(evidence)
    if measured:
        return bad(*measured, "K7")
    if not idle:
        where = (
            "on the late device; no CUDA device" if _no_cuda(evidence) else "on CUDA nothing waited either"
        )
        return ok(
            f"the copy of each of {len(trace.good)} batches was still queued when it was given ({where})"
        )
    places = [f"{why} at {place} ({count} times)" for why, place, count in waits]
    return bad(
        f"{len(idle)} of {len(trace.good)} batches were given only after all their copies had run",
        f"a hidden synchronisation: {'; '.join(places) or 'a copy that blocks'}",
        "K7",
        waits=waits,
    )


def _no_cuda(evidence: Evidence) -> bool:
    """Whether CUDA itself was not asked."""
    return any(n not in evidence.traces or "not_measured" in evidence.traces[n].notes for n in (CUDA, IDLE))


def _waited_on_cuda(evidence: Evidence) -> tuple[str, str] | None:
    """What a kernel in front shows on CUDA: it had ended, and not because the loader is slow by itself."""
    if _no_cuda(evidence):
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


def _queued(evidence: Evidence) -> tuple[Trace, list[Any]]:
    """The trace of late copies and those that the loader made; raises :class:`Missing` unless stated."""
    if evidence.traits.copies != "queued":
        raise Missing("`copies` is not stated as queued")
    trace = _sent(evidence, LATE)
    copies = trace.notes["transfer"].get("copies", [])
    if not copies:
        raise Missing("no copy to the device was seen")
    return trace, copies


def _sent(evidence: Evidence, name: str) -> Trace:
    """A trace in which batches went to the device; raises :class:`Missing` with the reason otherwise."""
    trace = evidence.traces.get(name)
    if trace is not None and trace.broke:
        raise Missing(f"on the late device it {trace.fate()}; it cannot be judged there")
    trace = evidence.trace(name)
    told_of = trace.notes.get("transfer", {})
    if not (told_of.get("on_device") or told_of.get("pinned") or told_of.get("copies")):
        raise Missing(LEFT_ON_HOST)
    if not told_of.get("on_device") and evidence.traits.batch in ("until-next", "view"):
        raise Missing("its batches are page-locked and valid until the next one only: who copies them waits")
    return trace


def _differing(evidence: Evidence, name: str) -> tuple[Trace, list[Damage]]:
    """A trace and what in it differs from the one in which every copy ran at once."""
    trace, prompt = _sent(evidence, name), _sent(evidence, PROMPT)
    if damages(evidence.trace("again").good, evidence.trace("pass").good):
        raise Missing("two runs differ already; see seed.same")
    return trace, damages(prompt.good, trace.good)


def _cause(found: list[Damage]) -> tuple[str, str]:
    """Why copies that run late bring something else, and the report it resembles."""
    fields, kinds = {damage.field for damage in found}, {damage.kind for damage in found}
    if UNARRIVED in kinds:
        return (
            "the batch is read before its copy has run: the consumer's stream does not wait for the stream "
            "that copies (an event to wait for, or wait_stream, is missing)",
            "K3",
        )
    if kinds <= {REPLACED, TORN} and fields == {"y"}:
        return (
            "targets are sent from a page-locked buffer that is filled again while their copy is queued; "
            "inputs went by way of a copy of their own. Take new pinned memory for each batch, or wait for "
            "an event recorded after the copy before refilling",
            "K1",
        )
    if kinds <= {REPLACED, TORN}:
        return (
            "a page-locked staging buffer is filled again while its copy is queued, so that batches silently "
            "become later ones: targets still follow their inputs, and a check of the shift sees nothing",
            "K2",
        )
    return "something that a queued copy still reads, or its target, is changed before the copy has run", "K3"


def _counts(trace: Trace) -> dict[str, Any]:
    """How the loader's copies went."""
    counts: dict[str, int] = {}
    for _, how, _, count in trace.notes["transfer"].get("copies", []):
        counts[how] = counts.get(how, 0) + count
    return {"copies": counts}


def _evidence(found: list[Damage]) -> dict[str, Any]:
    return {
        "fields": sorted({damage.field for damage in found}),
        "batches": sorted({damage.batch for damage in found}),
        "kinds": sorted({damage.kind for damage in found}),
    }
