"""What a comparison of runs holds: a line for each thing that was asked, and how grave its change is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ..errors import EXIT_FAILED, EXIT_NOTHING, EXIT_OK, EXIT_UNKNOWN

if TYPE_CHECKING:
    from .document import Document

Change = Literal["worse", "not comparable", "better", "changed", "same"]
WORST_FIRST: Final = ("worse", "not comparable", "better", "changed", "same")


@dataclass(frozen=True)
class Against:
    """One later document against the first: what changed, in words where words are needed."""

    change: Change
    why: str = ""


@dataclass(frozen=True)
class Line:
    """One thing that was asked of one subject, in every document.

    Attributes:
        subject: its name.
        kind: subject, check, throughput, memory or transfer.
        what: the check or the batch shape; empty where there is only one.
        values: what each document says, in its order.
        against: one entry for each document after the first.
    """

    subject: str
    kind: str
    what: str
    values: tuple[str, ...]
    against: tuple[Against, ...]

    @property
    def change(self) -> Change:
        """The gravest change of all documents."""
        return min((one.change for one in self.against), key=WORST_FIRST.index)

    @property
    def why(self) -> str:
        """The reasons, each once."""
        return "; ".join(dict.fromkeys(one.why for one in self.against if one.why))


@dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        names: what the documents are called.
        machines: the fields of the machines' identities that differ, a value for each document.
        lines: everything that was asked, differences first.
    """

    names: tuple[str, ...]
    documents: tuple[Document, ...]
    machines: dict[str, tuple[str, ...]]
    lines: tuple[Line, ...]

    def of(self, *changes: Change) -> list[Line]:
        """The lines with one of these changes."""
        return [line for line in self.lines if line.change in changes]

    @property
    def exit_code(self) -> int:
        """1 where something got worse, 10 where something could not be compared, 5 with nothing in common."""
        if not any(set(names_of(self.documents[0])) & set(names_of(other)) for other in self.documents[1:]):
            return EXIT_NOTHING
        changes = {one.change for line in self.lines for one in line.against}
        if "worse" in changes:
            return EXIT_FAILED
        return EXIT_UNKNOWN if "not comparable" in changes else EXIT_OK

    @property
    def headline(self) -> str:
        """``2 worse, 1 better, 1 changed, 210 the same, 4 not comparable.``"""
        words = {"same": "the same"}
        order: tuple[Change, ...] = ("worse", "better", "changed", "same", "not comparable")
        parts = [f"{len(self.of(one))} {words.get(one, one)}" for one in order if self.of(one)]
        return f"{', '.join(parts)}." if parts else "Nothing to compare."


def names_of(document: Document) -> list[str]:
    """What the subjects of a document are called."""
    return [subject.name for subject in document.subjects]
