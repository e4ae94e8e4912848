"""The formats a corpus is written in: parquet, JSONL, and the description that makes it one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from .corpus import MANIFEST, Corpus, Manifest, Message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

IdArray = npt.NDArray[np.integer[Any]]
ROLES = ("user", "assistant")


def open_folder(folder: Path) -> Path:
    """Make a folder ready to be written: there, and no corpus until its new description is.

    Raises:
        UsageError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        (folder / (MANIFEST + ".part")).touch()
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written ({error.strerror}); choose a folder that can."
        ) from error
    return folder


def finish(folder: Path, manifest: Manifest) -> Corpus:
    """Write the description beside the files, last, so that a broken write is no corpus."""
    beside = folder / (MANIFEST + ".part")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    beside.rename(folder / MANIFEST)
    return Corpus(folder, manifest)


def documents_table(rows: Sequence[IdArray], dtype: str, texts: Sequence[str] | None) -> pa.Table:
    """A table of documents: ids as a list column, ids as raw bytes, and text where there is any."""
    import pyarrow as pa

    lengths = np.array([len(row) for row in rows], np.int64)
    values = np.concatenate(rows).astype(dtype) if rows else np.empty(0, dtype)
    edges = np.concatenate([[0], np.cumsum(lengths)])
    width = values.dtype.itemsize
    offsets: Any = pa.array(edges.astype(np.int32))
    raw = [None, pa.py_buffer((edges * width).astype(np.int32).data), pa.py_buffer(values.data)]
    columns: dict[str, pa.Array[Any]] = {
        "tokens": pa.ListArray.from_arrays(offsets, pa.array(values)),
        "token_bytes": pa.Array.from_buffers(pa.binary(), len(rows), raw),
    }
    if texts is not None:
        columns["text"] = pa.array(texts, pa.string())
    return pa.table(columns)


def write_parquet(path: Path, table: pa.Table, row_group: int) -> None:
    """Write a table; raw bytes stay uncompressed, so that a memory map can hand them out.

    Only the ids of ``tokens`` are dictionary-encoded: text hardly repeats, and raw bytes must not
    be. Settings go by the path of the stored column, which for a list ends in ``list.element``.
    """
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"compression": "snappy", "use_dictionary": False}
    if "token_bytes" in table.column_names:
        ids = "tokens.list.element"
        options = {"compression": {ids: "snappy", "text": "snappy", "token_bytes": "none"}}
        options["use_dictionary"] = [ids]
    pq.write_table(table, path, row_group_size=row_group, **options)


def write_conversations(
    folder: Path, split: str, conversations: Sequence[list[Message]], row_group: int = 64
) -> list[str]:
    """Write conversations as JSONL and as parquet; return the names of the JSONL files."""
    import pyarrow as pa

    name = f"conversations/{split}.jsonl"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for messages in conversations:
            out.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    column = pa.array(conversations, pa.list_(message))
    write_parquet(path.with_suffix(".parquet"), pa.table({"messages": column}), row_group)
    return [name]
