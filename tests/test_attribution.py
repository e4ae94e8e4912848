"""Which lines are named: as many survivors of every old generation, and nothing else."""

from __future__ import annotations

import pytest
from loadstone.suites.attribution import COOL_DOWN, GENERATIONS, MOST_NAMED, flat, survivors

ALL = 1 + GENERATIONS + COOL_DOWN


@pytest.mark.parametrize(
    "counts", [[100] * 8, [1] * 8, [3, 2, 4, 3, 2, 4, 3, 3], [1000, 990, 1010] * 2 + [1000] * 2]
)
def test_as_many_of_every_generation_is_a_leak(counts):
    assert flat(counts)


NO_LEAKS = {
    "nothing": [0] * 8,
    "a shuffle buffer keeps the young": [1, 2, 5, 9, 18, 35, 60, 80],
    "a full cache keeps the old": [100, 80, 45, 20, 9, 4, 2, 1],
    "the last of a list that was cleared": [0, 0, 0, 0, 0, 0, 40, 100],
    "one generation is missing": [5, 5, 5, 0, 5, 5, 5, 5],
    "too few generations": [5] * 7,
}


@pytest.mark.parametrize("case", NO_LEAKS)
def test_buffers_and_caches_are_none(case):
    assert not flat(NO_LEAKS[case])


def test_lines_are_named_with_rates_and_those_with_most_bytes_come_first():
    sites = {
        "small.py:1": ([50] * ALL, 50 * ALL * 32),
        "large.py:2": ([100] * ALL, 100 * ALL * 1000),
        "buffer.py:3": ([0] * (ALL - 2) + [100, 100], 200_000),
    }
    large, small = survivors(sites, batches=50)
    assert (large.where, large.objects_per_batch, large.bytes_per_batch) == ("large.py:2", 2.0, 2000.0)
    assert (small.where, small.objects_per_batch, small.bytes_per_batch) == ("small.py:1", 1.0, 32.0)
    assert large.by_generation == [100] * ALL
    many = {f"a.py:{n}": ([1] * ALL, 1) for n in range(9)}
    assert len(survivors(many, 50)) == MOST_NAMED
