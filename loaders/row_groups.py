"""Parquet row group by row group: counted from the footers, read one at a time.

One file is open at a time, so thousands of shards need no more descriptors than one. Whoever reads
says when it is done with it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq


def numeric_key(path: Path) -> list[tuple[int, str]]:
    """A sort key that reads digits as numbers, so that ``train-10`` follows ``train-9``.

    >>> sorted([Path("train-10.parquet"), Path("train-9.parquet")], key=numeric_key)[0].name
    'train-9.parquet'
    """
    # Digits and other text alternate, so that numbers only ever meet numbers.
    return [(int(digits or -1), other) for digits, other in re.findall(r"(\d+)|(\D+)", str(path))]


class RowGroups:
    """The non-empty row groups of parquet files, numbered through all files.

    Attributes:
        paths: the files, in the numeric order of their names.
        counts: rows in each row group.

    Raises:
        DataError: a file that is missing or broken, or no rows in any of them.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = sorted(paths, key=numeric_key)
        self._footers = [_footer(path) for path in self.paths]
        groups = [
            (file, inner, footer.row_group(inner).num_rows)
            for file, footer in enumerate(self._footers)
            for inner in range(footer.num_row_groups)
        ]
        self._index = [(file, inner) for file, inner, rows in groups if rows]
        self.counts = [rows for _, _, rows in groups if rows]
        self._open: tuple[int, pq.ParquetFile] | None = None
        if not self.counts:
            names = ", ".join(path.name for path in self.paths) or "no file at all"
            raise DataError(f"there is nothing to read: no row group with a row in {names}.")

    def columns(self) -> list[str]:
        """Columns that every file has, in the order of the first."""
        schemas = [footer.schema.to_arrow_schema().names for footer in self._footers]
        return [name for name in schemas[0] if all(name in names for names in schemas)]

    def require(self, names: Iterable[str]) -> None:
        """Make sure that every file has these columns.

        Raises:
            DataError: one is missing somewhere; the columns there are named.
        """
        for path, footer in zip(self.paths, self._footers, strict=True):
            there = footer.schema.to_arrow_schema().names
            for name in names:
                if name not in there:
                    raise DataError(f"{path} has no column {name!r}; {did_you_mean(name, there, 'columns')}")

    def list_dtype(self, name: str) -> np.dtype[Any]:
        """The dtype that holds the numbers in a list column of every file.

        Raises:
            DataError: a file in which the column holds something else; the type is named.
        """
        import numpy as np
        import pyarrow as pa

        found = []
        for path, footer in zip(self.paths, self._footers, strict=True):
            kind = footer.schema.to_arrow_schema().field(name).type
            lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
            if not lists or not pa.types.is_integer(kind.value_type):
                raise DataError(f"{path}: column {name!r} holds {kind}, not lists of whole numbers.")
            found.append(np.dtype(kind.value_type.to_pandas_dtype()))
        return np.result_type(*found)

    def read(self, group: int, columns: Sequence[str]) -> pa.Table:
        """One row group with only these columns.

        Raises:
            DataError: the file cannot be read any more.
        """
        import pyarrow as pa

        file, inner = self._index[group]
        try:
            # One thread: a loader shares its cores with the training process.
            return self._reader(file).read_row_group(inner, columns=list(columns), use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{self.where(group)} cannot be read: {_first_line(error)}") from error

    def _reader(self, file: int) -> pq.ParquetFile:
        """The reader of a file, kept until another is wanted: to open it takes half as long as a read."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._open is None or self._open[0] != file:
            self.release()
            # Given a path, ParquetFile looks for a file system first, which takes as long again.
            source = pa.OSFile(str(self.paths[file]), "r")
            self._open = file, pq.ParquetFile(source, metadata=self._footers[file])
        return self._open[1]

    def release(self) -> None:
        """Close the file that is open, if there is one; the next read opens what it needs."""
        if self._open:
            self._open[1].close(force=True)
        self._open = None

    def where(self, group: int) -> str:
        """The file and the number of a row group in it, for messages."""
        file, inner = self._index[group]
        return f"{self.paths[file]}, row group {inner}"


def one_array(table: pa.Table, column: str, where: str) -> Any:
    """A column as one Arrow array, without a copy where it is in one piece.

    Raises:
        DataError: the column holds nulls.
    """
    values = table[column]
    if values.null_count:
        raise DataError(f"{where}: column {column!r} has {values.null_count} rows without a value.")
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def _footer(path: Path) -> pq.FileMetaData:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} cannot be read as parquet ({_first_line(error)}); is it truncated, or another format?"
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".") + "."
