"""Loaders that keep what they should let go, themselves or in their workers; and those that only look so."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .entry import PLANTED, exhibit, guard
from .row_bases import DOCUMENTS, Documents
from .token_bases import SEQUENTIAL, WINDOWS, Ints, Pair, Sequential, Windows

KEPT: list[Any] = []  # what outlives every loader
HELD = {"holds": "buffer"}


@exhibit(PLANTED, "mem.slope", stated=WINDOWS)
class StepsLogged(Windows):
    """Where each batch came from is noted in a list, for debugging, that nobody ever clears."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.log: list[tuple[int, ...]] = []

    def batch(self, starts: Ints) -> Any:  # noqa: D102
        self.log.append(tuple(starts.tolist()))
        return super().batch(starts)


@exhibit(PLANTED, "mem.slope", stated=WINDOWS)
class CacheWithoutBounds(Windows):
    """Batches are cached by their starts, which hardly ever come again."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.cache: dict[tuple[int, ...], Any] = {}

    def batch(self, starts: Ints) -> Any:  # noqa: D102
        key = tuple(starts.tolist())
        if key not in self.cache:
            self.cache[key] = super().batch(starts)
        x, y = self.cache[key]
        return x.clone(), y.clone()


@guard(PLANTED, stated=WINDOWS)
class RowsCached(Windows):
    """The last 500 rows are cached: memory rises until the cache is full, and no further."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.cached = functools.lru_cache(maxsize=500)(self.plain_row)

    def plain_row(self, start: int, length: int) -> torch.Tensor:
        """What is cached."""
        return super().row(start, length)

    def row(self, start: int, length: int) -> torch.Tensor:  # noqa: D102
        return self.cached(start, length)


@guard(PLANTED, stated=WINDOWS)
class LogClearedNowAndThen(Windows):
    """A list grows for a hundred batches and is cleared: a sawtooth is no leak."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.log: list[bytes] = []

    def batch(self, starts: Ints) -> Any:  # noqa: D102
        self.log.append(bytes(1024))
        if len(self.log) == 100:
            self.log.clear()
        return super().batch(starts)


@exhibit(PLANTED, "mem.bounded", stated=SEQUENTIAL | HELD)
class WholeFileHeld(Sequential):
    """Stated as holding no more than a buffer, it reads the whole file, eight bytes a token."""

    def open(self) -> Any:  # noqa: D102
        return super().open().astype(np.int64)


@guard(PLANTED, stated=SEQUENTIAL | HELD)
class OnlyMapped(Sequential):
    """A mapped file grows resident memory by its pages, which are not the loader's own."""


class Tables(Documents):
    """Documents read through Arrow, each table held while it is used."""

    def documents(self) -> Any:  # noqa: D102
        return [ids for table in self.tables() for ids in table["tokens"].to_pylist()]

    def tables(self) -> Iterator[Any]:
        """The table of each file."""
        return (pq.read_table(path) for path in self.files())


@exhibit(PLANTED, "mem.arrow_pool", stated=DOCUMENTS)
class TablesRegistered(Tables):
    """Each table is entered in a registry of the module, which never forgets one."""

    def tables(self) -> Iterator[Any]:  # noqa: D102
        for table in super().tables():
            KEPT.append(table)
            yield table


@guard(PLANTED, stated=DOCUMENTS)
class TablesLetGo(Tables):
    """The same without a registry."""


class Shares(IterableDataset[Any]):
    """Batches of one loader, in turns by worker."""

    def __init__(self, loader: WorkedInTurns) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if info else (0, 1)
        for number, batch in enumerate(self.loader.alone()):
            if number % step == first:
                yield self.loader.seen(batch)


class WorkedInTurns(Sequential):
    """Each worker cuts every W-th batch."""

    def alone(self) -> Iterator[Pair]:
        """All batches, without workers."""
        return super().__iter__()

    def seen(self, batch: Pair) -> Pair:
        """What a worker does with a batch before it gives it away."""
        return batch

    def __iter__(self) -> Iterator[Any]:
        if not self.config.num_workers:
            return self.alone()
        return iter(DataLoader(Shares(self), batch_size=None, num_workers=self.config.num_workers))


@exhibit(PLANTED, "mem.pss", stated=SEQUENTIAL | {"workers": True})
class WorkersKeep(WorkedInTurns):
    """Each worker keeps what it has given: the process that is watched does not grow, its workers do."""

    def seen(self, batch: Pair) -> Pair:  # noqa: D102
        if get_worker_info():
            KEPT.append(bytearray(os.urandom(64)) * 512)
        return batch


@guard("J1", stated=SEQUENTIAL | {"workers": True}, source="https://github.com/pytorch/pytorch/issues/13246")
class ListCopiedOnWrite(WorkedInTurns):
    """pytorch#13246: a list of objects that workers inherit is copied page by page as it is read."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.names = [f"window {n}" for n in range(100_000)] if config.num_workers else []
        self.given = 0

    def seen(self, batch: Pair) -> Pair:  # noqa: D102
        for name in self.names[self.given : self.given + 400]:
            _ = name
        self.given += 400
        return batch
