"""A loader as it is, its twin, and one that does a tenth more work for every batch."""

from __future__ import annotations

from loadstone.loaders.in_memory import in_memory

EXTRA = 10  # batches for each that is made and thrown away

twin = in_memory


class Slower:
    """Makes an eleventh batch after every ten and throws it away: 10 % more time a batch."""

    def __init__(self, stream):
        self.stream = stream

    def __iter__(self):
        items = iter(self.stream)
        while True:
            for _ in range(EXTRA):
                yield next(items)
            next(items)


def slower(corpus, config):
    """The same batches, some left out, at 1/1.1 of the speed."""
    return Slower(in_memory(corpus, config))


slower.__loadstone__ = getattr(in_memory, "__loadstone__", None)
