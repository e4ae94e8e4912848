"""What a transfer check reads from the traces: the batches that were sent, what differs in them, and why."""

from __future__ import annotations

from typing import Any

from .arrivals import REPLACED, TORN, UNARRIVED, Damage, damages
from .evidence import Evidence, Missing
from .trace import Trace
from .transferring import LATE, PROMPT

LEFT_ON_HOST = (
    "it leaves its batches on the host, in pageable memory: whoever copies them from there gets what they "
    "held when the copy was asked for"
)
OVERWRITTEN = (
    "memory on the device that the model still reads is written by a later copy: the loader's own "
    "stream does not wait for the consumer's before it fills a buffer anew",
    "K3",
)


def sent(evidence: Evidence, name: str) -> Trace:
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


def differing(evidence: Evidence, name: str) -> tuple[Trace, list[Damage]]:
    """A trace and what in it differs from the one in which every copy ran at once."""
    trace, prompt = sent(evidence, name), sent(evidence, PROMPT)
    if damages(evidence.trace("again").good, evidence.trace("pass").good):
        raise Missing("two runs differ already; see seed.same")
    return trace, damages(prompt.good, trace.good)


def queued(evidence: Evidence) -> tuple[Trace, list[Any]]:
    """The trace of late copies and those that the loader made; raises :class:`Missing` unless stated."""
    if evidence.traits.copies != "queued":
        raise Missing("`copies` is not stated as queued")
    trace = sent(evidence, LATE)
    copies = trace.notes["transfer"].get("copies", [])
    if not copies:
        raise Missing("no copy to the device was seen")
    return trace, copies


def cause(found: list[Damage]) -> tuple[str, str]:
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


def damage_notes(found: list[Damage]) -> dict[str, Any]:
    """Which fields of which batches differ and how, as a finding keeps it."""
    return {
        "fields": sorted({damage.field for damage in found}),
        "batches": sorted({damage.batch for damage in found}),
        "kinds": sorted({damage.kind for damage in found}),
    }
