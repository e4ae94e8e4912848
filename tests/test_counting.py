"""Ids name their positions, and nothing that was read wrongly looks as if it were read rightly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loadstone.loaders.counting import PRIME, SPECIAL, UNKNOWN, Keyed, Permutation, Sparse, numbering

LENGTH = 30_000
SEEDS = st.integers(0, 2**32 - 1)
WRONG = {
    "backwards": lambda ids: ids[..., ::-1],
    "shuffled": lambda ids: np.random.default_rng(0).permuted(ids, axis=-1),
    "one too high": lambda ids: ids + 1,
    "one too low": lambda ids: ids - 1,
    "two too high": lambda ids: ids + 2,
    "last bit flipped": lambda ids: ids ^ 1,
}


def consecutive_share(positions: np.ndarray) -> float:
    """Share of neighbours that look like consecutive source positions."""
    return float(np.mean((np.diff(positions, axis=-1) == 1) & (positions[..., :-1] >= 0)))


@given(SEEDS, st.lists(st.integers(0, PRIME - 1), min_size=1))
def test_permutation_ids_lead_back_to_their_positions(seed, positions):
    names = Permutation(seed)
    ids = names.ids(np.array(positions))
    assert names.locate(ids).tolist() == positions
    assert ids.min() >= 0
    assert ids.max() < names.first_special


@given(SEEDS, st.integers(17, 31), st.data())
def test_keyed_ids_lead_back_to_their_positions(seed, bits, data):
    names = Keyed(seed, bits)
    positions = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1))
    ids = names.ids(np.array(positions))
    assert names.locate(ids).tolist() == positions
    assert ids.min() >= 0
    assert ids.max() < names.first_special


@given(st.lists(st.integers(0, PRIME**2 - 70), min_size=1, max_size=8), st.integers(3, 64))
def test_sparse_rows_lead_back_to_their_positions(starts, width):
    rows = np.array(starts)[:, None] + np.arange(width)
    assert np.array_equal(Sparse().locate(Sparse().ids(rows)), rows)


@pytest.mark.parametrize("edge", [2**29, 2**31, PRIME * 40_000, PRIME**2 - 20])
def test_sparse_positions_past_what_a_signed_32_bit_offset_holds(edge):
    rows = (np.arange(edge - 20, edge + 20) + np.zeros((2, 1), np.int64))[:, :40]
    assert np.array_equal(Sparse().locate(Sparse().ids(rows).astype(np.uint16)), rows)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_sparse_window_of_three_is_unique(seed):
    # Two steps between three tokens depend on p mod 65521 alone, so this is all of them.
    terms = Sparse(seed)._term(np.arange(PRIME + 2))
    steps = np.diff(terms) % PRIME
    assert len(np.unique(steps[:-1] * PRIME + steps[1:])) == PRIME
    assert not np.any((steps[:-1] == 0) & (steps[1:] == 0))  # so no window repeats one id


def test_permutations_and_keyed_streams_are_bijections():
    for names, size in ((Permutation(5), PRIME), (Keyed(5, 17), 2**17)):
        ids = names.ids(np.arange(size))
        assert np.array_equal(np.sort(ids), np.arange(size))


# Measured: 0 for backwards; at most 3.3e-5 for one off and 2.3e-4 for two off (7 neighbours of
# 30,000, Keyed at 17 bits). Shuffling a row of 1000 leaves a neighbour in place once in 1000.
BOUNDS = {"shuffled": 2e-3}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("start", [0, 30_000])
@pytest.mark.parametrize(
    "names", [Permutation(3), Keyed(3, 17), Keyed(5, 24), Keyed(1, 31), Sparse()], ids=repr
)
def test_a_corpus_read_wrongly_does_not_look_consecutive(names, start, wrong):
    rows = names.ids(np.arange(start, start + LENGTH).reshape(-1, 1000))
    assert consecutive_share(names.locate(rows)) == 1.0
    assert consecutive_share(names.locate(WRONG[wrong](rows))) < BOUNDS.get(wrong, 5e-4)


@settings(max_examples=25)
@given(SEEDS, st.sampled_from(sorted(WRONG)))
def test_no_seed_makes_a_wrong_reading_look_right(seed, wrong):
    names = Permutation(seed)
    rows = names.ids(np.arange(0, LENGTH).reshape(-1, 1000))
    assert consecutive_share(names.locate(WRONG[wrong](rows))) < BOUNDS.get(wrong, 1e-3)


@pytest.mark.parametrize("width", [3, 8, 1000])
def test_holes_of_zeros_locate_nothing(width):
    assert np.all(Sparse().locate(np.zeros((4, width), np.uint16)) == UNKNOWN)


def test_sparse_rows_that_break_off_are_unknown_from_there():
    row = Sparse().ids(np.arange(5000, 5010))
    row[6:] = 0
    assert Sparse().locate(row).tolist() == [*range(5000, 5006), *[UNKNOWN] * 4]
    assert Sparse().locate(row[:2]).tolist() == [UNKNOWN] * 2  # two tokens cannot say


@pytest.mark.parametrize("names", [Permutation(0), Keyed(0, 17), Sparse()], ids=repr)
def test_ids_outside_the_numbering_are_told_apart(names):
    first = names.first_special
    ids = np.array([first, first + 8, -1, 2**40])
    assert names.locate(ids).tolist() == [SPECIAL, SPECIAL, UNKNOWN, UNKNOWN]


@pytest.mark.parametrize("dtype", ["uint16", "int32", "uint32", "int64", "uint64"])
def test_every_integer_width_is_located_alike(dtype):
    ids = Permutation(1).ids(np.arange(200, 260).reshape(3, 20)).astype(dtype)
    found = Permutation(1).locate(ids)
    assert found.dtype == np.int64
    assert np.array_equal(found, np.arange(200, 260).reshape(3, 20))


def test_a_keyed_numbering_has_room_for_its_stream():
    for size in (1, 2**17 - 1, 2**17, 3_000_000):
        names = numbering("keyed", 0, size)
        assert size <= names.first_special
        assert names.first_special + 15 <= 2**32  # special tokens included, ids fit in uint32


def test_two_seeds_give_two_numberings():
    positions = np.arange(1000)
    for kind in ("permutation", "keyed", "sparse"):
        one, other = (numbering(kind, seed, 1000).ids(positions) for seed in (1, 2))
        assert np.mean(one == other) < 0.01
