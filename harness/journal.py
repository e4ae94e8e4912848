"""The journal: every result is written down as it arrives, so an interrupted run keeps what it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..errors import UsageError

NAME = "journal.jsonl"
T = TypeVar("T")


class Entry(msgspec.Struct):
    """One result: of which subject, which part of the work, and the result itself."""

    subject: str
    part: str
    value: msgspec.Raw


class Journal:
    """A file of lines: first what the run is, then one entry a line.

    With ``resume``, entries of an interrupted run of the same settings are taken over; a last
    line that was cut off by the interruption is left out.

    Raises:
        UsageError: the folder cannot be written, or the journal is of other settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], resume: bool) -> None:
        self.folder, self.path = folder, folder / NAME
        self.entries: dict[tuple[str, str], msgspec.Raw] = {}
        header = msgspec.json.encode({"loadstone-journal": 1, "settings": settings}, order="sorted")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            kept = self._take_over(header) if resume and self.path.exists() else []
            self.file = self.path.open("wb")
            self.file.write(header + b"\n" + b"".join(line + b"\n" for line in kept))
            self.file.flush()
        except OSError as error:
            raise UsageError(
                f"the report folder {folder} cannot be written: {error.strerror}; choose another with -o."
            ) from error

    def _take_over(self, header: bytes) -> list[bytes]:
        first, *lines = self.path.read_bytes().split(b"\n")
        if first != header:
            raise UsageError(
                f"{self.path} was begun with other settings; "
                "run without --resume, or with the settings it has."
            )
        kept = []
        for line in lines:
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except msgspec.MsgspecError:
                continue
            self.entries[entry.subject, entry.part] = entry.value
            kept.append(line)
        return kept

    def get(self, subject: str, part: str, kind: type[T]) -> T | None:
        """A result that is there already, or None."""
        raw = self.entries.get((subject, part))
        return None if raw is None else msgspec.json.decode(raw, type=kind)

    def put(self, subject: str, part: str, value: Any) -> None:
        """Write one result down at once."""
        entry = Entry(subject, part, msgspec.Raw(msgspec.json.encode(value)))
        self.file.write(msgspec.json.encode(entry) + b"\n")
        self.file.flush()

    def close(self, finished: bool) -> None:
        """Close; a finished run's journal has become its document and is removed."""
        self.file.close()
        if finished:
            self.path.unlink(missing_ok=True)


class NoJournal:
    """Keeps nothing: of a run that writes no report folder."""

    folder: Path | None = None

    def get(self, subject: str, part: str, kind: type[T]) -> T | None:  # noqa: ARG002 - as a journal is asked
        """None."""
        return None

    def put(self, subject: str, part: str, value: Any) -> None:
        """Nothing."""

    def close(self, finished: bool) -> None:
        """Nothing."""
