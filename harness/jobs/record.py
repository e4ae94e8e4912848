"""Do what a scenario says with a subject and send what happens, batch by batch."""

from __future__ import annotations

import gc
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import torch

from ...loaders.batch import Batch, NotABatch, normalise
from ...loaders.contract import LoaderConfig, spec_of
from ...loaders.corpus import Corpus
from ...suites.scenario import Scenario
from ...suites.trace import Changed, End, Note, Recorded
from ..subjects import SubjectRef, open_factory
from ..wire import Channel
from .generators import disturb, global_states
from .plain import describe, fingerprint
from .probes import probe
from .states import States
from .transferring import transfer


def work(
    channel: Channel, subject: dict[str, Any], scenario: dict[str, Any], corpus: str, state: str = ""
) -> None:
    """Record one scenario; everything a subject raises becomes an :class:`End`."""
    ref, plan = msgspec.convert(subject, SubjectRef), msgspec.convert(scenario, Scenario)
    if plan.schedule:
        transfer(channel, ref, plan, corpus)
        return
    config = LoaderConfig(**plan.config)
    factory = open_factory(ref)
    source = Corpus.open(corpus)
    before = global_states()
    try:
        began = time.perf_counter()
        loader = factory(source, config)
        channel.send(Note("startup_s", time.perf_counter() - began))
    except BaseException as error:  # noqa: BLE001 - a subject may raise anything, SystemExit too
        channel.send(_failed(error, 0, "factory"))
        return
    recorder = Recorder(channel, plan, config, loader, before)
    recorder.again, recorder.vocab_size = (lambda: factory(source, config)), source.vocab_size
    recorder.buffered = spec_of(factory).traits.buffered
    del loader  # the recorder alone holds it, so that dropping it there drops it
    recorder.facts()
    if plan.index:
        recorder.by_index()
    elif plan.probe:
        probe(plan.probe, recorder)
    else:
        recorder.play(Path(state).read_bytes() if state else b"")


def _failed(error: BaseException, run: int, where: str) -> End:
    lines = traceback.format_exception(error)
    return End(
        run=run,
        how="error",
        error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
        traceback="".join(lines)[-3000:],
        where=where,
    )


