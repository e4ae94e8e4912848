"""The three token loaders: what they yield, where they may start, and from whose randomness."""

from __future__ import annotations

import itertools
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loadstone.errors import DataError, UsageError
from loadstone.loaders.contract import spec_of
from loadstone.loaders.in_memory import held_bytes, in_memory
from loadstone.loaders.memmap_per_batch import memmap_per_batch
from loadstone.loaders.memmap_persistent import memmap_persistent
from loadstone.loaders.token_streams import KeptSource, SequentialWindows
from loadstone.loaders.windows import TokenArray, random_windows, sequential_windows
from sample_tokens import LOADERS, SEQUENTIAL, Make, config, each_loader, same, take, write

if TYPE_CHECKING:
    from pathlib import Path


@each_loader
@pytest.mark.parametrize("options", [{}, SEQUENTIAL])
def test_batches_are_shifted_contiguous_int64(tmp_path: Path, loader: Make, options: dict[str, str]) -> None:
    stream = loader(write(tmp_path, 100), config(batch_size=3, seq_len=5, options=options))
    for x, y in itertools.islice(stream, 6):
        assert x.shape == y.shape == (3, 5)
        assert x.dtype == y.dtype == torch.int64
        assert torch.equal(y, x + 1)
        assert torch.equal(y.view(-1), x.view(-1) + 1)


@each_loader
@pytest.mark.parametrize("starts", [1, 2, 10])
def test_every_legal_start_is_equally_likely(tmp_path: Path, loader: Make, starts: int) -> None:
    stream = loader(write(tmp_path, 4 + starts), config(batch_size=100))
    drawn = torch.cat(take(stream, 40))[:, 0]
    counts = torch.bincount(drawn, minlength=starts)
    assert len(counts) == starts  # the first and the last are reached, and none beyond
    expected = 4000 / starts
    # Seeded, so this cannot flicker; a true 20 % bias of one start would be ten deviations.
    assert ((counts - expected).abs() < 0.2 * expected).all() if starts > 1 else counts[0] == 4000


@each_loader
@pytest.mark.parametrize("options", [{}, SEQUENTIAL])
def test_batches_belong_to_the_consumer(tmp_path: Path, loader: Make, options: dict[str, str]) -> None:
    corpus = write(tmp_path, 81)
    stream = iter(loader(corpus, config(options=options)))
    held = [next(stream) for _ in range(4)]
    before = [x.clone() for x, _ in held]
    later = next(stream)
    assert same([x for x, _ in held], before)
    spans = sorted((x.data_ptr(), x.data_ptr() + x.nbytes) for x, _ in [*held, later])
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    for x, _ in held:
        x.fill_(7)
    fresh = loader(corpus, config(options=options))
    assert same(take(fresh, 4), before)


def test_random_rows_share_nothing_between_x_and_y() -> None:
    x, y = random_windows(TokenArray(np.arange(9, dtype=np.uint16)), np.array([0, 3]), 4)
    y.fill_(-100)
    assert x.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6]]


def test_an_array_travels_without_its_view_of_every_window() -> None:
    tokens = TokenArray(np.arange(1000, dtype=np.uint16))
    tokens.windows(np.array([0]), 500)
    data = pickle.dumps(tokens)
    assert len(data) < 2 * tokens.nbytes  # the view holds 501 windows of 500
    assert pickle.loads(data).windows(np.array([7]), 2).tolist() == [[7, 8]]


@pytest.mark.parametrize("start", [-1, 5])
def test_a_cut_past_the_source_is_refused(start: int) -> None:
    tokens = TokenArray(np.arange(9, dtype=np.uint16))
    with pytest.raises(IndexError):
        sequential_windows(tokens, start, 1, 4)
    with pytest.raises(IndexError):
        random_windows(tokens, np.array([start + 10]), 4)


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5)), ranks=st.integers(1, 3),
    steps=st.integers(3, 6), extra=st.sampled_from([-1, 0, 1, 2]), drop_last=st.booleans(),
)  # fmt: skip
def test_a_pass_trains_every_transition_once(
    *, shape: tuple[int, int], ranks: int, steps: int, extra: int, drop_last: bool
) -> None:
    rows, width = shape
    tokens = steps * rows * width * ranks + extra
    streams = [
        SequentialWindows(
            KeptSource(np.arange(tokens, dtype=np.uint16), "positions"),
            config(batch_size=rows, seq_len=width, world_size=ranks, rank=rank, drop_last=drop_last),
        )
        for rank in range(ranks)
    ]
    passes = [list(stream) for stream in streams]
    assert {len(batches) for batches in passes} == {len(stream) for stream in streams}  # one number
    inputs = torch.cat([x.reshape(-1) for batches in passes for x, _ in batches])
    assert torch.equal(inputs.sort().values, torch.arange(len(inputs)))  # each once, none left out
    assert all(torch.equal(y, x + 1) for batches in passes for x, y in batches)
    unread = (tokens - 1) - len(inputs)
    assert 0 <= unread < (ranks * rows * width if drop_last else ranks * width)


