"""Sampling a loader's live memory for the checks, on a small corpus, in a process that counts exactly."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ...suites.living import EVERY
from ...suites.trace import Note
from ..answers import Stretch
from . import gauges
from .memory import Sampler, Taking
from .opening import forever

if TYPE_CHECKING:
    from .record import Recorder

LONG_S = 60.0  # of processor time; a scenario has a deadline of its own
PEAK_EVERY = 1


def living(recorder: Recorder) -> str:
    """Samples over the planned batches, pass after pass, as the memory measurement takes them."""
    items = iter(recorder.loader)
    next(items, None)
    sampler = Sampler(recorder.loader, recorder.buffered)
    gc.collect()
    gc.freeze()
    sampler.take(1)
    taking = Taking(forever(recorder.loader, items), sampler)
    ended, _ = taking.stretch(Stretch(recorder.plan.batches, EVERY, LONG_S))
    sampled = sampler.message(None)  # type: ignore[arg-type]
    told = msgspec.to_builtins(sampled.series) | {"buffered": sampled.buffered}
    recorder.channel.send(Note("living", told))
    return ended


def peak(recorder: Recorder) -> str:
    """The highest live memory of one pass, declared buffers and Arrow's pool in it."""
    gc.collect()
    highest = gauges.live_bytes()
    for _, _item in zip(range(recorder.plan.batches), recorder.loader, strict=False):
        highest = max(highest, gauges.live_bytes())
    recorder.channel.send(Note("peak", highest))
    return ""


def workers(recorder: Recorder) -> str:
    """Memory of the worker processes over one pass: made their own, anonymous, and proportional."""
    table: dict[str, list[int]] = {"batch": [], "private_dirty": [], "anonymous": [], "pss": []}
    count = 0
    for number, _ in zip(range(recorder.plan.batches), recorder.loader, strict=False):
        if number % EVERY == 0:
            below = gauges.descendants()
            found = [_rollup(pid) for pid in below]
            count = max(count, len(below))
            for name in ("private_dirty", "anonymous", "pss"):
                table[name].append(sum(one.get(name, 0) for one in found))
            table["pss"][-1] += _rollup("self").get("pss", 0)
            table["batch"].append(number + 1)
    recorder.channel.send(Note("workers", {**table, "count": count}))
    return ""


_FIELDS = {"Private_Dirty": "private_dirty", "Anonymous": "anonymous", "Pss": "pss"}


def _rollup(pid: int | str) -> dict[str, int]:
    """Bytes of a process by kind; empty once it has ended."""
    found: dict[str, int] = {}
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines[1:]:
        name, _, rest = line.partition(":")
        if name in _FIELDS:
            found[_FIELDS[name]] = int(rest.split()[0]) * 1024
    return found


TRIALS: dict[str, Any] = {"living": living, "peak": peak, "workers": workers}
