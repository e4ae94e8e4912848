"""What a loader is asked for, and what it states: refused where no loader could serve it."""

from __future__ import annotations

import pickle

import pytest
from loadstone.errors import TraitError, UsageError
from loadstone.loaders.contract import (
    MAX_BATCH_TOKENS,
    MAX_SEED,
    LoaderConfig,
    LoaderSpec,
    Option,
    loader,
    spec_of,
)

OPTIONS = {
    "buffer": Option(64, "documents in the shuffle buffer"),
    "limit": Option(0, "tokens a conversation may have; 0 is no limit"),
    "padding": Option("right", choices=("left", "right")),
    "keep": Option(False),
    "share": 0.5,
    "folder": None,
}


@loader(reads="documents", passes="endless", options=OPTIONS, modes={"keep=true": {"passes": "one"}})
def example(corpus, config):
    return iter(())


def message(kind: type[Exception], act) -> str:
    with pytest.raises(kind) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["batch_size", "seq_len", "world_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "4", None, True])
def test_sizes_are_whole_numbers_from_one(name, value):
    said = message(UsageError, lambda: LoaderConfig(**{name: value}))
    assert said == f"{name} must be a whole number of at least 1, not {value!r}."


@pytest.mark.parametrize("name", ["seed", "epoch", "rank", "num_workers"])
@pytest.mark.parametrize("value", [-1, 0.0, False])
def test_counts_are_whole_numbers_from_zero(name, value):
    assert f"{name} must be a whole number of at least 0" in message(
        UsageError, lambda: LoaderConfig(**{name: value})
    )


@pytest.mark.parametrize(("rows", "width"), [(10**9, 1), (1, 10**12), (2**14 + 1, 2**14)])
def test_an_absurd_batch_is_refused(rows, width):
    said = message(UsageError, lambda: LoaderConfig(batch_size=rows, seq_len=width))
    assert f"{rows} x {width}" in said
    assert str(MAX_BATCH_TOKENS) in said
    assert LoaderConfig(batch_size=2**14, seq_len=2**14).seq_len == 2**14


def test_a_seed_that_no_global_generator_takes_is_refused():
    assert LoaderConfig(seed=MAX_SEED).seed == MAX_SEED
    assert str(MAX_SEED + 1) in message(UsageError, lambda: LoaderConfig(seed=MAX_SEED + 1))


@pytest.mark.parametrize(("rank", "world"), [(1, 1), (4, 4), (7, 2)])
def test_a_rank_outside_the_world_is_refused(rank, world):
    said = message(UsageError, lambda: LoaderConfig(rank=rank, world_size=world))
    assert f"rank {rank} of {world}" in said


def test_an_unknown_split_names_the_nearest():
    assert "did you mean 'train'?" in message(UsageError, lambda: LoaderConfig(split="trian"))


def test_a_mode_may_hold_for_every_value_but_one():
    @loader(options={"limit": 0}, modes={"limit!=0": {"loss": "truncation"}}, loss="none")
    def limited(corpus, config):
        return iter(())

    spec = spec_of(limited)
    assert [spec.traits_with(given).loss for given in ({}, {"limit": 0}, {"limit": 5})] == [
        "none", "none", "truncation",
    ]  # fmt: skip
    with pytest.raises(TraitError, match="did you mean 'limit'"):
        loader(options={"limit": 0}, modes={"limt!=0": {"loss": "truncation"}})


def test_a_copy_is_checked_like_the_original():
    config = LoaderConfig(rank=1, world_size=2)
    assert config.replace(rank=0).rank == 0
    message(UsageError, lambda: config.replace(world_size=1))


def test_a_config_travels_to_other_processes():
    config = LoaderConfig(options={"buffer": 3})
    assert pickle.loads(pickle.dumps(config)) == config
    assert LoaderConfig(**config.plain()) == config
    assert config.option("buffer", 64) == 3
    assert config.option("padding", "right") == "right"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"buffer": "12"}, {"buffer": 12}),
        ({"limit": "0"}, {"limit": 0}),
        ({"keep": "Yes"}, {"keep": True}),
        ({"share": "0.25"}, {"share": 0.25}),
        ({"share": 1}, {"share": 1.0}),
        ({"padding": "left"}, {"padding": "left"}),
        ({"folder": "x"}, {"folder": "x"}),
        ({}, {}),
    ],
)
def test_options_are_read_as_their_defaults_type(given, read):
    assert spec_of(example).check_options(given, "example") == read


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"bufer": "3"}, ["example accepts no option 'bufer'", "did you mean 'buffer'"]),
        ({"zzz": 1}, ["'zzz'", "known options of example: buffer, folder, keep"]),
        ({"buffer": "many"}, ["option buffer of example takes int, not 'many'"]),
        ({"buffer": None}, ["takes int, not None"]),
        ({"buffer": True}, ["takes int, not True"]),
        ({"buffer": 0}, ["at least 1, not 0"]),
        ({"limit": "-1"}, ["at least 0, not -1"]),
        ({"keep": "maybe"}, ["takes bool, not 'maybe'"]),
        ({"padding": "rihgt"}, ["cannot be 'rihgt'", "did you mean 'right'?"]),
        ({"padding": 3}, ["takes str, not 3"]),
    ],
)
def test_a_wrong_option_is_named_with_the_nearest_right_one(given, parts):
    said = message(UsageError, lambda: spec_of(example).check_options(given, "example"))
    assert [part for part in parts if part not in said] == []


def test_an_option_for_a_loader_without_any():
    said = message(UsageError, lambda: LoaderSpec(example).check_options({"x": 1}, "plain"))
    assert "there are no options of plain to choose from" in said


@pytest.mark.parametrize(("options", "passes"), [({}, "endless"), ({"keep": True}, "one")])
def test_a_mode_changes_the_traits_that_hold(options, passes):
    assert spec_of(example).traits_with(options).passes == passes


def test_the_decorator_states_and_changes_nothing_else():
    assert list(example(None, None)) == []
    assert spec_of(example).stated
    assert spec_of(example).traits.reads == "documents"


def test_a_factory_without_decorator_states_nothing():
    spec = spec_of(lambda corpus, config: [])
    assert not spec.stated
    assert spec.traits.stated() == {}


@pytest.mark.parametrize(
    ("stated", "parts"),
    [
        ({"raeds": "tokens"}, ["no trait 'raeds'", "did you mean 'reads'"]),
        ({"order": "shufled"}, ["order='shufled'", "did you mean 'shuffled'?"]),
        ({"options": {"a": 1}, "modes": {"b=1": {"passes": "one"}}}, ["mode 'b=1'", "known options: a"]),
        ({"options": {"a": 1}, "modes": {"a=1": {"pases": "one"}}}, ["no trait 'pases'", "'passes'"]),
        ({"options": {"a": 1}, "modes": {"a=1": {"passes": "on"}}}, ["passes='on'", "'one'"]),
    ],
)
def test_the_decorator_refuses_what_does_not_exist(stated, parts):
    said = message(TraitError, lambda: loader(**stated))
    assert [part for part in parts if part not in said] == []
