"""Built-ins behind Prefetch, as somebody would write them into a file of their own."""

from __future__ import annotations

import torch
from loadstone.loaders.contract import loader
from loadstone.loaders.in_memory import in_memory
from loadstone.loaders.parquet_stream import parquet_stream
from loadstone.loaders.prefetch import Prefetch, prefetched
from loadstone.loaders.token_streams import SEQUENTIAL

memory = prefetched(in_memory)
parquet = prefetched(parquet_stream, depth=3)


def unannotated(corpus, config):
    """By hand, and without a word about itself."""
    return Prefetch(in_memory(corpus, config.replace(options={"order": "sequential"})))


class Scratch:
    """Every batch is written over the last one."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        held = None
        for x, y in self.batches:
            held = torch.stack([x, y]) if held is None else held
            held[:, : len(x)] = torch.stack([x, y])  # the last batch may be shorter
            yield held[0, : len(x)], held[1, : len(x)]


@loader(reads="tokens", targets="shifted", batch="until-next", **dict(SEQUENTIAL, resume="none"))
def scratch(corpus, config):
    return Scratch(in_memory(corpus, config.replace(options={"order": "sequential"})))


copied = prefetched(scratch)


def overtaken(corpus, config):
    """What happens if nobody says that batches are valid only until the next one."""
    return Prefetch(scratch(corpus, config))
