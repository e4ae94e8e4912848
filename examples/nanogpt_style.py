"""Random windows from a mapped token file, the nanoGPT way, with a generator of its own.

loadstone check examples/nanogpt_style.py:nanogpt_style
"""

import loadstone
import numpy as np
import torch


@loadstone.loader(
    reads="tokens", order="windows", passes="endless", targets="shifted", joins="flow", shape="fixed",
    x_dtype="int64", y_dtype="int64", batch="fresh", rng="own", ranks="sampled",
)  # fmt: skip
def nanogpt_style(corpus: loadstone.Corpus, config: loadstone.LoaderConfig):
    B, T = config.batch_size, config.seq_len
    # Seed, epoch and rank all count: ranks with the same draws would train the same windows.
    seeds = np.random.SeedSequence([config.seed, config.epoch, config.rank])
    draw = torch.Generator().manual_seed(int(seeds.generate_state(1)[0]))
    while True:
        # Mapped anew for each batch, so that the resident set does not grow to the size of the file.
        tokens = np.memmap(corpus.token_file(config.split), corpus.token_dtype, mode="r")
        starts = torch.randint(len(tokens) - T, (B,), generator=draw).tolist()
        rows = np.stack([tokens[start : start + T + 1].astype(np.int64) for start in starts])  # (B, T+1)
        batch = torch.from_numpy(rows)
        yield batch[:, :-1].contiguous(), batch[:, 1:].contiguous()
