"""Subjects written as files, and the small scenario that tests of the harness put them through."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING, Any

from loadstone.harness.subjects import find
from loadstone.loaders.corpus_writer import CorpusSpec
from loadstone.suites.scenario import CorpusRef, Scenario

if TYPE_CHECKING:
    from pathlib import Path

    from loadstone.harness.inquiry import Inquiry
    from loadstone.harness.subjects import SubjectRef
    from loadstone.suites.trace import Trace

B, T = 2, 4
PREAMBLE = """
import ctypes, os, random, signal, subprocess, sys, threading, time
import numpy as np, torch

def batches(corpus, config, count=10**9):
    '''Sequential windows of the training tokens, over and over: a loader that is right.'''
    tokens = np.fromfile(corpus.token_file("train"), corpus.token_dtype).astype(np.int64)
    size = config.batch_size * config.seq_len
    for start in range(0, count * size, size):
        rows = np.resize(np.roll(tokens, -start), size + 1)
        shape = (config.batch_size, config.seq_len)
        yield torch.from_numpy(rows[:-1].reshape(shape)), torch.from_numpy(rows[1:].reshape(shape).copy())
"""
GOOD = "def subject(corpus, config):\n    return batches(corpus, config)\n"


def write(folder: Path, code: str, name: str = "subject.py") -> SubjectRef:
    """A subject whose factory ``subject`` is made of this code, after the preamble."""
    (folder / name).write_text(PREAMBLE + textwrap.dedent(code), encoding="utf-8")
    return find(f"{folder / name}:subject")


def generator(folder: Path, body: str, name: str = "subject.py") -> SubjectRef:
    """A subject that gives two right batches and then does this."""
    head = "def subject(corpus, config):\n    yield from batches(corpus, config, 2)\n"
    return write(folder, head + textwrap.indent(textwrap.dedent(body), "    "), name)


def scenario(**changes: Any) -> Scenario:
    """Eight batches of a corpus of two hundred tokens."""
    spec = dataclasses.asdict(CorpusSpec(documents=(200,)))
    plain: dict[str, Any] = {"config": {"batch_size": B, "seq_len": T}, "batches": 8}
    return Scenario(name="pass", corpus=CorpusRef(spec=spec), **{**plain, **changes})


def record(inquiry: Inquiry, ref: SubjectRef, **changes: Any) -> Trace:
    """What the subject did in that scenario."""
    return inquiry.record(ref, scenario(**changes))
