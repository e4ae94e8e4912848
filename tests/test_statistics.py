"""Medians with their intervals: they hold the true median as often as they say."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadstone.suites.statistics import CONFIDENCE, median_interval, percentile

SAMPLES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60)
TRIES = 3000
DRAWS = {
    "even": (lambda draw: draw.random(), 0.5),
    "normal": (lambda draw: draw.gauss(0, 1), 0.0),
    "long-tailed": (lambda draw: draw.paretovariate(0.7), 2 ** (1 / 0.7)),
    "lognormal": (lambda draw: draw.lognormvariate(0, 2), 1.0),
}


@given(SAMPLES)
def test_the_interval_holds_its_median_and_is_made_of_samples(samples):
    middle, low, high = median_interval(samples)
    assert min(samples) <= low <= middle <= high <= max(samples)
    assert {low, high} <= set(samples)
    assert middle == statistics.median(samples)


@given(SAMPLES, st.randoms())
def test_the_order_of_the_samples_does_not_matter(samples, chance):
    shuffled = samples.copy()
    chance.shuffle(shuffled)
    assert median_interval(shuffled) == median_interval(samples)


@given(SAMPLES, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_more_confidence_is_never_narrower(samples, confidence):
    _, low, high = median_interval(samples, confidence)
    _, wider_low, wider_high = median_interval(samples, confidence + 0.009)
    assert wider_low <= low
    assert high <= wider_high


@given(SAMPLES)
def test_the_ends_are_symmetrical_ranks(samples):
    _, low, high = median_interval(samples)
    _, mirrored_low, mirrored_high = median_interval([-sample for sample in samples])
    assert (-mirrored_high, -mirrored_low) == (low, high)


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("size", [6, 7, 11, 15, 30])
def test_the_true_median_is_held_as_often_as_promised(name, size):
    """By chance alone 3000 tries at 95 % fall short of 93.6 % less than once in 2000."""
    draw, truth = DRAWS[name]
    source = random.Random(f"{name} {size}")
    held = 0
    for _ in range(TRIES):
        _, low, high = median_interval([draw(source) for _ in range(size)])
        held += low <= truth <= high
    slack = 3.5 * math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / TRIES)
    assert held / TRIES >= CONFIDENCE - slack


@pytest.mark.parametrize("size", range(6, 60))
def test_the_rank_is_the_narrowest_that_keeps_the_promise(size):
    def missed(rank: int) -> float:
        """The chance that fewer than ``rank`` samples lie on one side, both sides counted."""
        return 2 * sum(math.comb(size, k) for k in range(rank)) / 2**size

    _, low, high = median_interval(range(size))
    rank = low + 1
    assert high == size - rank
    assert missed(rank) <= 1 - CONFIDENCE
    assert rank == size // 2 or missed(rank + 1) > 1 - CONFIDENCE


@pytest.mark.parametrize("size", range(1, 6))
def test_with_few_samples_it_is_the_whole_range(size):
    assert median_interval([5.0, 1.0, 4.0, 2.0, 3.0][:size])[1:] == (
        min([5.0, 1.0, 4.0, 2.0, 3.0][:size]), max([5.0, 1.0, 4.0, 2.0, 3.0][:size]),
    )  # fmt: skip


def test_no_samples_have_no_median():
    with pytest.raises(ValueError, match="no samples"):
        median_interval([])


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.501, 51), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_percentiles_are_samples(share, value):
    assert percentile(list(range(100, 0, -1)), share) == value
