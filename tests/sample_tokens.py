"""Token corpora whose ids are their own positions, and what the tests of token loaders share."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from loadstone.loaders.contract import LoaderConfig
from loadstone.loaders.corpus import Corpus, Manifest
from loadstone.loaders.in_memory import in_memory
from loadstone.loaders.memmap_per_batch import memmap_per_batch
from loadstone.loaders.memmap_persistent import memmap_persistent

if TYPE_CHECKING:
    from pathlib import Path


LOADERS = [in_memory, memmap_per_batch, memmap_persistent]
SEQUENTIAL = {"order": "sequential"}
each_loader = pytest.mark.parametrize("loader", LOADERS)
Make = Any  # a factory of loaders


def write(folder: Path, tokens: int, dtype: str = "uint16", val: int = 0, first: int = 0) -> Corpus:
    """A corpus whose ids are their own positions, plus ``first``."""
    sizes = {"train": tokens} | ({"val": val} if val else {})
    for split, size in sizes.items():
        (first + np.arange(size)).astype(dtype).tofile(folder / f"{split}.bin")
    names = {split: f"{split}.bin" for split in sizes}
    return Corpus(
        folder,
        Manifest(
            name="positions", kind="foreign", dtype=dtype, vocab_size=first + max(65536, tokens),
            num_tokens=sizes, token_files=names, fingerprint=f"positions-{first}",
        ),
    )  # fmt: skip


def config(**changes: Any) -> LoaderConfig:
    return LoaderConfig(**{"batch_size": 2, "seq_len": 4, **changes})


def take(loader: Any, count: int) -> list[torch.Tensor]:
    return [x for x, _ in itertools.islice(loader, count)]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))
