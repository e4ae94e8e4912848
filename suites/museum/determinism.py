"""Seeds, epochs and generators that do nothing, or too much."""

from __future__ import annotations

import random
from collections.abc import Iterable

import numpy as np
import torch

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .entry import PLANTED, exhibit
from .row_bases import DOCUMENTS, Documents
from .token_bases import WINDOWS, Ints, Windows


@exhibit("E3", "seed.same", stated=DOCUMENTS | {"rng": None})
class OtherLibrarysState(Documents):
    """pytorch#7882: torch is seeded, but the order comes from NumPy's global state, which is not."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        torch.manual_seed(self.config.seed)
        order = np.random.permutation(len(documents)) if self.config.shuffle else range(len(documents))
        return [documents[i] for i in order]


@exhibit("E2", "seed.same", stated=DOCUMENTS)
class SeedNotPassedOn(Documents):
    """webdataset 12d425d: the generator is built from the wrong variable, which is None."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        if self.config.shuffle:
            random.Random(None).shuffle(documents)
        return documents


@exhibit("E2", "seed.diff", stated=WINDOWS)
class SeedIgnored(Windows):
    """The generator has a seed of its own, and the one that was asked for has no effect."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.rng = np.random.default_rng([42, config.epoch, config.rank])


@exhibit("E8", "seed.diff", stated=DOCUMENTS)
class SeedOverwritten(Documents):
    """VeOmni#1075: `seed = epoch`, so every user's first epoch has the same order."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        rng = np.random.default_rng(self.epoch)
        order = rng.permutation(len(documents)) if self.config.shuffle else range(len(documents))
        return [documents[i] for i in order]


@exhibit("F8", "rng.isolated", stated=WINDOWS)
class GlobalDraws(Windows):
    """transgenic#59: starts are drawn from the global generator, which others draw from as well."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        torch.manual_seed(config.seed + config.rank)

    def starts(self) -> Ints:  # noqa: D102
        return torch.randint(len(self.ids) - self.T, (self.B,)).numpy()


@exhibit("F8", "rng.isolated", stated=WINDOWS)
class GlobalReseeded(Windows):
    """The stream is its own, but each batch seeds the global generator anew: all dropout is alike."""

    def starts(self) -> Ints:  # noqa: D102
        chosen = super().starts()
        torch.manual_seed(int(chosen[0]))
        return chosen


@exhibit("E6", "epoch.reshuffle", stated=DOCUMENTS)
class PermutedOnce(Documents):
    """torchtitan 95a2542: the permutation is made from the seed alone, so every epoch is alike."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        rng = np.random.default_rng(self.config.seed)
        order = rng.permutation(len(documents)) if self.config.shuffle else range(len(documents))
        return [documents[i] for i in order]


@exhibit(PLANTED, "epoch.reshuffle", stated=DOCUMENTS)
class HalfAnEpoch(Documents):
    """sentence-transformers#3069 in spirit: each later epoch covers other items than the first."""

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        kept = documents[len(documents) // 2 :] if self.epoch == 1 else documents
        return super().order(kept)
