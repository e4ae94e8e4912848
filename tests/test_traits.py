"""The table of traits: its values, how they are written, and what is said of a wrong one."""

from __future__ import annotations

import pytest
from loadstone.errors import TraitError
from loadstone.loaders.traits import NAMES, TABLE, Traits, parse


def message(act) -> str:
    with pytest.raises(TraitError) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_row_has_a_meaning_and_takes_its_own_values(row):
    assert row.metadata["meaning"]
    for value in row.metadata["values"]:
        stated = Traits(**{row.name: value})
        assert stated.stated() == {row.name: value}
        assert parse(f"{row.name}={str(value).lower()}") == (row.name, value)


@pytest.mark.parametrize("row", [row for row in TABLE if row.metadata["values"]], ids=lambda row: row.name)
def test_every_row_with_values_refuses_others(row):
    said = message(lambda: Traits(**{row.name: "banana"}))
    assert f"trait {row.name}='banana' does not exist" in said
    assert "did you mean" in said or "known values" in said


def test_nothing_stated_is_nothing_promised():
    assert Traits().stated() == {}
    assert {"reads", "order", "resume", "buffered"} <= set(NAMES)


@pytest.mark.parametrize(
    ("stated", "part"),
    [
        ({"overlap": True}, "known values: 0, 1"),  # True is not 1, nor the other way round
        ({"short_last": 1}, "known values: False, True"),
        ({"overlap": 2}, "known values: 0, 1"),
        ({"ignore_index": "minus"}, "it is a whole number"),
        ({"shuffle_span": 1.5}, "it is a whole number"),
        ({"buffered": 4096}, "it is a function"),
        ({"x_dtype": "int46"}, "did you mean 'int64'"),
    ],
)
def test_a_wrong_value_is_told_what_would_be_right(stated, part):
    assert part in message(lambda: Traits(**stated))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("short_last=Yes", ("short_last", True)),
        ("repeats=no", ("repeats", False)),
        ("ignore_index=-100", ("ignore_index", -100)),
        ("overlap=0", ("overlap", 0)),
        ("mask=end-of-document", ("mask", "end-of-document")),
    ],
)
def test_a_trait_is_read_from_the_command_line(text, parsed):
    assert parse(text) == parsed


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("order", "write it as name=value"),
        ("ordr=windows", "did you mean 'order'"),
        ("order=window", "did you mean 'windows'?"),
        ("short_last=perhaps", "takes true or false, not 'perhaps'"),
        ("overlap=one", "takes a whole number, not 'one'"),
        ("overlap=7", "known values: 0, 1"),
        ("buffered=len", "state it with the decorator"),
        ("=x", "no trait ''"),
    ],
)
def test_a_wrong_trait_on_the_command_line(text, part):
    assert part in message(lambda: parse(text))


def test_a_callable_is_named_and_not_carried():
    assert Traits(buffered=len).stated() == {"buffered": "len"}


def test_a_copy_is_checked_like_the_original():
    traits = Traits(reads="tokens")
    assert traits.replace({"order": "windows"}).stated() == {"reads": "tokens", "order": "windows"}
    assert "no trait 'oder'" in message(lambda: traits.replace({"oder": "windows"}))
