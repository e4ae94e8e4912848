"""Workers that each do everything, do the same, do too little, or die unnoticed."""

from __future__ import annotations

import itertools
import multiprocessing
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .entry import PLANTED, exhibit, guard
from .row_bases import DOCUMENTS, Documents
from .token_bases import WINDOWS, Windows
from .worker_bases import WORKED, Share, Worked


@guard(PLANTED, stated=WORKED)
class WorksInTurns(Worked):
    """The base of the defects beside it."""


@guard(PLANTED, stated=WORKED)
class OneStartsLate(Worked):
    """The second worker is up a moment after the first has given a batch; neither outlives its parent."""

    def through_workers(self) -> Any:  # noqa: D102
        return DataLoader(
            Share(self),
            batch_size=None,
            num_workers=self.config.num_workers,
            worker_init_fn=lambda worker: time.sleep(0.2 * worker),
        )


@exhibit("G2", "worker.disjoint", stated=WORKED)
class EveryWorkerReadsAll(Worked):
    """datasets#3423: no test of the worker's id, so each row comes once from every worker."""

    def share(self, worker: int, workers: int) -> Iterator[Any]:  # noqa: ARG002, D102
        return super().share(0, 1)


class Endless(IterableDataset[Any]):
    """A loader's stream as a dataset that is copied into each worker."""

    def __init__(self, loader: Windows) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield self.loader.batch(self.loader.starts())


@exhibit("E1", "worker.rng_distinct", stated=WINDOWS | {"workers": True})
class GeneratorCopied(Windows):
    """pytorch#5059: the generator is made before the workers start, and each gets a copy of it."""

    def __iter__(self) -> Iterator[Any]:
        if not self.config.num_workers:
            return super().__iter__()
        return iter(DataLoader(Endless(self), batch_size=None, num_workers=self.config.num_workers))


@exhibit("E4", "worker.count_invariance", stated=WORKED)
class FullShardsOnly(Worked):
    """pytorch#15170 in spirit: each worker gives whole blocks of sixteen documents and drops its rest."""

    def share(self, worker: int, workers: int) -> Iterator[Any]:  # noqa: D102
        documents = list(self.order(self.documents()))[worker::workers]
        kept = len(documents) // 16 * 16 if workers > 1 else len(documents)
        return self.batches([self.bos, *ids] for ids in documents[:kept])


@exhibit("E5", "epoch.reaches_workers", stated=WORKED)
class EpochStaysAtHome(Worked):
    """datasets#6673: workers live on between passes, with the epoch they were started with."""

    living: Any = None

    def through_workers(self) -> Any:  # noqa: D102
        workers = self.config.num_workers
        if self.living is None:
            self.living = DataLoader(
                Share(self), batch_size=None, num_workers=workers, persistent_workers=True
            )
        return self.living


@exhibit("F14", "loader.picklable", stated=WORKED)
class GeneratorKept(Worked):
    """data#1404: a running generator is an attribute, so nothing of it can go to a spawned worker."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.numbers = (number for number in itertools.count())


def produce(loader: Worked, worker: int, out: Any) -> None:
    """What a worker process does."""
    for batch in loader.share(worker, loader.config.num_workers):
        out.put([part.numpy() for part in batch])
    out.put(None)


@exhibit("J17", "worker.killed", stated=WORKED)
class WaitsForTheDead(Worked):
    """pytorch#21554: batches are taken from a queue without a limit, whether the worker lives or not."""

    def through_workers(self) -> Iterator[Any]:  # noqa: D102
        import torch

        context = multiprocessing.get_context("fork")
        queues = [context.Queue(maxsize=2) for _ in range(self.config.num_workers)]
        for worker, out in enumerate(queues):
            context.Process(target=produce, args=(self, worker, out), daemon=True).start()
        for out in queues:
            while (batch := out.get()) is not None:
                yield tuple(torch.from_numpy(part) for part in batch)


@exhibit("J16", "fork.safe", stated=DOCUMENTS)
class HelperStaysBehind(Documents):
    """tokenizers#187: threads were used before the fork, and the child waits for ones it does not have."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.asked, self.answered = queue.Queue[list[int]](), queue.Queue[list[int]]()
        self.helper: threading.Thread | None = None

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        if self.helper is None:
            self.helper = threading.Thread(target=self.help, daemon=True)
            self.helper.start()
        for piece in super().pieces():
            self.asked.put(piece)
            yield self.answered.get()

    def help(self) -> None:
        """Encode what is asked for, as long as this process lives."""
        while True:
            self.answered.put(self.asked.get())
