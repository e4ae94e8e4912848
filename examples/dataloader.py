"""A map-style torch DataLoader: each window once a pass, shuffled by seed and epoch, shared out by rank.

loadstone check examples/dataloader.py:dataloader
"""

import loadstone
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Windows(Dataset):
    """Windows of T+1 tokens at stride T: the last target of one is the first input of the next."""

    def __init__(self, path, dtype, seq_len):
        self.tokens = np.memmap(path, dtype, mode="r")
        self.seq_len = seq_len

    def __len__(self):
        return (len(self.tokens) - 1) // self.seq_len

    def __getitem__(self, index):
        start = index * self.seq_len
        window = torch.from_numpy(self.tokens[start : start + self.seq_len + 1].astype(np.int64))  # (T+1,)
        return window[:-1], window[1:]


@loadstone.loader(
    reads="tokens", order="shuffled", passes="one", targets="shifted", row_overlap=1, joins="flow",
    loss="tail", shape="fixed", x_dtype="int64", y_dtype="int64", batch="fresh", rng="own",
    ranks="disjoint", rank_batches="equal",
)  # fmt: skip
def dataloader(corpus: loadstone.Corpus, config: loadstone.LoaderConfig):
    windows = Windows(corpus.token_file(config.split), corpus.token_dtype, config.seq_len)
    # The same order on every rank, so that their shares are disjoint; another one in each epoch.
    seeds = np.random.SeedSequence([config.seed, config.epoch])
    generator = torch.Generator().manual_seed(int(seeds.generate_state(1)[0]))
    order = (
        torch.randperm(len(windows), generator=generator) if config.shuffle else torch.arange(len(windows))
    )
    whole = len(order) // (config.batch_size * config.world_size) * config.batch_size  # of each rank
    mine = order[config.rank :: config.world_size][:whole].tolist()
    # Without generator= each iteration would draw a seed from torch's global generator.
    return DataLoader(windows, config.batch_size, sampler=mine, drop_last=True, generator=generator)
