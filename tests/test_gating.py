"""The rule of the gate, by arithmetic and by simulation: how often it cries wolf, and what it finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadstone.suites.gating import (
    LEAST_ROUNDS,
    MOST_ROUNDS,
    SLICE_US,
    Turn,
    alpha_each,
    fewest_pairs,
    floored_ratio,
    interval,
    judge,
    needed,
    pair_ratio,
    rounds_wanted,
    sliced,
    slot_batches,
    unsteadiness,
    wealth,
)

ALPHA = alpha_each(0.99, 1)
TRIES = 3000
MOST_PAIRS = 160


def test_the_wealth_is_fair_and_grows_with_what_speaks_for_it():
    for pairs in (1, 2, 5, 12, 40):
        expected = sum(math.comb(pairs, k) * wealth(pairs, k) for k in range(pairs + 1)) / 2**pairs
        assert expected == pytest.approx(1.0)  # at even odds nothing is won
        grown = [wealth(pairs, k) for k in range(pairs + 1)]
        assert grown == sorted(grown)


@given(st.integers(1, 120), st.sampled_from([0.05, 0.005, 0.0005]))
def test_what_is_needed_is_the_least_that_suffices(pairs, alpha):
    count = needed(pairs, alpha)
    enough = [k for k in range(pairs + 1) if wealth(pairs, k) >= 1 / alpha]
    assert count == (enough[0] if enough else None)


def test_more_judged_together_need_more_pairs():
    assert [fewest_pairs(alpha_each(0.99, judged)) for judged in (1, 3, 5, 15)] == [11, 12, 13, 15]


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=60))
def test_the_interval_turns_with_its_samples(samples):
    found, turned = interval(samples, ALPHA), interval([-one for one in samples], ALPHA)
    assert (turned.low, turned.high) == (-found.high, -found.low)
    assert found.low <= found.middle <= found.high


@pytest.mark.parametrize(
    ("samples", "verdict"),
    [
        ([], "inconclusive"),
        ([0.5] * 10, "inconclusive"),  # too few, however clear
        ([0.5] * 11, "regressed"),
        ([0.0] * 11, "fine"),
        ([math.log1p(0.02)] * 11, "fine"),  # the limit itself is allowed
        ([0.0, 0.05] * 20, "inconclusive"),
        ([-0.7] * 11, "fine"),
    ],
)
def test_verdicts(samples, verdict):
    assert judge(samples, 0.02, ALPHA) == verdict


def noise(kind: str, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Differences of pairs whose median is 0, one row a gate."""
    pairs = rng.normal(0, 0.003, shape)  # between forks
    if kind == "drift":  # the machine gets busier, which makes the pairs less certain, not lopsided
        pairs *= np.linspace(1, 8, shape[1])
    elif kind == "spikes":  # a spike in either process of a pair
        pairs += rng.choice([-1, *[0] * 14, 1], shape) * rng.exponential(0.3, shape)
    elif kind == "interpreters":
        pairs = rng.normal(0, 0.018, shape)
    elif kind == "lopsided":  # more mass far out on the worse side, and the median still 0
        pairs = np.where(rng.random(shape) < 0.5, -rng.exponential(0.002, shape), rng.exponential(0.1, shape))
    elif kind == "waves":
        pairs *= 1 + 4 * (np.sin(np.arange(shape[1]) / 5) > 0)
    return pairs


KINDS = ["forks", "drift", "spikes", "interpreters", "lopsided", "waves"]


def called(pairs: np.ndarray, limit: float, alpha: float = ALPHA) -> tuple[np.ndarray, np.ndarray]:
    """For each row whether it was called regressed, and whether fine, looking after every pair."""
    edge = math.log1p(limit)
    above, looks = np.cumsum(pairs > edge, axis=1), np.arange(1, pairs.shape[1] + 1)
    counts = np.array([needed(int(n), alpha) or n + 1 for n in looks])
    regressed, fine = above >= counts, looks - above >= counts
    never = pairs.shape[1]
    first = [np.where(hit.any(1), hit.argmax(1), never) for hit in (regressed, fine)]
    return first[0] < first[1], first[1] < first[0]


