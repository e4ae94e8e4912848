"""Built-in loaders with a leak planted into them, or a decoy: growth that is none.

Subjects like any other, with the options ``plant`` and ``size``: ``tests/planted.py:memmap_persistent``
with ``--option plant=malloc --option size=64``. What is planted is done once after each batch.
"""

from __future__ import annotations

import collections
import ctypes
import os
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from loadstone.loaders.contract import Option, spec_of
from loadstone.loaders.conversation_deque import conversation_deque as _conversation_deque
from loadstone.loaders.in_memory import in_memory as _in_memory
from loadstone.loaders.memmap_per_batch import memmap_per_batch as _memmap_per_batch
from loadstone.loaders.memmap_persistent import memmap_persistent as _memmap_persistent
from loadstone.loaders.parquet_stream import parquet_stream as _parquet_stream

Plant = Callable[[int, Any], Any]
_libc = ctypes.CDLL(None)
_libc.malloc.restype, _libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]


class Plants:
    """Every kind of leak and decoy, each a method that returns what to do after a batch.

    Args:
        size: bytes, batches or entries, as the kind takes it.
        seed: of the kinds that draw.
    """

    def __init__(self, size: int, seed: int, file: str) -> None:
        self.size, self.file = size, file
        self.rng = random.Random(seed * 7 + 1)
        self.kept: list[Any] = []

    # Leaks.

    def malloc(self) -> Plant:
        """Memory of C, ``size`` bytes a batch."""
        return lambda n, batch: _libc.malloc(self.size)

    def native(self) -> Plant:
        """A copy of ``size`` bytes that a library makes, a batch."""
        text = b"x" * (self.size - 1)
        return lambda n, batch: _libc.strdup(text)

    def rare_malloc(self) -> Plant:
        """1 KiB of C, in one batch of ``size``."""
        return lambda n, batch: n % self.size == 0 and _libc.malloc(1024)

    def bytes(self) -> Plant:
        """Bytes objects of ``size`` in a list."""

        def plant(n: int, batch: Any) -> None:
            self.kept.append(bytes(self.size))

        return plant

    def slot(self) -> Plant:
        """Nothing but the slot of a list, eight bytes."""

        def plant(n: int, batch: Any) -> None:
            self.kept.append(None)

        return plant

    def record(self) -> Plant:
        """A small dictionary for each batch."""

        def plant(n: int, batch: Any) -> None:
            self.kept.append({"step": n, "shape": tuple(batch[0].shape)})

        return plant

    def batch(self) -> Plant:
        """One batch of ``size`` is kept."""

        def plant(n: int, batch: Any) -> None:
            if n % self.size == 0:
                self.kept.append((batch[0].clone(), batch[1].clone()))

        return plant

    def arrow(self) -> Plant:
        """A buffer of ``size`` bytes from Arrow's pool."""

        def plant(n: int, batch: Any) -> None:
            self.kept.append(pa.allocate_buffer(self.size))

        return plant

    def file_descriptor(self) -> Plant:
        """A file is opened in one batch of ``size`` and stays open."""
        return lambda n, batch: n % self.size == 0 and os.open(self.file, os.O_RDONLY)

    def mapping(self) -> Plant:
        """A file is mapped in one batch of ``size`` and stays so."""

        def plant(n: int, batch: Any) -> None:
            if n % self.size == 0:
                self.kept.append(np.memmap(self.file, np.uint8, mode="r"))

        return plant

    def thread(self) -> Plant:
        """A thread is begun in one batch of ``size`` and waits for ever."""
        never = threading.Event()

        def plant(n: int, batch: Any) -> None:
            if n % self.size == 0:
                threading.Thread(target=never.wait, daemon=True).start()

        return plant

    def child(self) -> Plant:
        """A process is begun in one batch of ``size`` and is never waited for."""

        def plant(n: int, batch: Any) -> None:
            if n % self.size == 0:
                self.kept.append(subprocess.Popen(["/bin/sleep", "600"]))

        return plant

    # Decoys.

    def none(self) -> Plant:
        """Nothing."""
        return lambda n, batch: None

    def logarithmic_cache(self) -> Plant:
        """4 KiB whenever the number of batches has doubled."""

        def plant(n: int, batch: Any) -> None:
            if n & (n - 1) == 0:
                self.kept.append(bytes(4096))

        return plant

    def saturating_cache(self) -> Plant:
        """1 KiB for each of ``size`` keys, as they are first drawn."""
        cache: dict[int, bytes] = {}

        def plant(n: int, batch: Any) -> None:
            cache.setdefault(self.rng.randrange(self.size), bytes(1024))

        return plant

    def lru_cache(self) -> Plant:
        """The last ``size`` of 1 KiB each."""
        last: collections.deque[bytes] = collections.deque(maxlen=self.size)
        return lambda n, batch: last.append(bytes(1024))

    def fragmentation(self) -> Plant:
        """Blocks of random size that live for a random time."""
        slots: list[bytes] = [b""] * 1000

        def plant(n: int, batch: Any) -> None:
            for _ in range(4):
                slots[self.rng.randrange(1000)] = bytes(int(2 ** self.rng.uniform(5, 16)))

        return plant

    def sawtooth(self) -> Plant:
        """A list that is cleared when it holds ``size`` of 1 KiB."""

        def plant(n: int, batch: Any) -> None:
            self.kept.append(bytes(1024))
            if len(self.kept) >= self.size:
                self.kept.clear()

        return plant

    def cycles(self) -> Plant:
        """Rubbish that refers to itself, which only the collector takes away."""

        def plant(n: int, batch: Any) -> None:
            rubbish: list[Any] = [bytes(4096)]
            rubbish.append(rubbish)

        return plant

    def filling_buffer(self) -> Plant:
        """A shuffle buffer that takes two for each it gives, until it holds ``size`` of 1 KiB."""

        def plant(n: int, batch: Any) -> None:
            self.kept.append(bytes(1024))
            if len(self.kept) < self.size:
                self.kept.append(bytes(1024))
            self.kept.pop(self.rng.randrange(len(self.kept)))

        return plant

    def names(self) -> Plant:
        """``size`` attributes looked up by names made anew: the interpreter keeps up to 4,096 of them."""

        def plant(n: int, batch: Any) -> None:
            made = [f"{self.rng.random()}"[: self.rng.randrange(8, 20)] for _ in range(self.size)]
            for name in made:
                getattr(self, name, None)

        return plant

    def page_cache(self) -> Plant:
        """Another part of the file is read through a map each time: resident memory, none of its own."""
        ids = np.memmap(self.file, np.uint8, mode="r")

        def plant(n: int, batch: Any) -> None:
            start = self.rng.randrange(len(ids) - 65536)
            ids[start : start + 65536].sum()

        return plant


