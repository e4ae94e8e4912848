"""The page of the leak experiment is made from its results, and says of them what they hold."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from loadstone.reports.document import MemorySeries
from other_deciders import others, psleak, sloped
from power_page import Case, Outcome, Results, page

DOCS = Path(__file__).parents[1] / "docs"
BATCHES = list(range(10, 2001, 10))


def test_the_page_is_fresh():
    results = msgspec.json.decode((DOCS / "results/leak-power.json").read_bytes(), type=Results)
    assert len({one.case for one in results.outcomes}) == len(results.outcomes) > 0
    assert (DOCS / "leak-power.md").read_text("utf-8") == page(results)


def test_it_counts_what_was_found_and_called():
    runs = [
        Outcome(Case("in_memory", "malloc", 8, seed, leak=True), "leak" if seed else "clean", 2.0, 6000, 32.0)
        for seed in range(4)
    ]
    runs += [Outcome(Case("in_memory", "none", 1, seed, leak=False), "clean", 1.0, 2000) for seed in range(5)]
    text = page(Results(outcomes=runs))
    assert "Found: 3 of 4" in text
    assert "Called a leak: 0 of 5 (at most 45.1% are called a leak, at 95 %)" in text
    assert "| malloc | 8 | 3/4, 32 B/batch |" in text


@pytest.mark.parametrize("rate", [100, 5000])
def test_the_other_deciders_call_a_plain_leak(rate):
    values = [10_000_000 + rate * batch for batch in BATCHES]
    assert sloped(BATCHES, values)
    assert psleak(BATCHES, values)


def test_and_what_each_of_them_gets_wrong():
    cache = [10_000_000 + int(2e6 * (1 - math.exp(-batch / 900))) for batch in BATCHES]
    assert sloped(BATCHES, cache)
    assert not psleak(BATCHES, [10_000_000 + 8 * batch for batch in BATCHES])  # under its noise of 16 bytes
    zero, mapped = [0] * len(BATCHES), [4096 * batch for batch in BATCHES]
    series = MemorySeries(
        batch=BATCHES, live_bytes=zero, rss_anon_bytes=zero, rss_file_bytes=mapped, rss_shmem_bytes=zero
    )
    assert others(series) == {"rss": True, "rss_slope": True, "live_slope": False, "psleak": False}
