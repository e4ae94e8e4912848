"""Name the lines whose objects outlive their batch: take batches in generations, tracing what is made.

Only a loader that leaks is asked, in a child of its own, since tracing moves the heap by itself. Objects of
Python are traced by ``tracemalloc``; where none are kept, native allocations by memray, if it is installed.
"""

from __future__ import annotations

import collections
import gc
import inspect
import sys
import sysconfig
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ...loaders.contract import spec_of
from ...reports.document import Survivor
from ...suites.attribution import COOL_DOWN, GENERATIONS, survivors
from ..answers import Named
from ..subjects import SubjectRef, open_factory
from ..wire import Channel
from .holders import Frames, holder
from .native import Made, Native
from .opening import first_batch, open_loader

FRAMES = 12  # of a stack: a loader that calls deeper than that is not seen
PACED = 5  # batches whose time says how many can be afforded
LONGEST, SHORTEST = 100, 8  # batches in a generation; many small objects make them short
SETTLING = 300  # batches before, untraced, or fewer in a third of the time
_OURS = "<generation "


class Tracing(Protocol):
    """Something that remembers from where memory was taken."""

    def start(self) -> None:
        """Begin to remember."""

    def made(self) -> Iterator[Made]:
        """What was taken since and is still there; the tracing ends."""


class Objects:
    """Objects of Python, by ``tracemalloc``."""

    def start(self) -> None:
        """Begin to remember."""
        tracemalloc.start(FRAMES)

    def made(self) -> Iterator[Made]:
        """Every object by itself."""
        # A snapshot takes ten times as long.
        traces: list[Any] = tracemalloc._get_traces()  # type: ignore[attr-defined]
        return (Made(trace[2], 1, trace[1]) for trace in traces)


def work(
    channel: Channel,
    subject: dict[str, Any],
    config: dict[str, Any],
    folder: str,
    manifest: dict[str, Any],
    seconds: float,
    *,
    native: bool = False,
) -> None:
    """Send one :class:`Named`, within about ``seconds``; ``native``: of all memory, by memray."""
    import torch

    torch.set_num_threads(1)
    gc.unfreeze()  # what holds a leak may be in a module that was there before
    began = time.monotonic()
    loader, facts = open_loader(subject, config, folder, manifest)
    begun, item = first_batch(loader, facts)
    if loader is None or begun is None:
        channel.send(Named(reason=facts.reason))
        return
    del item
    factory = spec_of(open_factory(msgspec.convert(subject, SubjectRef))).factory
    taking = Taking(loader, begun)
    generations = Generations(taking.next, own_files(factory), Native(FRAMES) if native else Objects())
    try:
        batches = generations.settle(began, seconds)
        generations.run(batches)
    except BaseException as error:  # noqa: BLE001 - a subject may raise anything
        channel.send(Named(reason=f"the loader raised {type(error).__name__} while its objects were traced"))
        return
    channel.send(Named(generations.named(batches), seconds=time.monotonic() - began))


class Taking:
    """The next batch, over passes; no more frames than the loader's own stand between it and us."""

    def __init__(self, loader: Iterable[Any], items: Iterator[Any]) -> None:
        self.loader, self.items = loader, items

    def next(self) -> None:
        """Take one and drop it."""
        if next(self.items, self) is self:
            self.items = iter(self.loader)
            next(self.items)


class Generations:
    """Batches in generations, each taken by a function whose file name tells its number."""

    def __init__(self, take: Callable[[], None], own: tuple[str, ...], tracing: Tracing) -> None:
        self.take, self.own, self.tracing = take, own, tracing

    def settle(self, began: float, seconds: float) -> int:
        """Let start-up pass, then start tracing; how many batches a generation can have."""
        for _ in range(SETTLING):
            self.take()
            if time.monotonic() - began > seconds / 3:
                break
        gc.collect()
        self.tracing.start()
        paced = time.monotonic()
        for _ in range(PACED):
            self.take()
        pace = (time.monotonic() - paced) / PACED
        left = seconds - (time.monotonic() - began)
        affordable = int(0.7 * left / pace / (1 + GENERATIONS + COOL_DOWN))
        return max(SHORTEST, min(LONGEST, affordable))

    def run(self, batches: int) -> None:
        """Take all generations."""
        code = "def run(take, batches):\n    for _ in range(batches):\n        take()\n"
        for number in range(1 + GENERATIONS + COOL_DOWN):
            names: dict[str, Any] = {}
            exec(compile(code, f"{_OURS}{number}>", "exec"), names)
            names["run"](self.take, batches)
        gc.collect()

    def named(self, batches: int) -> list[Survivor]:
        """The lines that leak, and what holds the objects of the first of them."""
        counts: dict[str, list[int]] = collections.defaultdict(lambda: [0] * (1 + GENERATIONS + COOL_DOWN))
        sizes: collections.Counter[str] = collections.Counter()
        by: dict[str, str] = {}
        for made in self.tracing.made():
            born = next((name for name, _ in made.frames if name.startswith(_OURS)), "")
            if born:
                where = self.where(made.frames)
                counts[where][int(born.removeprefix(_OURS).rstrip(">"))] += made.number
                sizes[where] += made.size
                by[where] = made.by
        found = survivors({where: (ages, sizes[where]) for where, ages in counts.items()}, batches)
        for one in found:
            one.made_by = by[one.where]
        for one in found[:1]:
            one.held_by = "" if one.made_by else holder(one.where, self.where)
        return found

    def where(self, frames: Frames) -> str:
        """The innermost line of the loader's own files; else of no library; else the innermost."""
        ours = [(name, line) for name, line in frames if not name.startswith(_OURS) and name != __file__]
        own = (one for one in ours if one[0].startswith(self.own))
        strange = (one for one in ours if not one[0].startswith(_LIBRARIES))
        name, line = next(own, None) or next(strange, None) or next(iter(ours), ("?", 0))
        return f"{name}:{line}"


def own_files(factory: Any) -> tuple[str, ...]:
    """Where the loader's own files lie: its package, or its file where it is of no package."""
    try:
        path = Path(inspect.getfile(inspect.unwrap(factory)))
    except TypeError:
        return ()
    package = str(getattr(factory, "__module__", "")).partition(".")[0]
    top = getattr(sys.modules.get(package), "__file__", None)
    if top and Path(top).name == "__init__.py" and package != __name__.partition(".")[0]:
        return (str(Path(top).parent),)
    return (str(path.parent),) if package == __name__.partition(".")[0] else (str(path),)


_LIBRARIES = (*{sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}, "<")
