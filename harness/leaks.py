"""Watching one subject's memory: how long, which stretch is judged, and what is asked when it leaks."""

from __future__ import annotations

import importlib.util
from typing import Any

import msgspec
import psutil

from ..reports.document import Memory, MemorySeries
from ..suites.counts import add_counts, judge_counts, suspects
from ..suites.floors import warm_up
from ..suites.memory import (
    CONFIRMED,
    LENGTHENED,
    SLOT_BYTES,
    confirm,
    judge_memory,
    turnover,
    wants_more,
)
from .answers import WAITING, Given, Named, Sampled, Stretch
from .children import Child
from .launch import Launcher

SHAPE = (8, 256)
EVERY = 10  # batches between two samples, at the beginning
MOST_A_STRETCH = 300  # samples, so that a long run is sampled more thinly
START_DEADLINE_S = 60.0  # until the first batch: a tokenizer or an index may be built
GRACE_S = 20.0  # a batch under way when the time is over
PAGE_BYTES = 4096.0  # nothing smaller shows in anonymous memory
NAMING_S = 20.0  # to find the line that leaks
SHARE = 2  # without a limit of its own a subject may take one part in so many of what is free


class Watch:
    """One child under watch, and all samples of it so far."""

    def __init__(self, child: Child, seconds: float) -> None:
        self.child, self.seconds = child, seconds
        self.series, self.buffered = MemorySeries(), list[int]()
        self.missing, self.reason, self.ended, self.late = "", "", "", False
        self.batches = 1  # asked for so far
        self._add(child.hear(START_DEADLINE_S))

    @property
    def taken(self) -> int:
        """Batches so far."""
        return self.series.batch[-1] if self.series.batch else 0

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return bool(self.ended or self.reason) or self.late

    def go_on(self, upto: int, every: int = 0) -> None:
        """Take batches until there were so many, or until it cannot go on."""
        if self.over or upto <= self.taken:
            return
        self.batches = upto
        every = every or max(EVERY, (upto - self.taken) // MOST_A_STRETCH)
        asked = msgspec.to_builtins(Stretch(upto, every, self.seconds))
        self._add(self.child.ask(asked, WAITING * self.seconds + GRACE_S))

    def _add(self, answer: Any) -> None:
        if answer is None:
            self.ended = f"it ended its process ({self.child.fate()})"
            return
        sampled = msgspec.convert(answer, Sampled)
        self.reason, self.ended, self.late = sampled.facts.reason, sampled.ended, sampled.late
        self.missing = sampled.missing
        for name in self.series.__struct_fields__:
            getattr(self.series, name).extend(getattr(sampled.series, name))
        self.buffered += sampled.buffered

    def end(self) -> int | None:
        """End it; file-backed bytes that went when their pages were given back."""
        answer = None if self.over and not self.late else self.child.ask("end", GRACE_S)
        self.child.stop()
        return msgspec.convert(answer, Given).given_back if answer is not None else None


class Judged:
    """The verdict on a watch as it goes on: the stretches that count, and what they show."""

    def __init__(self, watch: Watch, name: str) -> None:
        self.watch, self.name = watch, name
        self.split = 0  # where the stretch begins that has to confirm

    def bytes(self, after: int | None = None) -> Memory:
        """Live bytes, past ``after`` batches or past the warm-up."""
        watch, smallest = self.watch, PAGE_BYTES if self.watch.missing else SLOT_BYTES
        return judge_memory(watch.series, watch.buffered, *SHAPE, self.name, after, smallest)

    def first(self) -> tuple[int, int]:
        """The stretch that may raise a suspicion."""
        upto = self.split or self.watch.taken
        return warm_up(upto, turnover(self.watch.buffered, *SHAPE)), upto

    def counts(self) -> Any:
        """The other resources; confirmed where there is a stretch to confirm in."""
        watch = self.watch
        return judge_counts(watch.series, self.first(), (self.split or watch.taken, watch.taken))


def judge_watch(watch: Watch, name: str, batches: int) -> Memory:
    """The verdict on a subject: from ``batches`` at first, from more while they can tell more."""
    judged, length = Judged(watch, name), batches
    while True:
        watch.go_on(length)
        found = judged.bytes()
        suspected = found.verdict == "leak" or suspects(judged.counts())
        if suspected:
            judged.split = watch.taken
            watch.go_on(CONFIRMED * judged.split)
            if found.verdict == "leak":
                found = confirm(found, judged.bytes(after=judged.split))
            else:
                found = judged.bytes()
            sure = found.verdict == "leak" or any(one.verdict == "leak" for one in judged.counts())
            if sure or not wants_more(found):
                break
            length = watch.taken
        elif not wants_more(found):
            break
        if watch.over or 2 * length > LENGTHENED * batches:
            break
        length, judged.split = 2 * length, 0
    add_counts(found, judged.counts(), name)
    return found


def watch_memory(
    launcher: Launcher,
    arguments: dict[str, Any],
    name: str,
    batches: int,
    seconds: float,
    limit: int = 0,
    *,
    naming: bool = True,
) -> Memory:
    """Watch one subject in a child with an exact allocator, and judge what was seen.

    Args:
        launcher: starts the children.
        arguments: of the job: subject, config, corpus.
        name: of the subject, for the reason.
        batches: of the first run, which is lengthened where more can be told.
        seconds: of processor time, for all of it.
        limit: bytes the subject may take; 0 for a share of what is free.
        naming: whether a second child names the lines of a leak.
    """
    limit = limit or psutil.virtual_memory().available // SHARE
    child = launcher.exact.fork("memory", arguments, memory_limit=limit)
    try:
        watch = Watch(child, seconds)
        if watch.reason:
            return Memory(verdict="not_measured", reason=watch.reason)
        found = judge_watch(watch, name, batches)
        found.given_back_bytes = watch.end()
    finally:
        child.stop()
    if watch.missing:
        found.missing = watch.missing
        found.reason += f" (judged on anonymous memory: this system has no {watch.missing})"
    if found.verdict == "leak" and naming:
        name_lines(launcher, arguments, found)
    if watch.ended:
        _note_end(found, watch, limit)
    return found


def name_lines(
    launcher: Launcher, arguments: dict[str, Any], found: Memory, seconds: float = NAMING_S
) -> None:
    """Ask a second child which lines made what is kept, and put them into the verdict.

    Where they made no objects, a third one is asked for native memory, if memray is installed.
    """
    named = _named(launcher, {**arguments, "seconds": seconds})
    traced = importlib.util.find_spec("memray") is not None
    if not named.survivors and not named.reason and traced and found.bytes_per_batch:
        named = _named(launcher, {**arguments, "seconds": seconds, "native": True})
    found.survivors = named.survivors
    if named.survivors:
        found.where = named.survivors[0].where
    elif found.bytes_per_batch:
        untraced = "no line makes Python objects that are all kept: it is native memory, or slots"
        more = "" if traced else '; with `pip install "loadstone[memray]"` native memory is traced'
        found.reason += f" ({named.reason or untraced + more})"


def _named(launcher: Launcher, arguments: dict[str, Any]) -> Named:
    child = launcher.exact.fork("survivors", arguments)
    answer = child.hear(START_DEADLINE_S + WAITING * arguments["seconds"])
    child.stop()
    return msgspec.convert(answer, Named) if answer is not None else Named(reason=child.fate())


def _note_end(found: Memory, watch: Watch, limit: int) -> None:
    """A subject that broke while it was watched is not clean, whatever it showed until then."""
    if found.verdict == "clean":
        found.verdict = "undecided"
    allowed = f", with {limit / 2**20:,.0f} MiB allowed" if "memory" in watch.ended.lower() else ""
    found.reason = f"after {watch.taken:,} batches {watch.ended}{allowed}; {found.reason}"
