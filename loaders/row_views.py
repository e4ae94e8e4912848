"""Rows of bytes or text by where they lie, so that they are drawn, mixed and held without moving them.

Arrow's *view* layout (https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout):
16 bytes a row, which are its length and then either the row itself, up to 12 bytes, or its first four, the
number of a buffer and the place there. To choose rows or to put them end to end moves 16 bytes each. The
rows are copied once, by Arrow, all in one call, when they are wanted.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

INLINE = 12  # bytes, the longest row that lies in its view
LENGTH, BUFFER = 0, 2  # which of the four words of a view


@dataclasses.dataclass(frozen=True, slots=True)
class RowViews:
    """Rows of bytes, of text, or of a struct of such fields; none is null.

    Attributes:
        kind: the Arrow type they are gathered into, with offsets of 64 bits.
        words: the views, int32 (rows, fields, 4).
        buffers: what they point into, kept alive whole.
    """

    kind: pa.DataType
    words: npt.NDArray[np.int32]
    buffers: tuple[pa.Buffer | None, ...]

    @classmethod
    def of(cls, rows: pa.Array[Any], where: str) -> RowViews:
        """Views of the rows of an Arrow array; the rows are not copied.

        Args:
            rows: bytes or text, with offsets of 32 or 64 bits, or structs of these; none null.
            where: the file and row group they come from, for messages.

        Raises:
            DataError: a field of more than 2 GiB, further than a view reaches.
        """
        import pyarrow as pa

        if isinstance(rows, pa.StructArray):
            fields = [cls.of(field, where) for field in rows.flatten()]
            names = [rows.type.field(at).name for at in range(len(fields))]
            kinds = [(name, field.kind) for name, field in zip(names, fields, strict=True)]
            return cls._together(pa.struct(kinds), fields, 1)
        text = isinstance(rows, pa.StringArray | pa.LargeStringArray)
        kind = pa.large_string() if text else pa.large_binary()
        try:
            views: Any = rows.cast(_view_type(kind))
        except pa.ArrowCapacityError as error:
            raise DataError(f"{where} holds over 2 GiB of rows; write smaller row groups.") from error
        _, words, *buffers = views.buffers()
        whole = np.frombuffer(memoryview(words), np.int32).reshape(-1, 1, 4)
        return cls(kind, whole[views.offset : views.offset + len(views)], tuple(buffers))

    @classmethod
    def joined(cls, parts: Sequence[RowViews]) -> RowViews:
        """Rows of one type, end to end."""
        return parts[0] if len(parts) == 1 else cls._together(parts[0].kind, parts, 0)

    @classmethod
    def _together(cls, kind: pa.DataType, parts: Sequence[RowViews], axis: int) -> RowViews:
        """One after another, rows (0) or fields (1); the buffers are numbered through."""
        words = np.concatenate([part.words for part in parts], axis)
        firsts = [0, *itertools.accumulate(len(part.buffers) for part in parts)]
        shift = np.repeat(np.array(firsts[:-1], np.int32), [part.words.shape[axis] for part in parts])
        long = words[..., LENGTH] > INLINE
        words[..., BUFFER] += long * (shift[:, None] if axis == 0 else shift)
        return cls(kind, words, tuple(itertools.chain.from_iterable(part.buffers for part in parts)))

    def __len__(self) -> int:
        return len(self.words)

    def copied(self, where: str = "what is held") -> RowViews:
        """The same rows in memory of their own, so that all they came with need not be kept."""
        return RowViews.of(self.gathered(), where)

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Bytes of each row, (rows, fields)."""
        return self.words[..., LENGTH]

    def take(self, places: npt.NDArray[np.int64]) -> RowViews:
        """Rows by their places, in that order."""
        # A tenth of what indexing takes.
        return RowViews(self.kind, self.words.take(places, 0), self.buffers)

    def behind(self, first: int) -> RowViews:
        """The rows from one on."""
        return RowViews(self.kind, self.words[first:], self.buffers)

    def gathered(self) -> pa.Array[Any]:
        """The rows as an Arrow array in memory of its own."""
        import pyarrow as pa

        if not isinstance(self.kind, pa.StructType):
            return self._field(0, self.kind)
        kinds = [self.kind.field(at) for at in range(self.kind.num_fields)]
        columns = [self._field(at, kind.type) for at, kind in enumerate(kinds)]
        return pa.StructArray.from_arrays(columns, fields=kinds)

    def _field(self, at: int, kind: pa.DataType) -> pa.Array[Any]:
        import pyarrow as pa

        words: Any = np.ascontiguousarray(self.words[:, at])
        buffers = [None, pa.py_buffer(words), *self.buffers]
        return pa.Array.from_buffers(_view_type(kind), len(words), buffers).cast(kind)


def _view_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return pa.string_view() if pa.types.is_large_string(kind) else pa.binary_view()
