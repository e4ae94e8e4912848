"""The result document: the one source of truth, of which every report is a rendering.

Written as JSON under the schema name ``loadstone/1``; :func:`json_schema` is made from the same
classes. Units are in the names (``_s`` seconds, ``_us`` microseconds, ``_per_s``, ``_bytes``).
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from ..errors import DataError, UsageError
from .measured.gate import Gate, GateRow, Revision
from .measured.memory import Counted, Memory, MemorySeries, Survivor, UnderLimit
from .measured.says import says
from .measured.speed import BATCH_SHARES, Feeding, Scaling, Throughput
from .measured.transfer import Sending, Span, Transfer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BATCH_SHARES",
    "SCHEMA",
    "VERDICTS",
    "Counted",
    "Document",
    "Feeding",
    "Finding",
    "Gate",
    "GateRow",
    "Machine",
    "Memory",
    "MemorySeries",
    "Revision",
    "Scaling",
    "Sending",
    "Span",
    "Subject",
    "Survivor",
    "Throughput",
    "TraitSheet",
    "Transfer",
    "UnderLimit",
    "Verdict",
    "decode",
    "encode",
    "json_schema",
    "load",
    "write_beside",
]

SCHEMA: Final = "loadstone/1"
Verdict = Literal["pass", "fail", "skip", "waived", "unknown"]
VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "skip", "waived", "unknown")


class Finding(msgspec.Struct, kw_only=True, omit_defaults=False):
    """What one check found about one subject."""

    id: Annotated[str, says("family.name of the check")]
    family: Annotated[str, says("heading under which the matrix shows it")]
    verdict: Annotated[Verdict, says("skip: not promised, no knob, or not measurable here")]
    reason: Annotated[str, says("one sentence: what was seen, or why it was not judged")] = ""
    diagnosis: Annotated[str, says("the likely cause in words; empty unless failed")] = ""
    resembles: Annotated[str, says("the known defect it resembles")] = ""
    smallest: Annotated[str, says("the smallest case that fails in the same way; empty if not sought")] = ""
    evidence: Annotated[dict[str, Any], says("numbers, and the smallest case as data")] = {}
    seconds: Annotated[float, says("time spent on recording what it judged")] = 0.0


class TraitSheet(msgspec.Struct, kw_only=True):
    """What a subject says of itself, and what was seen."""

    stated: dict[str, Any] = {}
    observed: dict[str, Any] = {}


class Subject(msgspec.Struct, kw_only=True):
    """Everything about one loader."""

    name: str
    origin: Annotated[str, says("built-in, plugin, module or file")] = ""
    version: str = ""
    options: dict[str, Any] = {}
    traits: TraitSheet = msgspec.field(default_factory=TraitSheet)
    waivers: Annotated[dict[str, str], says("check id to reason")] = {}
    checks: list[Finding] = []
    throughput: list[Throughput] = []
    scaling: list[Scaling] = []
    feeding: list[Feeding] = []
    memory: list[Memory] = []
    transfer: list[Transfer] = []

    def failed(self) -> list[Finding]:
        """The checks that failed."""
        return [finding for finding in self.checks if finding.verdict == "fail"]

    def stale(self) -> list[str]:
        """The checks that are waived, yet pass."""
        return [one.id for one in self.checks if one.verdict == "pass" and one.id in self.waivers]

    def status(self) -> str:
        """One word for the row: fail, leak, unknown, pass, or skip where nothing was judged."""
        verdicts = {finding.verdict for finding in self.checks}
        memory = {row.verdict for row in self.memory}
        if "fail" in verdicts or any(row.verdict == "fail" for row in self.transfer):
            return "fail"
        if "leak" in memory:
            return "leak"
        if "unknown" in verdicts or "undecided" in memory:
            return "unknown"
        measured = any(row.tokens_per_s for row in self.throughput) or "clean" in memory
        measured = measured or any(row.verdict == "pass" for row in self.transfer)
        measured = measured or any(curve.measured() for curve in self.scaling)
        measured = measured or any(row.utilisation is not None for row in self.feeding)
        return "pass" if verdicts & {"pass", "waived"} or measured else "skip"


class Machine(msgspec.Struct, kw_only=True):
    """Where it ran: two runs compare only if their identities are equal."""

    identity: dict[str, Any] = {}
    notes: dict[str, Any] = {}


class Document(msgspec.Struct, kw_only=True):
    """One run."""

    schema: Literal["loadstone/1"] = SCHEMA
    created: Annotated[str, says("UTC, ISO 8601")]
    exit_code: int = 0
    seed: int = 0
    data: Annotated[dict[str, Any], says("name, fingerprint and kind of the data measured on")] = {}
    machine: Machine = msgspec.field(default_factory=Machine)
    config: Annotated[dict[str, Any], says("the command and its settings")] = {}
    subjects: list[Subject] = []
    gate: Annotated[Gate | None, says("of `loadstone gate`, which lists no subjects; else null")] = None
    summary: dict[str, Any] = {}


def encode(document: Document) -> bytes:
    """The document as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def decode(data: bytes, name: str = "the document") -> Document:
    """Read a document, every field checked.

    Raises:
        DataError: not JSON, not a document, or of another schema version.
    """
    try:
        return msgspec.json.decode(data, type=Document)
    except msgspec.MsgspecError as error:
        raise DataError(
            f"{name} is not a {SCHEMA} document: {error}; give the results.json of a Loadstone run."
        ) from error


def load(path: Path) -> Document:
    """Read a document from a file; raises :class:`DataError`."""
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; give the results.json of a run."
        ) from error


def write_beside(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: beside its place first, then renamed.

    Raises:
        UsageError: the folder cannot be written.
    """
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}; choose another folder with -o."
        ) from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the document, the same whichever msgspec and Python make it.

    A class's docstring is its description; msgspec before 0.23 left the indentation of the source in it,
    and Python 3.13 takes it off by itself.
    """
    dialect = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Loadstone result document {SCHEMA}",
    }
    schema = dialect | msgspec.json.schema(Document)
    for definition in schema["$defs"].values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return schema
