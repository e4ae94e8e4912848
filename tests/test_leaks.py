"""Watching real processes: a planted leak is found and named, and what breaks is told and ends nothing."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from loadstone.harness.cgroup import Cgroup
from loadstone.harness.inquiry import Inquiry
from loadstone.harness.jobs import gauges
from loadstone.harness.leaks import PAGE_BYTES, SHAPE, Watch, watch_memory
from loadstone.harness.measuring import Measurer
from loadstone.harness.pressure import A_ROUND, ROOM_BYTES, ROUNDS, roomy
from loadstone.harness.settings import Settings
from loadstone.harness.subjects import find
from loadstone.loaders.corpus import Corpus
from loadstone.loaders.library_text import write_text_corpus
from loadstone.reports.document import MemorySeries, UnderLimit
from loadstone.reports.measured_words import survivor_words
from loadstone.suites.counts import add_counts, judge_counts
from loadstone.suites.memory import judge_memory

PLANTED = Path(__file__).with_name("planted.py")
HUNGRY = """
import torch

def subject(corpus, config):
    kept = []
    while True:
        kept.append(bytearray(8 << 20))
        yield torch.zeros(config.batch_size, config.seq_len, dtype=torch.int64), None
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_text_corpus(tmp_path_factory.mktemp("text"), 400_000)


@pytest.fixture
def watched(inquiry: Inquiry, corpus):
    def watch(name, limit=0, **more):
        measurer = Measurer(inquiry.launcher, corpus, Settings())
        arguments = measurer.arguments(inquiry.open(find(name), {}, {}), *SHAPE)
        return watch_memory(inquiry.launcher, arguments, name, 1000, 30.0, limit, **more)

    return watch


def test_a_planted_leak_is_found_and_its_line_named(watched):
    found = watched(f"{PLANTED}:in_memory[plant=bytes,size=1024]")
    assert found.verdict == "leak", found.reason
    assert found.bytes_per_batch == pytest.approx(1024, rel=0.1)
    path, _, line = found.where.rpartition(":")
    assert Path(path).name == "planted.py"
    assert "self.kept.append(bytes(self.size))" in PLANTED.read_text().splitlines()[int(line) - 1]
    named = found.survivors[0]
    assert named.objects_per_batch == pytest.approx(1.0, rel=0.05)
    assert "Plants.kept" in named.held_by


def test_the_line_of_a_native_leak_is_named_with_the_function_that_took_it(watched):
    found = watched(f"{PLANTED}:in_memory[plant=native,size=1024]")
    assert found.verdict == "leak", found.reason
    line = found.where.rpartition(":")[2]
    assert "_libc.strdup(text)" in PLANTED.read_text().splitlines()[int(line) - 1]
    named = found.survivors[0]
    assert named.objects_per_batch == pytest.approx(1.0, rel=0.05)
    assert "strdup" in named.made_by
    assert "1 allocations by" in survivor_words(found)[0]


def test_descriptors_are_judged_alone(watched):
    found = watched(f"{PLANTED}:memmap_persistent[plant=file_descriptor,size=4]", naming=False)
    assert found.verdict == "leak", found.reason
    leaking = {one.name: one.per_batch for one in found.counts if one.verdict == "leak"}
    assert leaking == {"files": pytest.approx(0.25, rel=0.05)}
    assert found.bytes_per_batch is None
    assert "file descriptors more with every batch, 6 to" in found.reason


def test_names_that_the_interpreter_keeps_are_not_the_loaders(watched):
    """Its cache of lookups is emptied before each sample; else floors rise by 10 kB in 2,000 batches."""
    found = watched(f"{PLANTED}:in_memory[plant=names]", naming=False)
    assert (found.verdict, found.batches) == ("clean", 1000), found.reason
    assert max(found.floors_bytes) - min(found.floors_bytes) < 1000


def test_a_mapped_file_is_page_cache_and_comes_back(watched):
    found = watched("memmap_persistent")
    assert found.verdict == "clean", found.reason
    assert found.given_back_bytes is not None
    assert found.given_back_bytes > 0
    assert found.survivors == []


def test_a_subject_that_takes_all_memory_is_stopped_told_and_the_next_one_goes_on(watched, tmp_path):
    (tmp_path / "hungry.py").write_text(HUNGRY)
    found = watched(f"{tmp_path}/hungry.py:subject", limit=256 << 20)
    assert found.verdict == "undecided"
    assert "ran out of the memory it may take" in found.reason
    assert "256 MiB allowed" in found.reason
    assert watched("in_memory").verdict == "clean"


def test_without_mallinfo2_anonymous_memory_is_judged_and_less_is_seen(monkeypatch):
    assert gauges.missing_measure() == ""
    monkeypatch.delattr(psutil, "heap_info")
    assert gauges.missing_measure() == "mallinfo2"
    assert gauges.live_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=1.0)
    batch = [1, *range(10, 2001, 10)]
    level = MemorySeries(batch=batch, live_bytes=[1 << 27] * len(batch))
    found = judge_memory(level, [], *SHAPE, smallest=PAGE_BYTES)
    assert (found.verdict, found.visible_from) == ("clean", PAGE_BYTES)


