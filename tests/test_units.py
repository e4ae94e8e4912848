"""Numbers as people read them."""

from __future__ import annotations

import doctest

import pytest
from loadstone.reports import units


def test_the_examples_hold():
    outcome = doctest.testmod(units)
    assert outcome.attempted >= 6
    assert outcome.failed == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 B"),
        (999.4, "999 B"),
        (999.96, "1.00 kB"),
        (999_960, "1.00 MB"),
        (83_290_000, "83.3 MB"),
        (-196_608, "-197 kB"),
        (float("nan"), units.MISSING),
        (float("inf"), units.MISSING),
        (None, units.MISSING),
    ],
)
def test_quantities_round_across_their_prefixes(value, text):
    assert units.quantity(value, "B") == text


def test_an_interval_is_told_at_the_scale_of_its_median():
    assert units.interval(1.02e6, 0.98e6, 1.05e6) == "0.980\N{EN DASH}1.05 M"
    assert units.interval(5e6, None, 6e6) == ""


@pytest.mark.parametrize(
    ("us", "text"), [(0.5, "0.500 µs"), (999.9, "1.00 ms"), (1e6, "1.00 s"), (None, units.MISSING)]
)
def test_times_take_the_unit_that_suits(us, text):
    assert units.microseconds(us) == text
