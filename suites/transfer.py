"""Transfer: what the loader yields is what reaches the device, however late its copies run.

The consumer does what a training loop does: it moves what is not on the device yet, queues a kernel
that reads the batch, asks for the next, and waits for nothing. Under each schedule of the late
device (:mod:`.late_device.streams`) what the kernels saw must be what they see when every copy runs
at once, and that what the same loader yields on the CPU.
"""

from __future__ import annotations

from typing import Any

from .arrivals import damages, told
from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Missing
from .trace import Trace
from .transfer_cuda import no_cuda, on_cuda, waited_on_cuda
from .transfer_evidence import OVERWRITTEN, cause, damage_notes, differing, queued, sent
from .transferring import BUSY, CUDA, DROPPED, DROPPED_BUSY, IDLE, LATE, NO_DEVICE, PROMPT

MISSING_DEVICE = ("cuda", "pin_memory", "pinned memory", "accelerator", "nvidia", "gpu")


@check(
    "xfer.content", "transfer",
    "Each batch on the device equals in full the one the loader gives on the CPU.",
    PROMPT, "again", "pass",
)  # fmt: skip
def xfer_content(evidence: Evidence) -> Opinion:
    trace = sent(evidence, PROMPT)
    again, first = evidence.trace("again"), evidence.trace("pass")
    if damages(again.good, first.good):
        return skip("two runs on the CPU differ already; see seed.same")
    found = damages(again.good, trace.good)
    if not found:
        return ok(f"{len(trace.good)} batches arrived in full", batches=len(trace.good))
    return bad(
        told(found),
        "the way to the device changes the batch: another dtype, part or order than on the CPU",
        **damage_notes(found),
    )


@check(
    "xfer.deferred", "transfer",
    "Batches are right on the device although every copy runs as late as it may.",
    LATE, PROMPT, "again", "pass",
)  # fmt: skip
def xfer_deferred(evidence: Evidence) -> Opinion:
    trace, found = differing(evidence, LATE)
    if not found:
        return ok(f"{len(trace.good)} batches right, their copies run as late as they may", **_counts(trace))
    return bad(told(found), *cause(found), **damage_notes(found))


@check(
    "xfer.backpressure", "transfer",
    "Batches are right behind a long kernel, however many are asked for without waiting.",
    BUSY, CUDA, IDLE, LATE, PROMPT, "again", "pass",
)  # fmt: skip
def xfer_backpressure(evidence: Evidence) -> Opinion:
    measured = on_cuda(evidence)
    if measured is not None and measured.verdict == "fail":
        return measured
    if xfer_deferred(evidence).verdict == "fail":
        return skip("its copies are torn even without a kernel before them; see xfer.deferred")
    trace, found = differing(evidence, BUSY)
    if found:
        return bad(told(found), *OVERWRITTEN, **damage_notes(found))
    where = "on CUDA and on the late device" if measured is not None else "on the late device; no CUDA device"
    return ok(f"{len(trace.good)} batches right behind a kernel that does not end ({where})")


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
    trace, found = differing(evidence, DROPPED_BUSY)
    if not found:
        return ok(f"{len(trace.good)} batches right, each let go of as soon as its reading was queued")
    return bad(
        told(found),
        "device memory made on a stream of the loader's own is given again while the consumer's stream "
        "still reads it: record_stream is missing, or does not reach nested tensors",
        "K9",
        **damage_notes(found),
    )


@check(
    "xfer.drop_source", "transfer", "Host memory may be let go of as soon as its copy is queued.",
    DROPPED, LATE, PROMPT, "again", "pass",
)  # fmt: skip
def xfer_drop_source(evidence: Evidence) -> Opinion:
    if xfer_deferred(evidence).verdict == "fail":
        return skip("its copies are torn even while everything is held; see xfer.deferred")
    trace, found = differing(evidence, DROPPED)
    if not found:
        return ok(f"{len(trace.good)} batches right, host and device memory let go of at once")
    return bad(
        told(found),
        "page-locked memory that torch does not own is freed or filled anew while a copy from it is queued: "
        "torch guards the memory it pinned itself, and no other",
        "K5",
        **damage_notes(found),
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
    trace, copies = queued(evidence)
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
    trace, _ = queued(evidence)
    told_of, waits = trace.notes["transfer"], trace.notes["transfer"].get("waits", [])
    idle = [number for number, works in enumerate(told_of.get("pending", [])) if not works]
    measured = waited_on_cuda(evidence)
    if measured:
        return bad(*measured, "K7")
    if not idle:
        where = "on the late device; no CUDA device" if no_cuda(evidence) else "on CUDA nothing waited either"
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


def _counts(trace: Trace) -> dict[str, Any]:
    """How the loader's copies went."""
    counts: dict[str, int] = {}
    for _, how, _, count in trace.notes["transfer"].get("copies", []):
        counts[how] = counts.get(how, 0) + count
    return {"copies": counts}
