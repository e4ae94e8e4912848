"""The tutorials' first loaders: the whole data set as one int64 tensor.

``order=windows`` is the ``get_batch`` of the build-a-GPT videos: random starts from torch's global
generator, one slice a row, ``torch.stack``. ``order=sequential`` is the small ``DataLoaderLite``
that follows it: B*T+1 tokens at a time, the ranks side by side, round and round.

Kept as taught:

- eight bytes a token in memory;
- whoever else draws from the global generator moves this stream, and the other way round;
- the seed of a rank is seed + rank, so rank 1 of seed 0 is rank 0 of seed 1;
- sequential batches are views of the data: writing into one changes the data for good;
- the sequential loop starts over when a batch of *all* ranks no longer fits behind its own place,
  so the last ranks start over early: up to a step is never read, and the ranks drift apart.

The exclusive bound ``len(data) - T`` is right: the last window's last target is the last token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ..contract import Option, loader

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
    options={"order": Option("windows", "windows or sequential", ("windows", "sequential"))},
    modes={
        "order=sequential": {
            "order": "sequential",
            "overlap": 1,
            "row_overlap": 1,
            "loss": "tail",
            "batch": "view",
            "rng": "own",  # it draws nothing
            "ranks": "disjoint",
            "rank_batches": "may-differ",
        }
    },
)
def in_memory(corpus: Corpus, config: LoaderConfig) -> Iterator[Pair]:
    """Batches x, y, int64 (B, T), without end."""
    data = load(corpus, config.split)
    if config.option("order", "windows") == "sequential":
        yield from in_turn(data, config)
    torch.manual_seed(config.seed + config.rank)
    while True:
        yield get_batch(data, config)


def load(corpus: Corpus, split: str) -> torch.Tensor:
    """All ids of a split, int64 (n,); of plain text, its characters numbered, cut 90 to 10."""
    if corpus.manifest.token_files:
        stored = np.fromfile(corpus.token_file(split), dtype=corpus.token_dtype)
        return torch.from_numpy(stored.astype(np.int64))
    text = "".join(path.read_text(encoding="utf-8") for path in corpus.text_files())
    stoi = {ch: i for i, ch in enumerate(sorted(set(text)))}
    data = torch.tensor([stoi[ch] for ch in text], dtype=torch.long)
    n = int(0.9 * len(data))
    return data[:n] if split == "train" else data[n:]


def get_batch(data: torch.Tensor, config: LoaderConfig) -> Pair:
    """Windows from random places."""
    T = config.seq_len  # noqa: N806 - as every tutorial names it
    ix = torch.randint(len(data) - T, (config.batch_size,))
    x = torch.stack([data[i : i + T] for i in ix])
    y = torch.stack([data[i + 1 : i + T + 1] for i in ix])
    return x.to(config.device), y.to(config.device)


def in_turn(tokens: torch.Tensor, config: LoaderConfig) -> Iterator[Pair]:
    """The next B*T+1 tokens, and from the start again near the end."""
    B, T = config.batch_size, config.seq_len  # noqa: N806
    step = B * T * config.world_size
    position = B * T * config.rank
    while True:
        buf = tokens[position : position + B * T + 1]
        x = buf[:-1].view(B, T)
        y = buf[1:].view(B, T)
        yield x.to(config.device), y.to(config.device)
        position += step
        if position + step + 1 > len(tokens):
            position = B * T * config.rank
