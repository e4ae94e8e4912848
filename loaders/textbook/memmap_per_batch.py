"""nanoGPT's ``get_batch``: the token file opened anew for each batch, so that memory stays flat.

Kept as taught: the starts come from torch's global generator, seeded once with seed + rank, so
whoever else draws from it moves this stream; each row is sliced, widened and stacked on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
def memmap_per_batch(corpus: Corpus, config: LoaderConfig) -> Iterator[Pair]:
    """Batches x, y, int64 (B, T), without end."""
    torch.manual_seed(config.seed + config.rank)
    while True:
        yield get_batch(corpus, config)


def get_batch(corpus: Corpus, config: LoaderConfig) -> Pair:
    """Map the file, cut B random windows out of it, forget the map."""
    T = config.seq_len  # noqa: N806 - as every tutorial names it
    data = np.memmap(corpus.token_file(config.split), dtype=corpus.token_dtype, mode="r")
    ix = torch.randint(len(data) - T, (config.batch_size,))
    x = torch.stack([torch.from_numpy(data[i : i + T].astype(np.int64)) for i in ix])
    y = torch.stack([torch.from_numpy(data[i + 1 : i + 1 + T].astype(np.int64)) for i in ix])
    if config.device.startswith("cuda"):
        x, y = x.pin_memory(), y.pin_memory()
    return x.to(config.device, non_blocking=True), y.to(config.device, non_blocking=True)
