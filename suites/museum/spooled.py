"""Workers that share files in one folder: who may delete them, and when?"""

from __future__ import annotations

import multiprocessing
import os
import queue
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .entry import exhibit, guard
from .worker_bases import WORKED, Worked

SPOOLS = 3  # files of a pass; each holds more batches than a worker can be ahead while nobody is late
PATIENCE_S = 0.1  # for the worker whose turn it is
MOMENT_S = 0.001  # for one that was late before
HELD = 2  # batches a worker makes before one is taken
Line = tuple[BaseProcess, Any]  # a worker and the queue of its batches


class Spool:
    """Documents in files of a folder that several workers read, and who is still reading."""

    def __init__(self, folder: Path, documents: list[list[int]], workers: int) -> None:
        self.folder, self.workers = folder, workers
        context = multiprocessing.get_context("fork")
        self.begun, self.ended = context.Array("i", SPOOLS), context.Array("i", SPOOLS)
        for number in range(SPOOLS):
            part = documents[number * len(documents) // SPOOLS : (number + 1) * len(documents) // SPOOLS]
            np.savez(self.path(number), *map(np.array, part))

    def path(self, number: int) -> Path:
        """Where a file lies."""
        return self.folder / f"{number}.npz"

    def read(self, worker: int) -> Iterator[list[int]]:
        """The documents of one worker; a file that nobody needs any more is deleted."""
        for number in range(SPOOLS):
            with self.begun.get_lock():
                self.begun[number] += 1
            with np.load(self.path(number)) as parts:
                yield from (parts[name].tolist() for name in parts.files[worker :: self.workers])
            with self.ended.get_lock():
                self.ended[number] += 1
                if self.ended[number] == self.users(number):
                    self.path(number).unlink()

    def users(self, number: int) -> int:  # noqa: ARG002
        """How many workers have to be done with a file before it may go."""
        return self.workers


class LazySpool(Spool):
    """A worker counts from when it opens a file."""

    def users(self, number: int) -> int:  # noqa: D102
        return int(self.begun[number])


def produce(loader: Spooled, spool: Spool, worker: int, out: Any) -> None:
    """What a worker process does."""
    parent = os.getppid()
    out.cancel_join_thread()  # an end need not wait until somebody reads what is left
    try:
        for batch in loader.batches([loader.bos, *ids] for ids in spool.read(worker)):
            hand_over(out, [part.numpy() for part in batch], parent)
        hand_over(out, None, parent)
    except OSError as error:
        hand_over(out, error, parent)
    while os.getppid() == parent:  # what was put last is still on its way; the parent ends this process
        time.sleep(PATIENCE_S)


def hand_over(out: Any, item: Any, parent: int) -> None:
    """Put it once there is room; end with the parent, which takes nothing more when it was killed."""
    while True:
        try:
            out.put(item, timeout=PATIENCE_S)
        except queue.Full:
            if os.getppid() != parent:
                raise SystemExit(1) from None
        else:
            return


class Spooled(Worked):
    """Batches from the workers in turn; of one that is late the turn passes to the next."""

    spool: type[Spool] = Spool

    def through_workers(self) -> Iterator[Any]:
        """The batches of all workers."""
        context, workers = multiprocessing.get_context("fork"), self.config.num_workers
        with tempfile.TemporaryDirectory() as folder:
            spool = self.spool(Path(folder), list(self.order(self.documents())), workers)
            lines: list[Line] = []
            for worker in range(workers):
                out = context.Queue(maxsize=HELD)
                process = context.Process(target=produce, args=(self, spool, worker, out), daemon=True)
                process.start()
                lines.append((process, out))
            try:
                yield from self.in_turn(lines)
            finally:
                for started, _ in lines:
                    started.kill()
                    started.join()

    def in_turn(self, lines: list[Line]) -> Iterator[Any]:
        """What comes, until every worker has said that it is done."""
        late: set[int | None] = set()
        while lines:
            for line in list(lines):
                process, out = line
                try:
                    item = out.get(timeout=MOMENT_S if process.pid in late else PATIENCE_S)
                except queue.Empty:
                    if not process.is_alive():
                        raise RuntimeError(f"worker {process.pid} died") from None
                    late.add(process.pid)
                    continue
                late.discard(process.pid)
                if isinstance(item, OSError):
                    raise item
                if item is None:
                    lines.remove(line)
                else:
                    yield tuple(torch.from_numpy(part) for part in item)


@guard("G11", stated=WORKED)
class DeletedWhenAllAreDone(Spooled):
    """A shared file goes when every worker is done with it; a late worker's batches come late."""


@exhibit("G11", "worker.skewed", stated=WORKED)
class DeletedByTheFast(Spooled):
    """litData f4a963a: only workers that have opened a shared file count, and a slow one finds it gone."""

    spool = LazySpool
