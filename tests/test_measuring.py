"""Measuring in rounds: in which processes, and what becomes of subjects that hang or break."""

from __future__ import annotations

import time

from loadstone.harness import contender, measuring
from loadstone.harness.measuring import Measurer
from loadstone.harness.settings import Settings
from loadstone.harness.subjects import find
from loadstone.loaders.library_text import write_text_corpus

HANGS = """
import time

def subject(corpus, config):
    time.sleep(600)
    yield
"""


def test_who_hangs_once_is_not_waited_for_again(inquiry, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "START_DEADLINE_S", 3.0)
    (tmp_path / "hangs.py").write_text(HANGS)
    corpus = write_text_corpus(tmp_path / "text", 300_000)
    measurer = Measurer(inquiry.launcher, corpus, Settings(effort="quick"))
    stuck = inquiry.open(find(f"{tmp_path}/hangs.py:subject"), {}, {})
    name = stuck.ref.name
    row, facts = measurer.throughput([stuck], (4, 32))[name]
    assert (row.tokens_per_s, facts.broke) == (None, True)
    assert row.reason == "it gave no first batch within 3 s"
    monkeypatch.setattr(measuring, "START_DEADLINE_S", 60.0)  # of which nothing is spent
    began = time.monotonic()
    assert measurer.throughput([stuck], (4, 64))[name][1].reason == row.reason
    memory = measurer.memory([stuck])[name]
    assert (memory.verdict, memory.reason) == ("not_measured", row.reason)
    assert time.monotonic() - began < 30


BREAKS = """
import pathlib

import torch

def subject(corpus, config):
    with (pathlib.Path(__file__).parent / "opened").open("a") as notes:
        notes.write(".")
    if len((pathlib.Path(__file__).parent / "opened").read_text()) > 4:
        raise OSError("no fifth time")
    x = torch.zeros(config.batch_size, config.seq_len, dtype=torch.int64)
    while True:
        yield x, x
"""


def test_each_round_has_a_process_of_its_own(inquiry, tmp_path, monkeypatch):
    corpus = write_text_corpus(tmp_path / "text", 300_000)
    measurer = Measurer(inquiry.launcher, corpus, Settings(effort="quick"))
    opened = [inquiry.open(find(name), {}, {}) for name in ("in_memory", "memmap_persistent")]

    def processes():
        return [(row.rounds, row.processes) for row, _ in measurer.throughput(opened, (4, 32)).values()]

    assert processes() == [(7, 7)] * 2
    monkeypatch.setattr(contender, "QUICK_START_S", 0.0)  # none starts as quickly as that
    assert processes() == [(7, 1)] * 2


def test_who_breaks_in_a_later_process_has_no_row(inquiry, tmp_path):
    (tmp_path / "breaks.py").write_text(BREAKS)
    corpus = write_text_corpus(tmp_path / "text", 300_000)
    measurer = Measurer(inquiry.launcher, corpus, Settings(effort="quick"))
    opened = inquiry.open(find(f"{tmp_path}/breaks.py:subject"), {}, {})
    ((row, facts),) = measurer.throughput([opened], (4, 32)).values()
    assert (row.tokens_per_s, row.processes, facts.broke) == (None, 0, True)
    assert row.reason == "stopped delivering after 3 rounds (the loader raised OSError: no fifth time)"


def test_a_cache_is_filled_before_anything_is_timed(inquiry, tmp_path):
    corpus = write_text_corpus(tmp_path / "text", 300_000)
    measurer = Measurer(inquiry.launcher, corpus, Settings(effort="quick"))
    names = ("conversation_deque[token_cache=true]", "conversation_deque", "in_memory")
    opened = [inquiry.open(find(name), {}, {}) for name in names]
    rows = {name: row for name, (row, _) in measurer.throughput(opened, (4, 32)).items()}
    cached, live, held = (rows[one.ref.name] for one in opened)
    assert cached.first_pass_s > 0 < held.first_pass_s
    assert live.first_pass_s is None
