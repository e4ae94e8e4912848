"""Memory in huge pages: nothing in it changes, here and in what is forked; what cannot be done is left."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest
from loadstone.harness import huge_pages
from loadstone.harness.launch import Launcher


def by_itself() -> bool:
    try:
        return "[always]" in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(encoding="ascii")
    except OSError:
        return False


IN_A_PROCESS = """
import os, sys
import numpy as np
from loadstone.harness import huge_pages

def in_huge_pages():
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("AnonHugePages")) << 10

values = np.arange(1 << 21)  # 16 MiB
total = int(values.sum())
done = huge_pages.collapse()
seen = in_huge_pages()  # before the fork, after which a write takes one apart
assert int(values.sum()) == total
pid = os.fork()
if pid == 0:
    values[1000] += 1
    os._exit(int(values.sum()) != total + 1)
assert os.waitpid(pid, 0)[1] == 0
assert int(values.sum()) == total
print(done, seen)
"""


def test_the_memory_is_what_it_was_and_a_child_has_its_own() -> None:
    said = subprocess.run([sys.executable, "-c", IN_A_PROCESS], capture_output=True, text=True, check=True)
    told, seen = map(int, said.stdout.split())
    assert told <= seen  # 0 where the kernel cannot


def test_where_the_kernel_cannot_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        def madvise(self, *_: object) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Old())
    assert huge_pages.collapse() == 0
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())  # a system without the call
    assert huge_pages.collapse() == 0


def test_a_stack_that_is_hardly_touched_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = """
7f0000000000-7f0000800000 rw-p 00000000 00:00 0
Anonymous:            100 kB
7f1000000000-7f1000400000 rw-p 00000000 00:00 0
Anonymous:           4096 kB
7f2000000000-7f2000400000 r--p 00000000 00:00 0
Anonymous:           4096 kB
7f3000000000-7f3000400000 rw-p 00000000 08:01 77 /lib/libtorch.so
Anonymous:           4096 kB
7f4000000000-7f4000400000 rw-p 00000000 00:00 0 [heap]
Anonymous:           3000 kB
"""
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: lines.strip())
    assert [first for first, _ in huge_pages._filled()] == [0x7F1000000000, 0x7F4000000000]


@pytest.mark.skipif(by_itself(), reason="the kernel takes huge pages for all memory, whoever asks")
def test_who_counts_memory_exactly_is_left_as_it_is(launcher: Launcher) -> None:
    exact = launcher.exact
    list(exact.fork("devices", {"device": "cpu"}).frames(60.0))
    assert exact._zygote is not None
    rollup = Path(f"/proc/{exact._zygote.pid}/smaps_rollup").read_text(encoding="ascii")  # type: ignore[attr-defined]
    huge = [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("AnonHugePages")]
    assert huge == [0]