LEAKS = (
    "malloc", "native", "rare_malloc", "bytes", "slot", "record", "batch", "arrow", "file_descriptor",
    "mapping", "thread", "child",
)  # fmt: skip
DECOYS = (
    "none", "logarithmic_cache", "saturating_cache", "lru_cache", "fragmentation", "sawtooth", "cycles",
    "names", "filling_buffer", "page_cache",
)  # fmt: skip


class Planted:
    """A loader with something done after each batch; everything else is the loader's own."""

    def __init__(self, stream: Any, plant: Plant) -> None:
        self.stream, self.plant = stream, plant

    def __iter__(self) -> Iterator[Any]:
        for number, batch in enumerate(self.stream, self.taken):
            self.taken = number + 1
            self.plant(number, batch)
            yield batch

    taken = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _planted(factory: Any) -> Any:
    spec = spec_of(factory)
    options = {"plant": Option("none", choices=LEAKS + DECOYS), "size": Option(100)}

    def make(corpus: Any, config: Any) -> Planted:
        own = {name: value for name, value in config.options.items() if name not in options}
        kind, size = config.option("plant", "none"), config.option("size", 100)
        plants = Plants(size, config.seed, str(corpus.token_file("train")))
        return Planted(factory(corpus, config.replace(options=own)), getattr(plants, kind)())

    make.__loadstone__ = replace(spec, options={**spec.options, **options})  # type: ignore[attr-defined]
    return make


in_memory = _planted(_in_memory)
memmap_per_batch = _planted(_memmap_per_batch)
memmap_persistent = _planted(_memmap_persistent)
parquet_stream = _planted(_parquet_stream)
conversation_deque = _planted(_conversation_deque)
