"""Parquet that cannot be read: one sentence that says what, where, why and what to do."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loadstone.errors import DataError
from loadstone.loaders.real_data import open_data
from refusals import assert_says, refusal

TURN = {"role": "user", "content": "a"}
GOOD_LINE = b'{"messages": [{"role": "user", "content": "a"}]}\n'
EMPTY = pa.table({"text": pa.array([], pa.string())})


def table(**columns) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def no_groups() -> bytes:
    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, EMPTY.schema).close()
    return sink.getvalue().to_pybytes()


WHOLE = table(text=["some text"] * 50)
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
PARQUET = {
    "empty": (b"", ["is empty"]),
    "truncated": (WHOLE[:-20], ["is not parquet, or was cut short", "download or write it again"]),
    "no parquet": (b"PAR1 not really, but it begins so", ["is not parquet"]),
    "columns": (table(content=["a"], url=["b"]), ["the columns 'content', 'url'", "'text' or 'tokens'"]),
    "half a pair": (table(prompt=["a"], answer=["b"]), ["'prompt', 'answer'", "'prompt' and 'response'"]),
    "zero row groups": (no_groups(), ["zero row groups"]),
    "no rows": (table(text=pa.array([], pa.string())), ["has no rows"]),
    "text is bytes": (table(text=[b"a"]), ["the column 'text'", "is binary, not text"]),
    "missing text": (table(text=["a", None, None]), ["'text'", "2 rows without a value"]),
    "tokens are text": (table(tokens=["1 2"]), ["'tokens'", "is string, not lists of whole numbers"]),
    "negative id": (table(tokens=[[1], [2, -3]]), ["row 1 (counted from 0)", "the id -3"]),
    "a missing id": (table(tokens=[[1], [2, None]]), ["row 1", "a missing id"]),
    "missing ids": (table(tokens=[[1], None]), ["row 1", "no value in 'tokens'"]),
    "messages are text": (table(messages=["hi"]), ["'messages'", "is string, not lists of objects"]),
    "message without role": (table(messages=[[{"content": "a"}]]), ["'role' and 'content'"]),
    "no messages": (table(messages=pa.array([[TURN], []], MESSAGES)), ["row 1", "with no messages"]),
    "missing messages": (table(messages=pa.array([[TURN], None], MESSAGES)), ["row 1", "no value"]),
    "unknown role": (
        table(messages=[[TURN], [TURN, {"role": "usr", "content": "b"}]]),
        ["row 1", "unknown role 'usr'", "did you mean 'user'?"],
    ),
    "missing content": (
        table(messages=pa.array([[TURN], [TURN], [{"role": "user", "content": None}]], MESSAGES)),
        ["row 2", "a message without content"],
    ),
}


@pytest.mark.parametrize("case", PARQUET)
def test_a_bad_parquet_file(tmp_path, case):
    content, parts = PARQUET[case]
    (tmp_path / "x.parquet").write_bytes(content)
    assert_says(refusal(tmp_path / "x.parquet"), "x.parquet", *parts)


def test_a_parquet_id_outside_the_vocabulary_is_named_with_its_row(tmp_path):
    (tmp_path / "x.parquet").write_bytes(table(tokens=[[1, 2], [], [3], [4, 300, 5]]))
    said = refusal(tmp_path / "x.parquet", vocab_size=256)
    assert_says(said, "row 3 (counted from 0)", "the id 300, outside the vocabulary of 256")


def test_a_parquet_file_damaged_in_the_middle(tmp_path):
    content = bytearray(table(tokens=[[i, i + 1] for i in range(3000)]))
    content[50:2000] = bytes(1950)
    (tmp_path / "x.parquet").write_bytes(content)
    assert_says(refusal(tmp_path / "x.parquet"), "'tokens'", "cannot be decoded")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.sampled_from(["x.bin", "x.parquet", "x.jsonl", "x.txt", "x", "corpus.json"]),
    content=st.binary(max_size=300)
    | st.builds(
        lambda whole, at, new: whole[: at % len(whole)] + new + whole[at % len(whole) + len(new) :],
        st.sampled_from([WHOLE, GOOD_LINE * 3, PARQUET["unknown role"][0]]),
        st.integers(0, 5000),
        st.binary(max_size=4),
    ),
)
def test_any_bytes_are_opened_or_refused_in_one_line(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    try:
        outcome = " ".join(open_data(path).reads())
    except DataError as error:
        outcome = str(error)
    path.unlink()
    assert outcome
    assert "\n" not in outcome
