"""Words of the command line: sizes and pairs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadstone.errors import UsageError
from loadstone.harness.words import LEAST, memory_size, name_value

MIB = 1 << 20


@pytest.mark.parametrize(
    ("word", "size"),
    [
        (None, 0),
        ("2GiB", 2 << 30),
        ("2 gib", 2 << 30),
        ("  512MiB ", 512 * MIB),
        ("512m", 512 * 10**6),
        ("1.5g", 1_500_000_000),
        ("1048576", MIB),
        ("1048576b", MIB),
        ("2048kib", 2 * MIB),
        ("2000KB", 2_000_000),
    ],
)
def test_sizes_are_read_with_their_units(word, size):
    assert memory_size(word) == size


@pytest.mark.parametrize(
    "word",
    ["", "GiB", "2 giga", "-1GiB", "1e9", "two", "2GiB!", "0x10", "1..5g", "inf", "nan", "2GiBB", "2;GiB"],
)
def test_what_is_no_size_is_refused(word):
    with pytest.raises(UsageError) as caught:
        memory_size(word)
    assert repr(word) in str(caught.value)
    assert "2GiB" in str(caught.value)


@pytest.mark.parametrize("word", ["0", "2", "64k", "1023KiB"])
def test_a_size_in_which_nothing_runs_is_a_missing_unit(word):
    with pytest.raises(UsageError, match="was GiB meant"):
        memory_size(word)


@given(st.integers(LEAST, 2**50))
def test_every_number_of_bytes_is_itself(size):
    assert memory_size(str(size)) == size


@pytest.mark.parametrize(
    ("word", "pair"), [("a=b", ("a", "b")), ("a=", ("a", "")), ("a=b=c", ("a", "b=c")), ("a= b", ("a", " b"))]
)
def test_pairs(word, pair):
    assert name_value("--option", word) == pair


@pytest.mark.parametrize("word", ["", "a", "=b", "="])
def test_what_is_no_pair_is_refused(word):
    with pytest.raises(UsageError) as caught:
        name_value("--option", word)
    assert f"--option {word!r} has no value; write it as name=value." == str(caught.value)
