"""Conversations in the order of their files, read from any place on: JSONL or parquet ``messages``.

JSONL is read a block of lines at a time and closed in between, so nothing stays open when a
consumer stops, and a place is a byte offset, not a count of lines to skip.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ..errors import DataError
from .row_groups import RowGroups, numeric_key, one_array

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BLOCK_BYTES = 1 << 17  # read at a time: opening the file again is nothing beside tokenising so much


class Place(NamedTuple):
    """Where a conversation stands.

    Attributes:
        file: number of its file.
        position: byte (JSONL) or row (parquet) at which it begins.
        line: its line, counted from 1 (JSONL), for messages.
        number: its number among all conversations of all files.
    """

    file: int = 0
    position: int = 0
    line: int = 1
    number: int = 0


START = Place()
Item = tuple[Place, Any]


class ConversationFiles:
    """The conversations of some files that one rank takes: r, r+W, r+2W... of all.

    Attributes:
        held_bytes: of the block of lines in memory, with the objects that hold them.

    Raises:
        DataError: a file that does not exist.
    """

    def __init__(self, paths: Sequence[Path], rank: int, world_size: int) -> None:
        self.paths = sorted(paths, key=numeric_key)
        self._rank, self._world_size = rank, world_size
        self.held_bytes = 0
        for path in self.paths:
            if not path.is_file():
                raise DataError(f"{path} does not exist.")
        self._parquet = [path.suffix == ".parquet" for path in self.paths]

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.paths)

    def where(self, place: Place) -> str:
        """The file and line or row of a place, for messages."""
        at = f"row {place.position}" if self._parquet[place.file] else f"line {place.line}"
        return f"{self.paths[place.file]}, {at}"

    def read(self, start: Place = START) -> Iterator[tuple[Place, Any]]:
        """The messages of each conversation of this rank, from a place to the end of the files.

        Raises:
            DataError: a broken line or file, or a conversation without ``messages``.
        """
        for place, item in self._all(start):
            if place.number % self._world_size == self._rank:
                yield place, self._messages(place, item)

    def _all(self, start: Place) -> Iterator[Item]:
        number = start.number
        for file in range(start.file, len(self.paths)):
            first = start if file == start.file else Place(file=file, number=number)
            items = _rows if self._parquet[file] else self._lines
            for place, item in items(self.paths[file], first):
                number = place.number + 1
                yield place, item

    def _lines(self, path: Path, start: Place) -> Iterator[Item]:
        """The lines of a JSONL file that are not blank, as bytes, from a byte offset on."""
        file, position, line, number = start
        while block := _block(path, position):
            self.held_bytes = sum(map(sys.getsizeof, block))
            for text in block:
                if not text.isspace():
                    yield Place(file, position, line, number), text
                    number += 1
                position += len(text)
                line += 1
        self.held_bytes = 0

    def _messages(self, place: Place, item: Any) -> Any:
        if not isinstance(item, bytes):
            return item
        try:
            record = msgspec.json.decode(item)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(
                f"{self.where(place)}: no JSON ({error}); each line must be one whole object."
            ) from error
        if not isinstance(record, dict) or "messages" not in record:
            raise DataError(f"{self.where(place)}: a conversation needs an object with 'messages'.")
        return record["messages"]


def _block(path: Path, position: int) -> list[bytes]:
    with path.open("rb") as opened:
        opened.seek(position)
        return opened.readlines(BLOCK_BYTES)


def _rows(path: Path, start: Place) -> Iterator[Item]:
    """The ``messages`` of a parquet file, from a row on, row group by row group."""
    groups = RowGroups([path])
    groups.require(["messages"])
    first, number = 0, start.number
    for group, count in enumerate(groups.counts):
        if first + count > start.position:
            column = one_array(groups.read(group, ["messages"]), "messages", groups.where(group))
            skip = max(0, start.position - first)
            for row, messages in enumerate(column.slice(skip).to_pylist(), first + skip):
                yield Place(start.file, row, 1, number), messages
                number += 1
        first += count