def test_the_simulated_rule_is_the_rule():
    pairs = noise("spikes", np.random.default_rng(0), (40, 60)) + 0.02
    regressed, fine = called(pairs, 0.02)
    for row, *told in zip(pairs.tolist(), regressed, fine, strict=True):
        looks = (judge(row[:n], 0.02, ALPHA) for n in range(1, len(row) + 1))
        verdict = next((look for look in looks if look != "inconclusive"), "inconclusive")
        assert told == [verdict == "regressed", verdict == "fine"]


@pytest.mark.parametrize("kind", KINDS)
def test_false_alarms_stay_below_what_is_stated_though_every_pair_is_looked_at(kind):
    """The worst case: exactly at the limit. Half a per cent is allowed; three standard errors on top."""
    pairs = noise(kind, np.random.default_rng(7), (TRIES, MOST_PAIRS)) + math.log(1.02)
    regressed, fine = called(pairs, 0.02)
    most = ALPHA + 3 * math.sqrt(ALPHA / TRIES)
    assert regressed.mean() <= most
    assert fine.mean() <= most


def test_looking_at_an_ordinary_test_after_every_pair_would_cry_wolf():
    """Why the rule is what it is: a sign test at the same level, repeated, errs many times as often."""
    from scipy.stats import binom

    pairs = noise("forks", np.random.default_rng(7), (TRIES, MOST_PAIRS))
    above, looks = np.cumsum(pairs > 0, axis=1), np.arange(1, MOST_PAIRS + 1)
    repeated = (binom.sf(above - 1, looks, 0.5) <= ALPHA).any(axis=1)
    assert repeated.mean() > 4 * ALPHA


@pytest.mark.parametrize("kind", ["forks", "drift", "spikes", "waves"])
def test_identical_code_is_never_called_regressed_and_soon_fine(kind):
    regressed, fine = called(noise(kind, np.random.default_rng(3), (TRIES, 60)), 0.02)
    assert not regressed.any()
    assert fine.mean() > 0.99


@pytest.mark.parametrize(("slower", "pairs"), [(0.05, 30), (0.03, 40)])
def test_true_slow_downs_are_found(slower, pairs):
    seen = noise("spikes", np.random.default_rng(5), (TRIES, pairs)) + math.log1p(slower)
    regressed, _ = called(seen, 0.02)
    assert regressed.mean() > 0.99


def test_a_pair_is_judged_by_its_middle_turn():
    base = [Turn(100, 1.0), Turn(100, 1.0), Turn(100, 1.0)]
    head = [Turn(100, 1.1), Turn(100, 9.0), Turn(50, 0.55)]
    assert pair_ratio(base, head) == pytest.approx(math.log(1.1))
    assert floored_ratio(0.0001, 0.0002, 0.001) < math.log(1.1)
    assert floored_ratio(1.0, 2.0, 0.001) == pytest.approx(math.log(2), rel=0.01)


def test_a_busy_machine_gets_more_turns_in_a_pair():
    base = [Turn(100, 1.0)] * 8
    assert rounds_wanted(base, base) == LEAST_ROUNDS
    head = [Turn(100, one) for one in (1.0, 1.2, 0.8, 1.3, 0.9, 1.1, 1.0, 0.7)]
    assert rounds_wanted(base, head) == MOST_ROUNDS


def test_a_turn_holds_whole_cycles_where_there_are_any():
    even = [50.0] * 2000
    cyclic = ([50.0] * 149 + [8000.0]) * 13  # a row group every 150 batches
    assert slot_batches(even) == 200
    size = slot_batches(cyclic)
    assert sum(cyclic[:size]) > 25_000
    assert unsteadiness(cyclic, size) < unsteadiness(cyclic, 100)
    assert slot_batches([300_000.0, 310_000.0]) == 1  # one batch is longer than the longest turn
    with pytest.raises(ValueError, match="no batches"):
        slot_batches([])


@given(st.integers(1, 5000), st.floats(0.01, 1e6))
def test_slices_make_up_a_turn_and_hold_some_work_each(batches: int, batch_us: float) -> None:
    slices = sliced(batches, batch_us)
    assert sum(slices) == batches
    assert max(slices) - min(slices) <= 1
    assert len(slices) == 1 or batches * batch_us / len(slices) >= SLICE_US


def test_turns_add_up() -> None:
    assert Turn(3, 0.5, 0.1) + Turn(4, 0.25, 0.2) == Turn(7, 0.75, pytest.approx(0.3))
