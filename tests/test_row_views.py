"""Rows by where they lie: whatever is done with the views, the rows come out as they went in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from loadstone.errors import DataError
from loadstone.loaders.row_views import RowViews

# Around the 12 bytes up to which a row lies in its view.
TEXTS = ["", "a", "eleven byte", "twelve bytes", "thirteen byte", "x" * 1000]
KINDS = [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()]


def views(rows: Any) -> RowViews:
    return RowViews.of(rows, "here")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_rows_come_out_as_they_went_in(kind: Any) -> None:
    rows = pa.array(TEXTS).cast(kind)
    back = views(rows).gathered()
    assert back.to_pylist() == rows.to_pylist()
    assert str(back.type) == f"large_{kind}".replace("large_large", "large")
    assert views(rows[2:5]).gathered().to_pylist() == rows[2:5].to_pylist()
    assert views(rows[:0]).gathered().to_pylist() == []


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_parts_are_joined_and_rows_taken_from_them(kind: Any) -> None:
    parts = [
        pa.array(TEXTS).cast(kind),
        pa.array(TEXTS[::-1]).cast(kind)[1:],
        pa.array(["last one of all"]).cast(kind),
    ]
    joined = RowViews.joined([RowViews.joined([views(parts[0]), views(parts[1])]), views(parts[2])])
    rows = [row for part in parts for row in part.to_pylist()]
    assert joined.gathered().to_pylist() == rows
    places = np.random.default_rng(0).permutation(len(rows))
    assert joined.take(places).gathered().to_pylist() == [rows[place] for place in places]
    assert joined.behind(4).gathered().to_pylist() == rows[4:]
    assert len(joined.behind(4)) == len(rows) - 4


def test_a_row_of_two_fields_stays_one_row() -> None:
    pairs = [{"prompt": text, "response": text * 2} for text in TEXTS]
    rows = pa.array(pairs)
    joined = RowViews.joined([views(rows[1:]), views(rows)])
    places = np.array([10, 0, 4, 4])
    assert joined.take(places).gathered().to_pylist() == [(pairs[1:] + pairs)[place] for place in places]


def test_views_copy_no_row_and_a_copy_keeps_nothing_else() -> None:
    rows = pa.array(["x" * 1000] * 1000)
    there = views(rows)
    assert there.buffers[0].address == rows.buffers()[2].address
    few = there.take(np.arange(3)).copied()
    assert few.gathered().to_pylist() == rows[:3].to_pylist()
    assert sum(buffer.size for buffer in few.buffers) < 10_000


def test_what_no_view_reaches_is_refused() -> None:
    long = np.empty(2**31 + 8, np.uint8)  # never touched, so it takes no memory
    offsets = pa.py_buffer(np.array([0, 2**31, 2**31 + 8]))
    rows = pa.Array.from_buffers(pa.large_binary(), 2, [None, offsets, pa.py_buffer(long)])
    with pytest.raises(DataError, match="here holds over 2 GiB of rows; write smaller row groups"):
        views(rows)
