"""The rule on leaks, on made series: what keeps rising is one, what fills, swings or steps is not."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable

import pytest
from loadstone.reports.document import Memory, MemorySeries
from loadstone.suites.floors import ROUNDS, agree, trend, warm_up
from loadstone.suites.memory import (
    CONFIRMED,
    PAGE_CACHE_BYTES,
    confirm,
    judge_memory,
    level,
    turnover,
    wants_more,
)

BASE = 80_000_000
EVERY = 10
BATCHES = 2000
Shape = Callable[[int], float]


def series(shape: Shape, batches: int = BATCHES, cache: int = 0) -> MemorySeries:
    """Samples as the job takes them: after the first batch, then after every tenth."""
    batch = [1, *range(EVERY, batches + 1, EVERY)]
    live = [BASE + int(shape(n)) for n in batch]
    return MemorySeries(
        batch=batch,
        live_bytes=live,
        arrow_bytes=[0] * len(batch),
        rss_anon_bytes=live,
        rss_file_bytes=[cache * n for n in batch],
        rss_shmem_bytes=[0] * len(batch),
    )


def judged(shape: Shape, batches: int = BATCHES) -> Memory:
    """The verdict as it is made: a leak has to be found again in the stretch that follows."""
    first = judge_memory(series(shape, batches), [], 8, 256)
    if first.verdict != "leak":
        return first
    return confirm(first, judge_memory(series(shape, CONFIRMED * batches), [], 8, 256, after=batches))


def noise(size: int, seed: int = 0) -> Shape:
    return lambda n: random.Random(seed * 1_000_003 + n).randrange(size)


@pytest.mark.parametrize("batches", [1200, 2000, 4000])
@pytest.mark.parametrize("rate", [1, 8, 100, 196_608])
def test_a_steady_leak_is_found_at_its_rate(rate, batches):
    found = judged(lambda n: rate * n, batches)
    assert found.verdict == "leak"
    assert found.bytes_per_batch == pytest.approx(rate, rel=0.05)
    assert f"grows by {found.bytes_per_batch:,.0f} bytes a batch" in found.reason


@pytest.mark.parametrize("seed", range(20))
def test_a_leak_of_eight_bytes_is_found_under_noise(seed):
    draw = noise(400, seed)
    found = judged(lambda n: 8 * n + draw(n))
    assert found.verdict == "leak"
    assert found.bytes_per_batch == pytest.approx(8, rel=0.3)


def test_a_leak_that_comes_in_lumps_is_found():
    assert judged(lambda n: 64_000 * (n // 40)).verdict == "leak"
    assert judged(lambda n: 8 * n + 5_000_000 * (n % 7 == 0)).verdict == "leak"


@pytest.mark.parametrize("rate", [5000, 20_000, 100_000])
def test_a_leak_under_a_buffer_that_swings_is_found(rate):
    assert judged(lambda n: rate * n + 3_000_000 * (1 + math.sin(n / 5))).verdict == "leak"


NO_LEAKS: dict[str, Shape] = {
    "level": lambda n: 0,
    "a cache that fills": lambda n: 20_000_000 * (1 - math.exp(-n / 300)),
    "a cache that fills late": lambda n: 1000 * min(n, 1400),
    "a cache that fills slowly": lambda n: 5e6 * n / (n + 2000),
    "a cache that grows as the logarithm": lambda n: 1_000_000 * math.log(n),
    "a table that doubles": lambda n: 100 * 2 ** (n.bit_length()),
    "a sawtooth": lambda n: 10_000 * (n % 130),
    "a slow sawtooth": lambda n: 10_000 * (n % 700),
    "a step": lambda n: 50_000_000 * (n > 1000),
    "a small step": lambda n: 50_000 * (n > 1000),
    "a step in the last round": lambda n: 50_000_000 * (n > 1950),
    "three steps": lambda n: 1_000_000 * ((n > 700) + (n > 1100) + (n > 1900)),
    "what shrinks": lambda n: -1000 * n,
    "a buffer that swings": lambda n: 14_000_000 * abs(math.sin(n / 90)),
    "growth that stops half-way": lambda n: 4096 * min(n, 1000),
    "growth that begins half-way": lambda n: 4096 * max(0, n - 1300),
}


@pytest.mark.parametrize("case", NO_LEAKS)
def test_what_does_not_keep_rising_is_no_leak(case):
    found = judged(NO_LEAKS[case])
    assert found.verdict != "leak", found.reason


@pytest.mark.parametrize("case", ["level", "a small step", "a sawtooth", "what shrinks"])
def test_what_is_level_is_clean_and_says_what_it_would_have_seen(case):
    found = judged(NO_LEAKS[case])
    assert found.verdict == "clean"
    assert found.visible_from >= 8
    assert f"{found.visible_from:,.0f} bytes a batch and more would have shown" in found.reason


def test_noise_alone_is_never_a_leak():
    called = [seed for seed in range(300) if judged(noise(100_000, seed)).verdict == "leak"]
    assert called == []


def test_a_random_walk_is_hardly_ever_a_leak():
    """Eight floors of a walk all rise, evenly, once in a few hundred walks; and hardly ever go on so."""

    def walk(seed: int) -> Shape:
        draw, places = random.Random(seed), [0.0]
        while len(places) <= CONFIRMED * BATCHES:
            places.append(places[-1] + draw.choice((-1000, 1000)))
        return places.__getitem__

    assert [seed for seed in range(200) if judged(walk(seed)).verdict == "leak"] == []


@pytest.mark.parametrize("batches", [0, 1, 10, 100, 400])
def test_too_few_samples_stay_undecided(batches):
    found = judge_memory(series(lambda n: 5000 * n, batches), [], 8, 256)
    assert found.verdict == "undecided"
    assert "too few for 8 rounds" in found.reason
    assert judge_memory(MemorySeries(), [], 8, 256).verdict == "undecided"


def test_growth_of_the_page_cache_is_told_and_no_leak():
    found = judge_memory(series(lambda n: 0, cache=200_000), [], 8, 256)
    assert found.verdict == "clean"
    assert found.page_cache_bytes > PAGE_CACHE_BYTES
    assert "of page cache, reclaimable: not a leak" in found.reason
    assert "page cache" not in judge_memory(series(lambda n: 0, cache=10), [], 8, 256).reason


def test_what_is_held_on_purpose_is_subtracted():
    grows = series(lambda n: 700 * n)
    buffered = [700 * n for n in grows.batch]
    assert judge_memory(grows, [], 8, 256).verdict == "leak"
    assert judge_memory(grows, buffered, 8, 256).verdict == "clean"
    assert level(grows, buffered) == [BASE] * len(buffered)
    assert level(grows) == grows.live_bytes


def test_two_stretches_that_disagree_are_undecided():
    steady, faster = (judge_memory(series(lambda n, r=rate: r * n), [], 8, 256) for rate in (100, 1000))
    found = confirm(steady, faster)
    assert found.verdict == "undecided"
    assert "bytes a batch in two stretches of a run: a leak rises evenly" in found.reason
    assert found.bytes_per_batch is None
    assert agree(100, 150)
    assert not agree(100, 151)
    assert not agree(0, 0)


def test_what_cannot_be_seen_again_is_undecided():
    steady = judge_memory(series(lambda n: 100 * n), [], 8, 256)
    found = confirm(steady, judge_memory(series(lambda n: 100 * n, 2040), [], 8, 256, after=2000))
    assert found.verdict == "undecided"
    assert "grows by 100 bytes a batch" in found.reason
    assert "over before that could be seen again" in found.reason


def test_growth_that_slows_down_is_no_leak_of_the_stretch_that_follows():
    """A root rises evenly enough in one stretch; the next one tells it from a leak."""
    shape = lambda n: 100_000 * math.sqrt(n)  # noqa: E731
    assert judge_memory(series(shape), [], 8, 256).verdict == "leak"
    assert judged(shape).verdict == "undecided"


@pytest.mark.parametrize("case", ["a cache that fills", "a cache that fills slowly"])
def test_what_still_rises_unevenly_is_undecided_and_wants_a_longer_run(case):
    found = judged(NO_LEAKS[case])
    assert found.verdict == "undecided"
    assert re.search("still rises after|two stretches", found.reason)
    assert wants_more(found)


def test_growth_that_begins_late_is_found_by_a_longer_run():
    found = judge_memory(series(NO_LEAKS["growth that begins half-way"]), [], 8, 256)
    assert found.verdict == "clean"
    assert wants_more(found)
    assert judged(NO_LEAKS["growth that begins half-way"], 4 * BATCHES).verdict == "leak"


def test_what_swings_more_than_a_kept_batch_each_time_is_not_called_clean():
    found = judge_memory(series(noise(60_000_000)), [], 8, 256)
    assert found.verdict == "undecided"
    assert "not even a loader that keeps every batch would have shown" in found.reason


def test_a_run_is_long_enough_when_one_batch_kept_in_a_hundred_would_show():
    quiet, loud = (judge_memory(series(noise(size)), [], 8, 256) for size in (1000, 1_000_000))
    assert quiet.verdict == loud.verdict == "clean"
    assert not wants_more(quiet)
    assert quiet.visible_from < 8 * 256 * 16 / 100 < loud.visible_from
    assert wants_more(loud)


def test_the_warm_up_is_a_quarter_500_batches_and_three_turnovers():
    assert [warm_up(batches) for batches in (800, 2000, 4000)] == [500, 500, 1000]
    buffered = [0, 8 * 256 * 2 * 300, 100]  # 300 batches' worth of tokens, two bytes each
    assert turnover(buffered, 8, 256) == 300
    assert warm_up(2000, turnover(buffered, 8, 256)) == 900
    assert turnover([3_000_000] * 9, 8, 256) == 0  # a corpus in memory is not replaced
    found = judge_memory(series(lambda n: 0), [0, *[4096 * 900] * 200], 8, 256)
    assert found.judged_from == 2700
    assert found.verdict == "undecided"
    assert wants_more(found)


def test_rounds_are_of_equal_length_whatever_the_distance_of_samples():
    batches = [*range(10, 1001, 10), *range(1025, 2001, 25)]
    seen = trend(batches, batches, after=400, smallest=1)
    assert seen.per_round == 200
    assert seen.state == "even"
    assert seen.rate == pytest.approx(1, rel=0.02)
    assert len(seen.floors) == ROUNDS
    assert seen.floors[:3] == (410, 610, 810)
    assert trend([], [], 0, 1).state == "short"


def test_noise_of_eight_floors_still_rises_once_in_a_hundred_and_forty():
    """What the 24 of 28 pairs stand for: Kendall's tau of eight, one-sided."""
    states = [judge_memory(series(noise(100_000, seed)), [], 8, 256).verdict for seed in range(300)]
    assert states.count("undecided") <= 8
