"""Settings: shapes for checks and measurements, and what no loader could serve."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from loadstone.errors import UsageError
from loadstone.harness.settings import DEVICES, EFFORTS, PARTS, THOROUGH_SHAPES, Settings
from refusals import assert_says


def refused(**given) -> str:
    with pytest.raises(UsageError) as caught:
        Settings(**given).validate()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_asked_when_nothing_is_said():
    settings = Settings()
    settings.validate()
    assert settings.parts == PARTS
    assert (settings.check_shape().batch_size, settings.check_shape().seq_len) == (4, 16)
    assert settings.measured_shapes() == [(12, 1024)]
    assert settings.spent == EFFORTS["normal"]


@pytest.mark.parametrize(
    ("given", "checked", "measured"),
    [
        ({"batch_size": 3}, (3, 16), [(3, 1024)]),
        ({"seq_len": 5}, (4, 5), [(12, 5)]),
        ({"effort": "quick"}, (4, 16), [(12, 1024)]),
        ({"effort": "thorough"}, (4, 16), list(THOROUGH_SHAPES)),
        ({"effort": "thorough", "seq_len": 8}, (4, 8), [(12, 8)]),
    ],
)
def test_shapes(given, checked, measured):
    settings = Settings(**given)
    shape = settings.check_shape()
    assert ((shape.batch_size, shape.seq_len), settings.measured_shapes()) == (checked, measured)


def test_more_effort_is_more_of_everything():
    quick, normal, thorough = (EFFORTS[name] for name in ("quick", "normal", "thorough"))
    for name in ("rounds", "slot_s", "memory_batches", "memory_s", "characters"):
        assert getattr(quick, name) < getattr(normal, name) < getattr(thorough, name)
    # Below six rounds there is no 95 % interval of a median.
    assert quick.rounds >= 6


@pytest.mark.parametrize("name", ["batch_size", "seq_len"])
@pytest.mark.parametrize("value", [0, -1])
def test_sizes_below_one(name, value):
    assert_says(refused(**{name: value}), f"{name} must be a whole number of at least 1, not {value}")


def test_sizes_past_all_sense():
    assert_says(refused(batch_size=10**6, seq_len=10**6), "1000000 x 1000000", "a zero too many")
    assert_says(refused(seed=-1), "seed must be a whole number of at least 0, not -1")
    assert_says(refused(seed=2**32), "seed 4294967296 is over")


@pytest.mark.parametrize("value", [0.0, -3.0, float("nan"), float("inf")])
def test_a_deadline_that_is_none(value):
    assert_says(refused(deadline_s=value), "--deadline must be a number of seconds above 0", f"not {value:g}")


@pytest.mark.parametrize(
    ("device", "parts"),
    [
        ("cdua", ["no device 'cdua'", "did you mean 'cuda'"]),
        ("gpu:0", ["no device 'gpu:0'"]),
        ("", ["no device ''", "known devices: cpu, cuda"]),
        ("tpu9000", ["no device 'tpu9000'"]),
        ("cuda:", ["'cuda:' has no number", "write cuda:0"]),
        ("cuda:first", ["write cuda:0"]),
        ("cuda:-1", ["write cuda:0"]),
    ],
)
def test_a_device_that_is_no_word(device, parts):
    assert_says(refused(device=device), *parts)


@pytest.mark.parametrize("device", [*DEVICES, "cuda:1"])
def test_a_device_that_may_be_there(device):
    Settings(device=device).validate()
    assert device.partition(":")[0] in DEVICES


@pytest.mark.parametrize(
    ("given", "word"), [({"dtype": "uint16"}, "--dtype uint16"), ({"vocab_size": 9}, "9")]
)
def test_what_is_said_of_data_needs_data(given, word):
    assert_says(refused(**given), word, "give --data too")
    Settings(data="somewhere", **given).validate()


def test_plain_settings_say_what_a_run_is_and_not_where_it_writes():
    first = Settings(subjects=("a",), traits=(("overlap", 1),), folder=Path("x"), command="loadstone run a")
    second = Settings(subjects=("a",), traits=(("overlap", 1),), folder=Path("y"), resume=True)
    assert first.plain() == second.plain()
    assert first.plain() != Settings(subjects=("a",), traits=(("overlap", 0),)).plain()
    assert json.loads(json.dumps(first.plain()))["subjects"] == ["a"]
    assert not {"folder", "resume", "command"} & set(first.plain())
