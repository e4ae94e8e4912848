"""What a use of a loader leaves behind, judged on counts that were made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from loadstone.harness.inquiry import Inquiry
from loadstone.loaders.traits import Traits
from loadstone.suites import living, residue
from loadstone.suites.evidence import Evidence
from loadstone.suites.scenario import CorpusRef, Scenario
from loadstone.suites.scenarios import Shape
from loadstone.suites.trace import End, Trace
from subject_files import write

if TYPE_CHECKING:
    from pathlib import Path

    from loadstone.harness.launch import Launcher

LEVEL = [6, 350, 1, 0, 0, 0]
USES = residue.USES - 2


def evidence(name: str, notes: dict, **traits: object) -> Evidence:
    scenario = Scenario(name, CorpusRef(), {"batch_size": 4, "seq_len": 16})
    return Evidence(Traits(**traits), {name: Trace(scenario, notes=notes, ends=[End(0, "stop")])})


def used(place: int, more: int, way: str = "an early break") -> Evidence:
    late = [count + more * (n == place) for n, count in enumerate(LEVEL)]
    ways = {"exhaustion": [LEVEL, LEVEL], way: [LEVEL, late]}
    return evidence(residue.NAMES[0], {"residue": ways, "reiterated": [LEVEL, LEVEL]})


CHECKS = {
    residue.FILES: residue.res_fds,
    residue.MAPS: residue.res_maps,
    residue.THREADS: residue.res_threads,
    residue.CHILDREN: residue.res_children,
    residue.SEGMENTS: residue.res_shm,
}


@pytest.mark.parametrize("place", CHECKS)
def test_one_more_with_every_use_is_left_behind(place):
    found = CHECKS[place](used(place, USES))
    assert found.verdict == "fail"
    assert "ends with an early break" in found.reason
    assert residue.COUNTED[place] in found.reason


@pytest.mark.parametrize("place", CHECKS)
@pytest.mark.parametrize("more", [0, 1, USES - 1, -3])
def test_less_than_one_a_use_is_a_pool_or_a_library(place, more):
    assert CHECKS[place](used(place, more)).verdict == "pass"


def test_the_pool_of_arrow_is_counted_in_bytes():
    assert residue.mem_arrow_pool(used(residue.ARROW, 64 * USES)).verdict == "fail"
    assert residue.mem_arrow_pool(used(residue.ARROW, 64 * USES - 1)).verdict == "pass"


def test_short_iterations_are_told_once():
    late = [LEVEL[0] + residue.SHORT, *LEVEL[1:]]
    ways = {"exhaustion": [LEVEL, LEVEL]}
    asked = evidence(residue.NAMES[0], {"residue": ways, "reiterated": [LEVEL, late]})
    assert residue.res_reiterate(asked).verdict == "fail"
    both = evidence(residue.NAMES[0], {"residue": {"close()": [LEVEL, late]}, "reiterated": [LEVEL, late]})
    assert residue.res_reiterate(both).verdict == "skip"


@pytest.mark.parametrize("how", ["an early break", "an exception", "a kill"])
def test_a_process_that_does_not_end_fails(how):
    ends = {"an early break": "", "an exception": "", "a kill": ""}
    name = "probe/leaving"
    assert residue.res_exit(evidence(name, {"leaving": ends})).verdict == "pass"
    notes = {"leaving": ends | {how: "did not end within 5 s"}, "residue": {"close()": [LEVEL, LEVEL]}}
    traces = {one: evidence(one, notes).traces[one] for one in (name, residue.NAMES[0])}
    found = residue.res_exit(Evidence(Traits(), traces))
    assert found.verdict == "fail"
    assert "did not end within 5 s" in found.reason


def peaks(small: int, large: int) -> Evidence:
    traces = {}
    for name, peak in zip(living.PEAKS, (small, large), strict=True):
        traces |= evidence(name, {"peak": peak}).traces
    return Evidence(Traits(holds="buffer", reads="tokens"), traces)


def test_a_peak_that_grows_with_the_corpus_fails():
    added = 9 * living.DOCUMENTS * living.LENGTH * 2
    assert living.mem_bounded(peaks(10_000_000, 10_000_000 + added // 10)).verdict == "pass"
    found = living.mem_bounded(peaks(10_000_000, 10_000_000 + added))
    assert found.verdict == "fail"
    assert f"adds {added:,} bytes to the peak" in found.reason


def workers(private: list[int], anonymous: list[int]) -> Evidence:
    told = {
        "batch": list(range(1, 801, 10)), "private_dirty": private, "anonymous": anonymous,
        "pss": anonymous, "count": 2,
    }  # fmt: skip
    scenario = evidence("probe/working", {"workers": told}).traces
    return Evidence(Traits(workers=True), scenario)


def test_copy_on_write_is_told_with_its_end_and_is_no_leak():
    private = [20_000_000 + min(n, 40) * 500_000 for n in range(80)]
    found = living.mem_pss(workers(private, [90_000_000] * 80))
    assert found.verdict == "pass"
    assert "copy-on-write growth of 9.5 MiB a worker, by batch 381: not a leak" in found.reason


def test_workers_that_keep_every_batch_fail():
    kept = [90_000_000 + n * 10 * 32_768 for n in range(80)]
    found = living.mem_pss(workers(kept, kept))
    assert found.verdict == "fail"
    assert "anonymous memory of 2 workers grows by 32,0" in found.reason


LATE = """
from torch.utils.data import DataLoader, IterableDataset

class Rows(IterableDataset):
    def __init__(self, corpus, config):
        self.corpus, self.config = corpus, config

    def __iter__(self):
        return batches(self.corpus, self.config)

def begin(worker):
    time.sleep(1.0 * worker)  # torch asks who its parent is only after this

def subject(corpus, config):
    return DataLoader(Rows(corpus, config), batch_size=None, num_workers=2, worker_init_fn=begin)
"""


def test_a_worker_that_is_only_starting_is_no_orphan(launcher: Launcher, tmp_path: Path) -> None:
    """The number of workers is the loader's own, so the configuration does not tell it."""
    inquiry = Inquiry(launcher, 60.0)
    opened = inquiry.open(write(tmp_path, LATE), {"reads": "tokens", "passes": "endless"}, {})
    findings, _ = inquiry.check(opened, Shape(2, 4), ["res.exit"])
    [found] = [one for one in findings if one.id == "res.exit"]
    assert found.verdict == "pass", found.reason