class Recorder:
    """Iterates as a consumer would, holding some batches and looking at them again."""

    def __init__(
        self, channel: Channel, plan: Scenario, config: LoaderConfig, loader: Iterable[Any], before: Any
    ) -> None:
        self.channel, self.plan, self.config, self.loader = channel, plan, config, loader
        self.again: Callable[[], Iterable[Any]] = tuple
        self.vocab_size = 0
        self.buffered: Callable[[Any], int] | None = None
        self.globals = before
        self.count = 0
        self.saver = States(channel, loader)
        self.held: deque[tuple[int, dict[str, tuple[torch.Tensor, torch.Tensor]]]] = deque()

    def facts(self) -> None:
        """What can be asked of the iterable before it starts."""
        has = [n for n in ("state_dict", "load_state_dict", "set_epoch", "close", "stats", "__getitem__")
               if hasattr(self.loader, n)]  # fmt: skip
        self.channel.send(Note("methods", has))
        try:
            self.channel.send(Note("length", len(self.loader)))  # type: ignore[arg-type]
        except TypeError:
            self.channel.send(Note("length", None))
        except Exception as error:  # noqa: BLE001 - a length that raises is an answer too
            self.channel.send(Note("length", f"{type(error).__name__}: {error}"))

    def play(self, state: bytes) -> None:
        """All iterations, from a state if there is one, with all that the plan adds to them."""
        if state and self.plan.load == "before" and not self._load(state):
            return
        for run in range(self.plan.runs):
            epoch = self.plan.epochs[run] if run < len(self.plan.epochs) else -1
            if epoch >= 0 and hasattr(self.loader, "set_epoch"):
                self.loader.set_epoch(epoch)
            if not run:
                self._save(0, run, ended=False)
            if not self.iterate(run, state if self.plan.load == "late" and not run else b""):
                return
        self.saver.watch()
        self.stats()
        if self.plan.close:
            self._close()

    def iterate(self, run: int, state: bytes = b"") -> bool:
        """One iteration over the loader; False if it broke."""
        try:
            items = iter(self.loader)
        except BaseException as error:  # noqa: BLE001
            self.channel.send(_failed(error, run, "iter"))
            return False
        if state:
            next(items)  # late: the consumer had begun before it loaded
            if not self._load(state):
                return False
            items = iter(self.loader)
        for taken in range(self.plan.batches):
            if self.plan.leave and taken == self.plan.leave:
                break
            began = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                self._save(self.count, run, ended=True)
                self.channel.send(End(run, "stop"))
                return True
            except BaseException as error:  # noqa: BLE001
                self.channel.send(_failed(error, run, "next"))
                return False
            self.take(item, run, time.perf_counter() - began)
            del item
            if self.plan.pause:
                time.sleep(self.plan.pause)
            if not self.plan.leave:
                self._save(self.count, run, ended=False)
        if self.plan.leave:
            del items  # breaking off closes a generator
            self._save(self.count, run, ended=False)
        self.channel.send(End(run, "limit"))
        return True

    def _save(self, at: int, run: int, *, ended: bool) -> None:
        asked = at in self.plan.saves or (ended and self.plan.saves)
        if asked and hasattr(self.loader, "state_dict"):
            self.saver.save(at, run, ended)

    def _load(self, state: bytes) -> bool:
        try:
            self.saver.load(state)
        except BaseException as error:  # noqa: BLE001
            self.channel.send(_failed(error, 0, "load_state_dict"))
            return False
        return True

    def _close(self) -> None:
        """Close the loader, drop it, and look at the held batches once more."""
        close = getattr(self.loader, "close", None)
        try:
            if callable(close):
                close()
        except BaseException as error:  # noqa: BLE001
            self.channel.send(_failed(error, 0, "close"))
            return
        self.loader = self.saver.loader = []
        del close
        gc.collect()
        self._look_again()
        self.channel.send(Note("closed", True))

    def by_index(self) -> None:
        """Ask for ``loader[i]`` for each index of the plan."""
        for index in self.plan.index:
            try:
                item = self.loader[index]  # type: ignore[index]
            except BaseException as error:  # noqa: BLE001
                self.channel.send(_failed(error, 0, f"loader[{index}]"))
                return
            self.channel.send(Note(f"item {index} #{self.count}", fingerprint(item)))
            self.count += 1
        self.channel.send(End(0, "stop"))

    def take(self, item: Any, run: int, seconds: float) -> None:
        """Record one item, then look again at those still held."""
        recorded = Recorded(self.count, run, seconds=seconds)
        batch = None
        try:
            batch = normalise(item, self.config.seq_len)
            describe(batch, item, recorded)
        except NotABatch as error:
            recorded.problem = str(error)
        except Exception as error:  # noqa: BLE001 - an array of a strange kind, a mapping that raises
            batch, recorded.problem = None, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        self.channel.send(recorded)
        if self.config.num_workers and not self.count:
            self.channel.send(Note("worker_processes", len(psutil.Process().children(recursive=True))))
        self._global_draws()
        if batch is not None:
            self._hold(batch)
        self.count += 1

    def _hold(self, batch: Batch) -> None:
        """Keep this batch, and say of each one kept whether it still holds what it held."""
        self._look_again()
        if self.plan.mutate:
            self._overwrite(batch)
        fields = {n: (t, t.clone()) for n, t in (("x", batch.x), ("y", batch.y)) if t is not None}
        self.held.append((self.count, fields))
        while len(self.held) > self.plan.hold:
            self.held.popleft()

    def _overwrite(self, batch: Batch) -> None:
        try:
            for part in (batch.x, batch.y, batch.mask, batch.input_mask):
                if part is not None:
                    part.fill_(1)
        except RuntimeError as error:
            self.channel.send(Note("unwritable", str(error)[:300]))

    def _look_again(self) -> None:
        for index, fields in self.held:
            for name, (tensor, copy) in list(fields.items()):
                if torch.equal(tensor, copy):  # asked of every batch, so what is usual comes first
                    continue
                differs = int((tensor != copy).sum()) if tensor.shape == copy.shape else tensor.numel()
                self.channel.send(Changed(index, name, self.count - index, differs, copy.numel()))
                del fields[name]

    def _global_draws(self) -> None:
        """Note once which global generators the loader moved; then disturb them, if so planned."""
        if self.globals is not None:
            now = global_states()
            moved = [name for name, state in now.items() if state != self.globals[name]]
            if moved or self.count >= 4:
                self.channel.send(Note("global_generators_moved", moved))
                self.globals = None
        if self.plan.draws:
            disturb()

    def stats(self) -> None:
        """The loader's own account of itself, where it keeps one."""
        report = getattr(self.loader, "stats", None)
        if callable(report):
            try:
                self.channel.send(Note("stats", dict(report())))
            except Exception as error:  # noqa: BLE001
                self.channel.send(Note("stats_error", f"{type(error).__name__}: {error}"))
