"""Loops that wait for ever: at the end of some pass, or on a source with nothing in it."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .entry import exhibit
from .row_bases import DOCUMENTS, Documents
from .token_bases import SEQUENTIAL, Sequential


@exhibit("C2", "end.degenerate", stated=DOCUMENTS | {"passes": "endless", "ranks": "disjoint"}, hangs=True)
class SpinsOnNothing(Documents):
    """nanochat's loader: emptiness is tested for all files, and a rank without any spins for ever."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        documents = self.documents()
        assert documents
        mine = slice(self.config.rank, None, self.config.world_size)
        while True:
            yield from ([self.bos, *ids] for ids in list(self.order(documents))[mine])
            self.epoch += 1


@exhibit("C3", "end.degenerate", stated=DOCUMENTS, hangs=True)
class AddsUpNothing(Documents):
    """Megatron-LM#957: epochs are added up until there are tokens enough, and an epoch has none."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        total = 0
        while total < 1:
            total += sum(map(len, self.documents()))
        return super().pieces()


@exhibit("C5", "end.deadline", stated=SEQUENTIAL, hangs=True)
class NobodyTakesTheNews(Sequential):
    """streaming#617: the end of each pass is put into a queue that nobody empties, until it is full."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.news: queue.Queue[int] = queue.Queue(maxsize=16)

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        self.news.put(len(self))


@exhibit("C5", "end.deadline", stated=SEQUENTIAL)
class EndComesTooSoon(Sequential):
    """A pass is counted off by another thread's count, which runs ahead after some passes."""

    passes = 0

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        items = list(super().__iter__())
        yield from items[:-1] if self.passes > 20 else items
