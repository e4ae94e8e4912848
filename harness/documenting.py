"""Parts of a run's document that nobody measures: the subject, the data, what broke while measuring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..loaders.corpus import Corpus
from ..reports.document import Finding, Memory, Subject, TraitSheet
from ..suites.throughput import Facts, real_data_finding
from . import waivers
from .inquiry import Opened


def subject_of(opened: Opened, waived: Sequence[waivers.Waiver]) -> Subject:
    """A subject of which nothing is known but what it states."""
    ref, described = opened.ref, opened.described
    return Subject(
        name=ref.name,
        origin=ref.origin,
        version=ref.version,
        options=described.options,
        traits=TraitSheet(stated=described.traits),
        waivers=waivers.told(waived),
    )


def no_memory() -> Memory:
    """The verdict where nobody asked for one."""
    return Memory(verdict="not_measured", reason="not asked for")


def measured_findings(subject: Subject, seen: Sequence[Facts]) -> Sequence[Finding]:
    """What the measurement itself shows to be wrong."""
    for facts in seen:
        if facts.broke:
            return [Finding(
                id="end.measured", family="coverage", verdict="fail", reason=facts.reason,
                diagnosis="the loader broke while it was measured; run `loadstone check` on it alone",
            )]  # fmt: skip
        finding = real_data_finding(facts, subject.traits.stated)
        if finding is not None:
            return [finding]
    return []


def data_of(corpus: Corpus | None) -> dict[str, Any]:
    """What the document says of the data that was measured on."""
    if corpus is None:
        return {"name": "counting corpus", "kind": "counting"}
    manifest = corpus.manifest
    return {
        "name": corpus.name,
        "kind": manifest.kind,
        "fingerprint": manifest.fingerprint,
        "vocab_size": manifest.vocab_size,
        "tokens": dict(manifest.num_tokens),
        "reads": corpus.reads(),
    }
