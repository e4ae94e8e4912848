"""Correct loaders of a token file, small enough that a defect beside them is a line or two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus

Pair = tuple[torch.Tensor, torch.Tensor]
Ints = npt.NDArray[np.int64]

WINDOWS: dict[str, Any] = {
    "reads": "tokens", "order": "windows", "passes": "endless", "targets": "shifted", "joins": "flow",
    "mask": "none", "shape": "fixed", "short_last": False, "x_dtype": "int64", "y_dtype": "int64",
    "batch": "fresh", "rng": "own", "resume": "none", "ranks": "sampled", "workers": False,
}  # fmt: skip
SEQUENTIAL: dict[str, Any] = WINDOWS | {
    "order": "sequential", "passes": "one", "overlap": 1, "row_overlap": 1, "loss": "tail",
    "short_last": True, "ranks": "disjoint", "rank_batches": "equal", "repeats": False,
}  # fmt: skip


class Tokens:
    """What both have in common: the file, mapped, and a stretch of it as int64."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        self.corpus, self.config = corpus, config
        self.B, self.T = config.batch_size, config.seq_len
        self.ids = self.open()

    def open(self) -> npt.NDArray[Any]:
        """All ids of the split, (n,), in the width of the file."""
        return np.memmap(self.corpus.token_file(self.config.split), self.corpus.token_dtype, mode="r")

    def row(self, start: int, length: int) -> torch.Tensor:
        """``length`` ids from ``start`` on, int64, in memory of their own."""
        return torch.from_numpy(self.ids[start : start + length].astype(np.int64))


class Windows(Tokens):
    """Endless batches of rows from random places."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.rng = np.random.default_rng([config.seed, config.epoch, config.rank])

    def starts(self) -> Ints:
        """Where the rows of the next batch begin, (B,)."""
        return self.rng.integers(0, len(self.ids) - self.T, self.B)

    def inputs(self, starts: Ints) -> torch.Tensor:
        """x, int64 (B, T)."""
        return torch.stack([self.row(int(start), self.T) for start in starts])

    def batch(self, starts: Ints) -> Any:
        """One batch (x, y)."""
        return self.inputs(starts), self.inputs(starts + 1)

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield self.batch(self.starts())


class Sequential(Tokens):
    """The source once a pass; rank r of W takes the batches r, r + W, ..."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.rows = self.count_rows()

    def count_rows(self) -> int:
        """Rows of this rank in one pass, those of an incomplete last batch included."""
        total, each = (len(self.ids) - 1) // self.T, self.B * self.config.world_size
        rest = 0 if self.config.drop_last else total % each // self.config.world_size
        return total // each * self.B + rest

    def __len__(self) -> int:
        return (self.rows + self.B - 1) // self.B

    def start(self, index: int) -> int:
        """The first token of batch ``index``."""
        return (index * self.config.world_size + self.config.rank) * self.B * self.T

    def cut(self, start: int, rows: int) -> Pair:
        """One batch (x, y) of consecutive rows."""
        x, y = (self.row(start + shift, rows * self.T) for shift in (0, 1))
        return x.view(rows, self.T), y.view(rows, self.T)

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self.cut(self.start(index), min(self.B, self.rows - index * self.B))
