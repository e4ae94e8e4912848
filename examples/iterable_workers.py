"""An IterableDataset whose workers share the work: batch k is cut by worker k modulo their number.

loadstone check examples/iterable_workers.py:iterable_workers
"""

import loadstone
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class Batches(IterableDataset):
    """The batches of one rank, in the order of the file; a worker cuts its share of them."""

    def __init__(self, path, dtype, config):
        self.path, self.dtype, self.config = path, dtype, config

    def __iter__(self):
        B, T = self.config.batch_size, self.config.seq_len
        tokens = np.memmap(self.path, self.dtype, mode="r")
        worker = get_worker_info()
        share, shares = (worker.id, worker.num_workers) if worker else (0, 1)
        # Whole turns only, so that every rank gets as many batches.
        turns = (len(tokens) - 1) // (B * T * self.config.world_size)
        for turn in range(share, turns, shares):
            start = (turn * self.config.world_size + self.config.rank) * B * T
            window = torch.from_numpy(tokens[start : start + B * T + 1].astype(np.int64))  # (B*T+1,)
            yield window[:-1].view(B, T).clone(), window[1:].view(B, T).clone()


@loadstone.loader(
    reads="tokens", order="sequential", passes="one", targets="shifted", overlap=1, row_overlap=1,
    joins="flow", loss="tail", shape="fixed", x_dtype="int64", y_dtype="int64", batch="fresh", rng="own",
    ranks="disjoint", rank_batches="equal", workers=True,
)  # fmt: skip
def iterable_workers(corpus: loadstone.Corpus, config: loadstone.LoaderConfig):
    batches = Batches(corpus.token_file(config.split), corpus.token_dtype, config)
    generator = torch.Generator().manual_seed(config.seed)
    # batch_size=None: the data set cuts batches itself, and the library passes them on in turn.
    return DataLoader(batches, batch_size=None, num_workers=config.num_workers, generator=generator)