def test_batch_k_of_rank_r_is_global_batch_kw_plus_r(tmp_path: Path) -> None:
    corpus = write(tmp_path, 6 * 8 + 1)
    whole = take(in_memory(corpus, config(options=SEQUENTIAL)), 6)
    for rank in range(3):
        own = list(in_memory(corpus, config(options=SEQUENTIAL, world_size=3, rank=rank)))
        assert same([x for x, _ in own], whole[rank::3])


@each_loader
def test_seed_epoch_and_rank_each_choose_the_stream(tmp_path: Path, loader: Make) -> None:
    corpus = write(tmp_path, 5000)
    base = take(loader(corpus, config(world_size=2)), 3)
    assert same(take(loader(corpus, config(world_size=2)), 3), base)
    for change in ({"seed": 1}, {"epoch": 1}, {"rank": 1}):
        assert not same(take(loader(corpus, config(world_size=2, **change)), 3), base)
    set_later = loader(corpus, config(world_size=2))
    set_later.set_epoch(1)
    assert same(take(set_later, 3), take(loader(corpus, config(world_size=2, epoch=1)), 3))


@each_loader
def test_global_generators_are_left_alone(tmp_path: Path, loader: Make) -> None:
    corpus = write(tmp_path, 5000)
    base = take(loader(corpus, config()), 3)
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.random.get_rng_state()
    assert same(take(loader(corpus, config()), 3), base)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_iterating_again_draws_on_for_training_and_repeats_for_validation(tmp_path: Path) -> None:
    corpus = write(tmp_path, 5000, val=5000)
    train, val = (memmap_persistent(corpus, config(split=split)) for split in ("train", "val"))
    assert not same(take(train, 3), take(train, 3))
    assert same(take(val, 3), take(val, 3))
    assert train.stats() == {"epoch": 0, "batches": 6, "tokens": 48}


@each_loader
def test_uint32_ids_come_through(tmp_path: Path, loader: Make) -> None:
    corpus = write(tmp_path, 9, dtype="uint32", first=70_000)
    ((x, y),) = loader(corpus, config(options=SEQUENTIAL))
    assert x.reshape(-1).tolist() == list(range(70_000, 70_008))
    assert y[-1, -1] == 70_008


def test_traits_follow_the_option() -> None:
    for loader in LOADERS:
        spec = spec_of(loader)
        assert spec.traits_with({}).resume == "none"
        sequential = spec.traits_with(SEQUENTIAL)
        assert (sequential.order, sequential.passes, sequential.resume) == ("sequential", "one", "exact")


def test_memory_holds_the_width_of_the_file(tmp_path: Path) -> None:
    assert held_bytes(in_memory(write(tmp_path, 1000), config())) == 2000


@each_loader
@pytest.mark.parametrize("changes", [{"options": {"ordre": "windows"}}, {"options": {"order": "windoes"}}])
def test_unknown_options_name_the_nearest(tmp_path: Path, loader: Make, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"did you mean '(order|windows)'"):
        loader(write(tmp_path, 100), config(**changes))


def test_a_pass_without_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="8 tokens give no batch of 2 x 4"):
        in_memory(write(tmp_path, 8), config(options=SEQUENTIAL))


@pytest.mark.parametrize("options", [{}, SEQUENTIAL])
def test_reading_gives_what_mapping_gives(tmp_path: Path, options: dict[str, str]) -> None:
    corpus = write(tmp_path, 500)
    mapped = memmap_per_batch(corpus, config(options=options))
    read = memmap_per_batch(corpus, config(options={**options, "access": "read"}))
    for (x, y), (other_x, other_y) in itertools.islice(zip(mapped, read, strict=False), 20):
        assert torch.equal(x, other_x)
        assert torch.equal(y, other_y)


def test_a_file_that_became_shorter_is_no_batch(tmp_path: Path) -> None:
    corpus = write(tmp_path, 500)
    stream = iter(memmap_per_batch(corpus, config(options={**SEQUENTIAL, "access": "read"})))
    next(stream)
    with corpus.token_file().open("r+b") as file:
        file.truncate(8)
    with pytest.raises(ValueError, match="has become shorter"):
        next(stream)
