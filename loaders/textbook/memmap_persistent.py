"""The simplest memmap loop: the token file mapped once, before the training loop.

Kept as taught: the map stays, so the resident memory shown for the process grows to the size of
the file (page cache, not a leak); the starts come from torch's global generator, seeded once with
seed + rank; each row is sliced, widened and stacked on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..contract import loader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..contract import LoaderConfig
    from ..corpus import Corpus

    Pair = tuple[torch.Tensor, torch.Tensor]


@loader(
    reads="tokens",
    order="windows",
    passes="endless",
    targets="shifted",
    joins="flow",
    mask="none",
    shape="fixed",
    short_last=False,
    x_dtype="int64",
    y_dtype="int64",
    batch="fresh",
    rng="global",
    resume="none",
    ranks="sampled",
    workers=False,
)
def memmap_persistent(corpus: Corpus, config: LoaderConfig) -> Iterator[Pair]:
    """Batches x, y, int64 (B, T), without end."""
    torch.manual_seed(config.seed + config.rank)
    data = np.memmap(corpus.token_file(config.split), dtype=corpus.token_dtype, mode="r")
    while True:
        yield get_batch(data, config)


def get_batch(data: np.memmap[Any, np.dtype[Any]], config: LoaderConfig) -> Pair:
    """B windows from random places of the map."""
    T = config.seq_len  # noqa: N806 - as every tutorial names it
    ix = torch.randint(len(data) - T, (config.batch_size,))
    x = torch.stack([torch.from_numpy(data[i : i + T].astype(np.int64)) for i in ix])
    y = torch.stack([torch.from_numpy(data[i + 1 : i + 1 + T].astype(np.int64)) for i in ix])
    return x.to(config.device), y.to(config.device)
