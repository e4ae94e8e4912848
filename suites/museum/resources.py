"""Loaders that leave descriptors, maps, threads, processes or segments behind; and look-alikes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .entry import PLANTED, exhibit, guard
from .token_bases import SEQUENTIAL, Sequential

KEPT: list[Any] = []  # what outlives every loader
ONLY_CHILD = ("/bin/sleep", "600")


@exhibit(PLANTED, "res.fds", stated=SEQUENTIAL)
class ClosedAtTheEndOnly(Sequential):
    """A descriptor is opened for each pass and closed by its last line, which a break never reaches."""

    def __iter__(self) -> Iterator[Any]:
        number = os.open(self.corpus.token_file(self.config.split), os.O_RDONLY)
        yield from super().__iter__()
        os.close(number)


@guard(PLANTED, stated=SEQUENTIAL)
class ClosedWhateverHappens(Sequential):
    """The same in a ``with`` block, which a break leaves as well."""

    def __iter__(self) -> Iterator[Any]:
        with self.corpus.token_file(self.config.split).open("rb"):
            yield from super().__iter__()


@exhibit(PLANTED, "res.maps", stated=SEQUENTIAL)
class MapsRemembered(Sequential):
    """Each loader's map is remembered by the module, so that none is ever unmapped."""

    def open(self) -> Any:  # noqa: D102
        ids = super().open()
        KEPT.append(_without_descriptor(ids))
        return ids


def _without_descriptor(ids: Any) -> Any:
    """The map alone: NumPy's keeps a descriptor beside it, which is another leak."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    with Path(ids.filename).open("rb") as file:
        return libc.mmap(None, ctypes.c_size_t(max(1, ids.nbytes)), 1, 2, file.fileno(), ctypes.c_long(0))


class Threaded(Sequential):
    """Batches through a thread that reads ahead and is told when to stop."""

    def __iter__(self) -> Iterator[Any]:
        ready: queue.Queue[Any] = queue.Queue(2)
        stop = threading.Event()
        thread = threading.Thread(target=self.fill, args=(ready, stop, super().__iter__()), daemon=True)
        thread.start()
        try:
            while (item := ready.get()) is not None:
                yield item
        finally:
            self.over(stop)

    def fill(self, ready: queue.Queue[Any], stop: threading.Event, items: Iterator[Any]) -> None:
        """Put batches and, in the end, None."""
        for item in (*items, None):
            while not stop.is_set():
                with contextlib.suppress(queue.Full):
                    ready.put(item, timeout=0.02)
                    break

    def over(self, stop: threading.Event) -> None:
        """The consumer has gone."""
        stop.set()


@guard(PLANTED, stated=SEQUENTIAL)
class ThreadToldToStop(Threaded):
    """A thread that reads ahead ends a moment after its consumer."""


@exhibit(PLANTED, "res.threads", stated=SEQUENTIAL)
class ThreadForgotten(Threaded):
    """A thread that reads ahead waits for ever to put one batch more, once its consumer has left."""

    def over(self, stop: threading.Event) -> None:
        """Tell nobody."""


@exhibit(PLANTED, "res.exit", "res.threads", stated=SEQUENTIAL)
class ThreadThatHoldsTheProcess(Threaded):
    """The same with a thread that is no daemon: the training script hangs when it is done."""

    def __iter__(self) -> Iterator[Any]:
        never = threading.Event()
        threading.Thread(target=never.wait, daemon=False).start()
        return Sequential.__iter__(self)


@exhibit(PLANTED, "res.children", stated=SEQUENTIAL)
class HelperNeverEnded(Sequential):
    """A helper process is started with each pass, and ended by nobody."""

    def __iter__(self) -> Iterator[Any]:
        KEPT.append(subprocess.Popen(ONLY_CHILD, stdin=subprocess.DEVNULL))
        return super().__iter__()


@exhibit(PLANTED, "res.shm", stated=SEQUENTIAL)
class SegmentNotUnlinked(Sequential):
    """A shared-memory segment is made for each loader and kept open by the module."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        segment = shared_memory.SharedMemory(create=True, size=4096)
        segment.unlink()  # so that nothing of it stays on the machine; it is open all the same
        KEPT.append(segment)


@guard(PLANTED, stated=SEQUENTIAL)
class SegmentGivenBack(Sequential):
    """A segment that is closed and unlinked with its pass."""

    def __iter__(self) -> Iterator[Any]:
        segment = shared_memory.SharedMemory(create=True, size=4096)
        try:
            yield from super().__iter__()
        finally:
            segment.close()
            segment.unlink()


@exhibit(PLANTED, "res.reiterate", stated=SEQUENTIAL)
class FilesOfTheLoader(Sequential):
    """Every iteration opens the file once more; all are closed with the loader, and not before."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.files: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        self.files.append(self.corpus.token_file(self.config.split).open("rb"))
        return super().__iter__()

    def __del__(self) -> None:
        for file in getattr(self, "files", ()):
            file.close()