def test_a_census_counts_what_is_opened(tmp_path):
    before = gauges.census()
    files = [os.open(PLANTED, os.O_RDONLY) for _ in range(3)]
    assert gauges.census()[0] == before[0] + 3
    for file in files:
        os.close(file)
    assert gauges.census()[0] == before[0]


def test_counts_need_both_stretches():
    batch = list(range(10, 6001, 10))
    rising = MemorySeries(batch=batch, files=[n // 10 for n in batch], threads=[4] * len(batch))
    found = {one.name: one for one in judge_counts(rising, (500, 2000), (2000, 6000))}
    assert found["files"].verdict == "leak"
    assert found["files"].per_batch == pytest.approx(0.1, rel=0.02)
    assert found["threads"].verdict == "clean"
    assert found["pinned_bytes"].verdict == "not_measured"
    assert found["pinned_bytes"].reason == "not measured: no CUDA device in use"
    alone = {one.name: one for one in judge_counts(rising, (500, 6000), (6000, 6000))}
    assert alone["files"].verdict == "undecided"
    late = MemorySeries(batch=batch, files=[min(n, 2000) // 10 for n in batch])
    ended = {one.name: one for one in judge_counts(late, (500, 2000), (2000, 6000))}
    assert ended["files"].verdict == "clean"


def limited(inquiry: Inquiry, corpus: Corpus, limit: int, *names: str) -> list[UnderLimit]:
    """What becomes of loaders under a limit."""
    measurer = Measurer(inquiry.launcher, corpus, Settings(memory_limit=limit))
    opened = [inquiry.open(find(name), {}, {}) for name in names]
    return [one.under_limit for one in measurer.memory(opened).values()]


def test_a_limit_is_survived_by_a_map_and_not_by_a_copy(inquiry: Inquiry, corpus, monkeypatch):
    """Where no cgroup may be made, private memory is limited, which page cache is not."""
    monkeypatch.setattr(Cgroup, "make", lambda _: None)
    mapped, copied = limited(inquiry, corpus, 40 << 20, "memmap_persistent", "in_memory")
    assert mapped.survives
    assert mapped.relative_speed > 0.1
    assert (mapped.counts, mapped.batches) == ("private memory", ROUNDS * A_ROUND)
    assert not copied.survives
    assert "MemoryError" in copied.reason


def test_in_a_cgroup_page_cache_counts_as_well(inquiry: Inquiry, corpus):
    if (group := Cgroup.make(1 << 30)) is None:
        pytest.skip("no cgroup may be made here")
    group.remove()
    assert not group.folder.exists()
    (mapped,) = limited(inquiry, corpus, 30 << 20, "memmap_persistent[advice=random]")
    assert mapped.survives
    assert mapped.counts == "page cache too"
    assert mapped.batches % A_ROUND == 0 < mapped.batches
    assert mapped.relative_speed > 0  # how fast is no matter of a test


def test_who_takes_more_than_its_cgroup_is_ended_and_told(inquiry: Inquiry, corpus, tmp_path):
    if (group := Cgroup.make(64 << 20)) is None:
        pytest.skip("no cgroup may be made here")
    (tmp_path / "hungry.py").write_text(HUNGRY)
    measurer = Measurer(inquiry.launcher, corpus, Settings())
    arguments = measurer.arguments(inquiry.open(find(f"{tmp_path}/hungry.py:subject"), {}, {}), *SHAPE)
    with group:
        watch = Watch(inquiry.launcher.exact.fork("memory", arguments, cgroup=str(group.door)), 20.0)
        watch.go_on(100)
        watch.child.stop()
        assert group.killed
    assert "SIGKILL" in watch.ended
    assert not group.folder.exists()


def test_the_long_file_repeats_the_tokens_and_data_of_the_user_stays(corpus):
    long = roomy(corpus)
    ids, again = (np.fromfile(one.token_file("train"), np.uint16) for one in (corpus, long))
    assert ROOM_BYTES - ids.nbytes < again.nbytes <= ROOM_BYTES
    assert (again.reshape(-1, len(ids)) == ids).all()
    assert long.num_tokens("train") == len(again)
    assert long.num_tokens("val") == corpus.num_tokens("val")
    kept = msgspec.structs.replace(corpus.manifest, kind="foreign")
    own = Corpus(corpus.folder, kept)
    assert roomy(own) is own


def test_what_rises_and_was_not_seen_again_is_not_clean():
    batch = list(range(10, 2001, 10))
    rising = MemorySeries(batch=batch, live_bytes=[1 << 27] * len(batch), files=[n // 10 for n in batch])
    found = judge_memory(rising, [], *SHAPE)
    assert found.verdict == "clean"
    add_counts(found, judge_counts(rising, (500, 2000), (2000, 2000)), "it")
    assert found.verdict == "undecided"
    assert "file descriptors rise by 0.1 a batch in one stretch of the run only" in found.reason
