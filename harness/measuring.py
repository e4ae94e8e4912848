"""Measuring subjects side by side: speed in interleaved slots, memory in fresh processes, transfer."""

from __future__ import annotations

import functools
import os
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ..loaders.corpus import Corpus
from ..reports.document import Memory, Throughput, Transfer
from ..suites.throughput import Facts, note_begin, row, unmeasured
from ..suites.transfer_cost import Copied, judge_transfer
from .answers import Begun
from .children import Child
from .contender import Racer, one_answer
from .inquiry import Opened, plain
from .jobs.limits import COPY, DECODE, TOKENISE
from .launch import Launcher
from .leaks import SHAPE as MEMORY_SHAPE
from .leaks import START_DEADLINE_S, watch_memory
from .pressure import roomy, under_limit
from .settings import Effort, Settings

TRANSFER_BATCHES = 50  # rounds, every way of sending in each
TRANSFER_DEADLINE_S = 120.0
T = TypeVar("T")
Tell = Callable[[str], None]


class Measurer:
    """Measures opened subjects on one corpus.

    ``effort`` is that of throughput, the settings' own unless given; ``workers`` are asked of every subject.
    """

    def __init__(
        self,
        launcher: Launcher,
        corpus: Corpus,
        settings: Settings,
        effort: Effort | None = None,
        workers: int = 0,
    ) -> None:
        self.launcher, self.corpus, self.settings = launcher, corpus, settings
        self.effort, self.workers = effort or settings.spent, workers
        self.hung: dict[str, str] = {}  # who let a deadline pass, and how: nobody waits for it again
        self.lock = threading.Lock()  # two subjects are watched at a time
        self.cpu = max(os.sched_getaffinity(0))

    def unreadable(self, opened: Opened) -> str:
        """Why this subject cannot be measured on this corpus; empty if it can be tried."""
        reads = opened.traits.reads
        there = self.corpus.reads()
        if reads is None or reads in there:
            return ""
        return f"reads {reads}; the data holds {', '.join(there) or 'nothing it knows'}"

    def barred(self, opened: Opened) -> str:
        """Why this subject is not measured: it hung before, or cannot read the data; empty if it is."""
        hung = self.hung.get(opened.ref.name)
        return f"it {hung}" if hung else self.unreadable(opened)

    def arguments(self, opened: Opened | None, batch_size: int, seq_len: int, **more: Any) -> dict[str, Any]:
        """What a measuring job is told."""
        config = {
            "batch_size": batch_size,
            "seq_len": seq_len,
            "seed": self.settings.seed,
            "device": self.settings.device,
            "num_workers": self.workers if opened else 0,
            "options": opened.described.options if opened else {},
        }
        return {
            "subject": plain(opened.ref) if opened else None,
            "config": config,
            "folder": str(self.corpus.folder),
            "manifest": plain(self.corpus.manifest),
            **more,
        }

    def throughput(
        self, subjects: Sequence[Opened], shape: tuple[int, int], tell: Tell = lambda _: None
    ) -> dict[str, tuple[Throughput, Facts]]:
        """The row of every subject at one shape, all of them measured in the same rounds."""
        found: dict[str, tuple[Throughput, Facts]] = {}
        contenders: dict[str, Racer] = {}
        begun: dict[str, tuple[Facts | None, Facts | None]] = {}
        for opened in subjects:
            name = opened.ref.name
            if not self.barred(opened):
                tell(f"{name}: first batch")
                begun[name] = self._begin(opened, shape, cold=True), self._begin(opened, shape, cold=False)
            if reason := self.barred(opened):
                found[name] = unmeasured(*shape, reason), Facts(reason=reason, broke=name in self.hung)
        for opened in subjects:
            if opened.ref.name not in found:
                contenders[opened.ref.name] = Racer(functools.partial(self._fork_speed, opened, shape))
        works = {
            opened.ref.name: work_of(opened.traits.reads, opened.described.options) for opened in subjects
        }
        kinds = {COPY, *(works[name] for name in contenders)} - {""}
        limits = {
            kind: Racer(functools.partial(self._fork_speed, None, shape, kind)) for kind in sorted(kinds)
        }
        try:
            self._rounds(list(contenders.values()), list(limits.values()), tell)
        except BaseException:  # interrupted: give no one time to end by itself
            self.launcher.abandon()
            raise
        finally:
            for contender in (*contenders.values(), *limits.values()):
                contender.stop()
        for name, contender in contenders.items():
            work = works[name], limits[works[name]].slots if works[name] else []
            one = row(*shape, contender.facts, contender.slots, limits[COPY].slots, work)
            one.processes = contender.processes if one.rounds else 0
            note_begin(one, *begun[name])
            found[name] = one, contender.facts
            if contender.late:
                self.hung[name] = contender.facts.reason
        return found

    def _begin(self, opened: Opened, shape: tuple[int, int], *, cold: bool) -> Facts | None:
        """Start-up and first batch while nothing else runs; cold only on data of our own."""
        if self.effort != self.settings.spent:  # a point of a curve: its start is of no interest
            return None
        if cold and (self.settings.data is not None or self.settings.effort == "quick"):
            return None
        if opened.ref.name in self.hung:
            return None
        child = self.launcher.fork("begin", self.arguments(opened, *shape, cold=cold))
        answer = one_answer(child, START_DEADLINE_S, Begun)
        if child.late:
            self.hung[opened.ref.name] = f"gave no first batch within {START_DEADLINE_S:g} s"
        return answer.facts if answer is not None and answer.facts and not answer.facts.reason else None

    def _fork_speed(self, opened: Opened | None, shape: tuple[int, int], limit: str = "") -> Child:
        told = opened.described.options if opened else {}
        working = int(told.get("workers", 0)) or (self.workers if opened else 0)
        cpu = -1 if working else self.cpu  # workers are there to use the other cores
        fixed = opened is not None and opened.traits.shape == "fixed"
        arguments = self.arguments(
            opened, *shape, cpu=cpu, limit=limit, fixed=fixed, first_pass=self._first_pass(opened)
        )
        return self.launcher.fork("speed", arguments, memory_limit=self.settings.memory_limit)

    def _first_pass(self, opened: Opened | None) -> int:
        """Tokens, at most, until a loader that holds the corpus holds it; 0 for others.

        One that fills a cache would be timed filling it, however few of its passes do.
        """
        if opened is None or opened.traits.holds != "corpus" or opened.traits.reads is None:
            return 0
        return self.corpus.nbytes(opened.traits.reads)  # no token is less than a byte

    def _rounds(self, contenders: list[Racer], limits: list[Racer], tell: Tell) -> None:
        """Slots in turn, in a new random order each round, so that drift hits all alike."""
        for limit in limits:
            limit.begin(START_DEADLINE_S)
        alive = [one for one in contenders if one.begin(START_DEADLINE_S)]
        order = random.Random(self.settings.seed)
        effort = self.effort
        for turn in range(effort.rounds):
            tell(f"round {turn + 1} of {effort.rounds}")
            taking = [*limits, *alive]
            order.shuffle(taking)
            for contender in taking:
                contender.slot(effort.slot_s, self.settings.deadline_s)
            alive = [one for one in alive if one.running]

    def memory(self, subjects: Sequence[Opened], tell: Tell = lambda _: None) -> dict[str, Memory]:
        """The verdict on every subject; two processes at a time, since nothing here is timed.

        Under a limit there is one at a time: a page that another one maps cannot be taken from memory.
        """

        def one(opened: Opened) -> Memory:
            tell(f"{opened.ref.name}: memory")
            return self._memory(opened)

        with ThreadPoolExecutor(max_workers=min(2, len(os.sched_getaffinity(0)))) as pool:
            futures = [pool.submit(one, opened) for opened in subjects]
            try:
                found = [future.result() for future in futures]
            except BaseException:  # interrupted: wait for no one
                pool.shutdown(wait=False, cancel_futures=True)
                self.launcher.abandon()
                raise
        for opened, memory in zip(subjects, found, strict=True):
            self._press(opened, memory, tell)
        return dict(zip((o.ref.name for o in subjects), found, strict=True))

    def _watched(self, opened: Opened) -> tuple[Corpus, dict[str, Any]]:
        """What memory is watched on, and what the job is told."""
        with self.lock:
            corpus = roomy(self.corpus) if self.settings.data is None else self.corpus
        return corpus, self.arguments(opened, *MEMORY_SHAPE) | {"manifest": plain(corpus.manifest)}

    def _press(self, opened: Opened, found: Memory, tell: Tell) -> None:
        """Add what becomes of it under the limit that was asked for, if one was."""
        limit = self.settings.memory_limit
        if not limit or (found.verdict == "not_measured" and "MemoryError" not in found.reason):
            return
        tell(f"{opened.ref.name}: under the memory limit")
        corpus, arguments = self._watched(opened)
        try:
            under_limit(self.launcher.exact, arguments, found, limit, corpus.folder)
        except BaseException:  # interrupted
            self.launcher.abandon()
            raise

    def _memory(self, opened: Opened) -> Memory:
        reason = self.barred(opened)
        if reason:
            return Memory(verdict="not_measured", reason=reason)
        effort, limit = self.settings.spent, self.settings.memory_limit
        _, arguments = self._watched(opened)
        return watch_memory(
            self.launcher, arguments, opened.ref.name, effort.memory_batches, effort.memory_s, limit
        )

    def transfer(self, opened: Opened, shape: tuple[int, int]) -> Transfer:
        """The copy of a batch to the device, or why it was not measured."""
        reason = self.barred(opened)
        arguments = self.arguments(opened, *shape, batches=TRANSFER_BATCHES, unreadable=reason)
        child = self.launcher.fork("transfer", arguments)
        copied = one_answer(child, TRANSFER_DEADLINE_S, Copied)
        if copied is None:
            return Transfer(verdict="not_measured", reason=f"the loader ended its process ({child.fate()})")
        return judge_transfer(copied, *shape)


def work_of(reads: str | None, options: Mapping[str, Any]) -> str:
    """What a loader of this kind of data cannot do without, beside copying; empty if nothing."""
    if reads == "conversations":
        return TOKENISE
    # Raw bytes are not decoded, and what text costs depends on the tokenizer.
    return DECODE if reads == "documents" and options.get("column", "auto") in ("auto", "tokens") else ""
