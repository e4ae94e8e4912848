"""Documents from parquet, as tokens, without a Python object for each token or document.

Tokens are Arrow binary rows of raw ids, whichever column they come from: the list column becomes one
without a copy, and Arrow moves binary rows with one memory copy each. Only text has to be
tokenised, and that is left until a document is needed.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from ..errors import DataError, did_you_mean
from .joined_tokens import special_id
from .row_groups import RowGroups, one_array
from .row_views import RowViews

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from .corpus import Corpus
    from .shuffle_buffer import Turn

COLUMNS = ("auto", "tokens", "token_bytes", "text")
TOKENISED = 32  # documents of text at a time, so that no batch waits for a whole row group
Ids = npt.NDArray[np.integer[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """Documents that are given one after another, each behind its BOS.

    Attributes:
        turn: of the shuffle buffer, in which they left it.
        first: which document of the turn the piece begins with.
        ids: of all of them, (n,).
        starts: where in ``ids`` each begins, (documents,).
    """

    turn: Turn
    first: int
    ids: Ids
    starts: npt.NDArray[np.integer[Any]]

    @property
    def nbytes(self) -> int:
        """Bytes of NumPy's memory: of ids that were tokenised, and of the starts."""
        ids = self.ids.nbytes if self.ids.base is None else 0
        return ids + self.starts.nbytes


class DocumentSource:
    """The documents of a split, row group by row group.

    Args:
        column: ``tokens``, ``token_bytes``, ``text``, or ``auto``: tokens, else text.
        keep: hold every row group that was read, so that later passes read no file.

    Raises:
        DataError: no such files, no such column, or no BOS in the corpus.
    """

    def __init__(self, corpus: Corpus, split: str, column: str = "auto", keep: bool = False) -> None:
        self._groups = RowGroups(corpus.document_files(split))
        self.column = _pick(self._groups, column)
        self.bos = special_id(corpus, "<|bos|>")
        self.dtype = corpus.token_dtype
        if self.column == "tokens":  # a list column says itself how its ids are stored
            self.dtype = np.result_type(self._groups.list_dtype("tokens"), np.min_scalar_type(self.bos))
        self._corpus = corpus
        self._keep = keep
        self._kept: dict[int, RowViews] = {}

    @property
    def counts(self) -> list[int]:
        """Documents in each row group."""
        return self._groups.counts

    def rows(self, group: int) -> RowViews:
        """The documents of one row group: text, or ids as bytes (``dtype``, end to end)."""
        if group in self._kept:
            return self._kept[group]
        table = self._groups.read(group, [self.column])
        where = self._groups.where(group)
        rows = self._decode(one_array(table, self.column, where), where)
        if self._keep:
            self._kept[group] = rows
        return rows

    def release(self) -> None:
        """Close the file that is open."""
        self._groups.release()

    def _decode(self, column: Any, where: str) -> RowViews:
        if self.column == "text":
            return RowViews.of(column, where)
        if self.column == "tokens":
            return RowViews.of(as_bytes(*list_values(column, where), self.dtype), where)
        return byte_rows(column, self.dtype, where)

    @property
    def lead(self) -> RowViews | None:
        """The BOS as a row of ids; None where rows are text."""
        if self.column == "text":
            return None
        bos = as_bytes(np.array([self.bos], self.dtype), np.array([0, 1]), self.dtype)
        return RowViews.of(bos, "the BOS")

    def pieces(self, turn: Turn, first: int) -> Iterator[Piece]:
        """The documents of a turn from one on, each behind its BOS.

        Ids come in one piece; text, which has to be tokenised, a few documents at a time.
        """
        if self.column != "text":
            ids, edges = byte_values(turn.rows[2 * first :], self.dtype)
            yield Piece(turn, first, ids, edges[:-1:2])
            return
        for at in range(first, turn.count, TOKENISED):
            yield Piece(turn, at, *self._tokenise(turn.rows[at : at + TOKENISED]))

    def _tokenise(self, rows: pa.Array[Any]) -> tuple[Ids, npt.NDArray[np.integer[Any]]]:
        """Ids (n,) of documents of text, each behind its BOS, and where each begins (documents,)."""
        encode, bos = self._corpus.tokenizer.encode_ordinary, [self.bos]
        encoded = [bos + encode(text) for text in cast("list[str]", rows.to_pylist())]
        edges = np.fromiter(itertools.accumulate(map(len, encoded), initial=0), np.int64, len(encoded) + 1)
        return np.fromiter(itertools.chain.from_iterable(encoded), np.int64, edges[-1]), edges[:-1]


def _pick(groups: RowGroups, column: str) -> str:
    if column != "auto":
        groups.require([column])
        return column
    there = groups.columns()
    for name in ("tokens", "text"):
        if name in there:
            return name
    raise DataError(
        f"{groups.paths[0]} has neither a column 'tokens' nor 'text'; "
        + did_you_mean("tokens", there, "columns")
    )


def as_bytes(ids: Ids, edges: npt.NDArray[np.integer[Any]], dtype: np.dtype[Any]) -> pa.Array[Any]:
    """Documents that lie end to end as binary rows of raw ids; no copy where the dtype is that of the ids."""
    import pyarrow as pa

    offsets: Any = edges.astype(np.int64) * dtype.itemsize
    data: Any = ids.astype(dtype, copy=False)
    return pa.Array.from_buffers(
        pa.large_binary(), len(edges) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )


def list_values(column: Any, where: str) -> tuple[Ids, npt.NDArray[np.integer[Any]]]:
    """Ids (n,) and edges (documents + 1,) of a list column, both views of its buffers.

    The offsets are those of the slice, into the whole values buffer.

    Raises:
        DataError: an id has no value.
    """
    if column.values.null_count:
        raise DataError(f"{where}: column 'tokens' has ids without a value.")
    # Arrow's own to_numpy, like pa.array, imports pandas where it is installed: a third of a second.
    values: Any = np.from_dlpack(column.values)
    edges: Any = np.from_dlpack(column.offsets)
    return values, edges


def byte_rows(column: Any, dtype: np.dtype[Any], where: str) -> RowViews:
    """A binary column of raw little-endian ids as rows like those of :func:`as_bytes`; no copy of the ids.

    Raises:
        DataError: the column is not binary, or a document is no whole number of ids.
    """
    import pyarrow as pa

    if not isinstance(column, pa.BinaryArray | pa.LargeBinaryArray):
        raise DataError(f"{where}: column 'token_bytes' holds {column.type}, not bytes.")
    rows = RowViews.of(column, where)
    if (rows.lengths % dtype.itemsize).any():
        raise DataError(f"{where}: a document of 'token_bytes' is no whole number of {dtype} ids.")
    return rows


def byte_values(rows: Any, dtype: np.dtype[Any]) -> tuple[Ids, npt.NDArray[np.int64]]:
    """Ids (n,) and edges (documents + 1,) of rows like those of :func:`as_bytes`; the ids are a view."""
    _, offsets, data = rows.buffers()
    if data is None:  # every document is empty
        return np.empty(0, dtype), np.zeros(len(rows) + 1, np.int64)
    edges = np.frombuffer(memoryview(offsets), np.int64)[rows.offset : rows.offset + len(rows) + 1]
    raw = np.frombuffer(memoryview(data), np.uint8)[edges[0] : edges[-1]]
    return raw.view(dtype.newbyteorder("<")), (edges - edges[0]) // dtype.itemsize
