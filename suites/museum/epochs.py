"""Epochs that come too late, shuffles that hardly shuffle, and evaluations that drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .entry import PLANTED, exhibit
from .row_bases import BUFFERED, DOCUMENTS, Buffered, Documents


class Epochs(Documents):
    """Documents whose epoch can be set between passes."""

    def set_epoch(self, epoch: int) -> None:
        """The pass that comes next."""
        self.epoch = epoch


@exhibit("E7", "epoch.set_then_iter", stated=DOCUMENTS)
class FetchedAhead(Epochs):
    """mxnet#19738: the first batch of the next pass is fetched before the epoch is set."""

    ahead: Any = None

    def __iter__(self) -> Iterator[Any]:
        items = super().__iter__()
        first = next(items, None)
        yield from [] if first is None else [self.ahead or first]
        yield from items
        self.ahead = next(iter(self.batches(self.pieces())), None)


@exhibit(PLANTED, "epoch.set_then_iter", stated=DOCUMENTS)
class EpochSetInVain(Epochs):
    """set_epoch is there because frameworks call it, and does nothing."""

    def set_epoch(self, epoch: int) -> None:  # noqa: D102
        pass


@exhibit("E10", "shuffle.displacement", stated=BUFFERED | {"shuffle_span": 1000})
class BufferOfFour(Buffered):
    """webdataset#71: the buffer is stated as a thousand rows and holds four, so the order hardly changes."""

    def through(self, rows: Iterable[Any], size: int, rng: np.random.Generator) -> Iterator[Any]:  # noqa: ARG002, D102
        return super().through(rows, 4, rng)


@exhibit("E10", "shuffle.displacement", stated=DOCUMENTS | {"shuffle_span": 0})
class NeighboursSwapped(Documents):
    """A shuffle of the whole source is stated, and pairs of neighbours change places."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        if not self.config.shuffle:
            return documents
        rng = np.random.default_rng([self.config.seed, self.epoch])
        blocks = [documents[i : i + 4] for i in range(0, len(documents), 4)]
        return [block[i] for block in blocks for i in rng.permutation(len(block))]


@exhibit("E11", "eval.repeatable", stated=DOCUMENTS)
class ValidationDrifts(Documents):
    """llm-baselines#16: the validation iterator is never begun anew, so each evaluation goes on in it."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.rng = np.random.default_rng(config.seed)

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        if self.config.split != "val":
            return super().order(documents)
        return [documents[i] for i in self.rng.permutation(len(documents))]
