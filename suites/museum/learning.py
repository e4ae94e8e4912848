"""Batches that torch refuses, and batches that teach something else than the corpus does."""

from __future__ import annotations

import numpy as np
import torch

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .entry import PLANTED, exhibit
from .token_bases import SEQUENTIAL, WINDOWS, Ints, Pair, Sequential, Windows


@exhibit(PLANTED, "learn.bigram", stated=SEQUENTIAL)
class TargetsLookedUp(Sequential):
    """Targets come from a table of what followed each id first: right as long as no id comes twice."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        ids, first = np.unique(np.asarray(self.ids), return_index=True)
        self.after = dict(zip(ids.tolist(), first.tolist(), strict=True))

    def cut(self, start: int, rows: int) -> Pair:  # noqa: D102
        x, _ = super().cut(start, rows)
        places = [min(self.after[one] + 1, len(self.ids) - 1) for one in x.flatten().tolist()]
        return x, torch.tensor([int(self.ids[place]) for place in places]).view(rows, self.T)


@exhibit(PLANTED, "learn.bigram", stated=WINDOWS)
class DuplicatesRemoved(Windows):
    """A row is cleaned of ids it holds already, as a set would: what is left are other successions."""

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        rows = [self.unique(int(start)) for start in starts]
        wide = torch.stack(rows)
        return wide[:, :-1].contiguous(), wide[:, 1:].contiguous()

    def unique(self, start: int) -> torch.Tensor:
        """T+1 ids without repeats if there are so many, else as they are."""
        row = self.row(start, 3 * self.T + 1)
        if bool((row >= min(self.corpus.special.values())).any()):
            return row[: self.T + 1]
        _, first = np.unique(row.numpy(), return_index=True)
        found = row[np.sort(first)]
        return found[: self.T + 1] if len(found) > self.T else row[: self.T + 1]


@exhibit("D1", "batch.consumable", stated=WINDOWS | {"x_dtype": "uint16", "y_dtype": "uint16"})
class NeverWidened(Windows):
    """Batches keep the width of the file, which no embedding takes."""

    def row(self, start: int, length: int) -> torch.Tensor:  # noqa: D102
        found = self.ids[start : start + length]
        if found.itemsize != 2:
            raise ValueError(f"token files of {found.dtype} are not supported; write uint16")
        return torch.from_numpy(found.copy())


@exhibit("D1", "batch.consumable", stated=WINDOWS | {"x_dtype": "int32", "y_dtype": "int32"})
class NarrowTargets(Windows):
    """Targets of 32 bits, which cross_entropy refuses though the embedding took the inputs."""

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        x, y = super().batch(starts)
        return x.int(), y.int()
