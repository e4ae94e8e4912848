"""Checking parquet files that others made before any loader reads them.

What can be told from the footer is (columns, types, rows, missing text); ids and roles are read,
one column in batches.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .validate import check_role, require_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq

NEEDED = "'text' or 'tokens'; 'prompt' and 'response'; or 'messages'"


@dataclasses.dataclass(frozen=True, slots=True)
class ParquetFacts:
    """What a sound parquet file holds.

    Attributes:
        kinds: of ``documents``, ``pairs`` and ``conversations``, those it can be read as.
        largest_id: the largest id in ``tokens``; -1 without that column.
    """

    kinds: tuple[str, ...]
    largest_id: int = -1


def check_parquet(path: Path, vocab_size: int | None) -> ParquetFacts:
    """Check one file; ``vocab_size``, where known, is what every id of ``tokens`` must lie in.

    Raises:
        DataError: no parquet or a truncated one, no rows, no column that can be read or one of
            another type, an id outside the vocabulary, a conversation with no messages, an
            unknown role.
    """
    require_bytes(path)
    with _open(path) as file:
        if not file.metadata.num_rows:
            groups = "no rows" if file.metadata.num_row_groups else "zero row groups, so no rows"
            raise DataError(f"{path} has {groups}; did the run that was to write it break off? Remove it.")
        names = file.schema_arrow.names
        kinds = _kinds(path, names)
        texts: list[str] = [name for name in ("text", "prompt", "response") if name in names]
        _check_texts(path, file, texts)
        if "messages" in names:
            _check_messages(path, file)
        largest = _check_tokens(path, file, vocab_size) if "tokens" in names else -1
    return ParquetFacts(kinds, largest)


def _open(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise DataError(
            f"{path} is not parquet, or was cut short ({reason}); download or write it again."
        ) from None


def _kinds(path: Path, names: list[str]) -> tuple[str, ...]:
    readable = {
        "documents": "text" in names or "tokens" in names,
        "pairs": "prompt" in names and "response" in names,
        "conversations": "messages" in names,
    }
    kinds = tuple(kind for kind, there in readable.items() if there)
    if not kinds:
        raise DataError(
            f"{path} has the columns {', '.join(map(repr, names))}, of which none can be read; "
            f"rename them to {NEEDED}."
        )
    return kinds


def _check_texts(path: Path, file: pq.ParquetFile, names: list[str]) -> None:
    import pyarrow as pa

    for name in names:
        kind: Any = file.schema_arrow.field(name).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise DataError(f"the column {name!r} of {path} is {kind}, not text; store it as strings.")
        if missing := _nulls(file, name):
            raise DataError(
                f"the column {name!r} of {path} has {missing} rows without a value; remove those rows."
            )


def _nulls(file: pq.ParquetFile, name: str) -> int:
    """Missing values in a flat column, as far as the footer counts them."""
    leaves = [file.schema.column(i).path for i in range(len(file.schema.names))]
    column, groups = leaves.index(name), range(file.metadata.num_row_groups)
    counts: list[Any] = [file.metadata.row_group(i).column(column).statistics for i in groups]
    return sum(int(one.null_count) for one in counts if one is not None and one.has_null_count)


def _rows(path: Path, file: pq.ParquetFile, name: str) -> Iterator[tuple[int, Any]]:
    """The number of the first row and the lists of each batch of a list column; none is missing.

    Raises:
        DataError: a row without a value, or a column that cannot be decoded.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    first = 0
    try:
        for batch in file.iter_batches(columns=[name]):
            column = batch.column(0)
            if column.null_count:
                row = first + pc.index(column.is_null(), value=True).as_py()
                raise DataError(
                    f"row {row} (counted from 0) of {path} has no value in {name!r}; remove the row."
                )
            yield first, column
            first += len(column)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"the column {name!r} of {path} cannot be decoded from row {first} on "
            f"({str(error).splitlines()[0]}); download or write it again."
        ) from None


def _row_of(column: Any, first: int, index: int) -> int:
    """The row in which the value of that flat index stands."""
    import numpy as np

    ends = np.cumsum(column.value_lengths().to_numpy(zero_copy_only=False))
    return first + int(np.searchsorted(ends, index, side="right"))


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _check_tokens(path: Path, file: pq.ParquetFile, vocab_size: int | None) -> int:
    """The largest id in ``tokens``."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind: Any = file.schema_arrow.field("tokens").type
    if not (_is_list(kind) and pa.types.is_integer(kind.value_type)):
        raise DataError(f"the column 'tokens' of {path} is {kind}, not lists of whole numbers; store ids.")
    largest = -1
    for first, column in _rows(path, file, "tokens"):
        flat = column.flatten()
        if flat.null_count:
            row = _row_of(column, first, pc.index(flat.is_null(), value=True).as_py())
            raise DataError(f"row {row} (counted from 0) of {path} has a missing id in 'tokens'; remove it.")
        ids = flat.to_numpy(zero_copy_only=False)
        bad = np.flatnonzero((ids < 0) | (ids >= (vocab_size or 1 << 62)))
        if len(bad):
            value, row = int(ids[bad[0]]), _row_of(column, first, int(bad[0]))
            known = f"the vocabulary of {vocab_size}" if vocab_size else "any vocabulary"
            raise DataError(
                f"row {row} (counted from 0) of {path} holds the id {value}, outside {known}; was it made "
                "with another tokenizer? Correct --vocab-size or the data."
            )
        largest = max(largest, int(ids.max()) if len(ids) else -1)
    return largest


def _check_messages(path: Path, file: pq.ParquetFile) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind: Any = file.schema_arrow.field("messages").type
    turn = kind.value_type if _is_list(kind) else kind
    fields = {turn.field(i).name for i in range(turn.num_fields)} if pa.types.is_struct(turn) else set()
    if not (_is_list(kind) and fields >= {"role", "content"}):
        raise DataError(
            f"the column 'messages' of {path} is {kind}, not lists of objects with 'role' and 'content'."
        )
    for first, column in _rows(path, file, "messages"):
        empty = pc.index(column.value_lengths(), value=0).as_py()
        if empty >= 0:
            raise DataError(
                f"row {first + empty} (counted from 0) of {path} is a conversation with no messages; "
                "remove the row or fill it."
            )
        flat = column.flatten()
        contents: Any = pc.struct_field(flat, "content")
        if contents.null_count:
            row = _row_of(column, first, pc.index(contents.is_null(), value=True).as_py())
            raise DataError(f"row {row} (counted from 0) of {path} has a message without content; remove it.")
        roles: Any = pc.struct_field(flat, "role")
        for role in pc.unique(roles).to_pylist():
            row = _row_of(column, first, pc.index(roles, value=role).as_py() if role is not None else 0)
            check_role(str(role), f"row {row} (counted from 0) of {path}")
