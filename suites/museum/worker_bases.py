"""Correct loaders with worker processes, through torch's own DataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from .row_bases import DOCUMENTS, Documents

WORKED: dict[str, Any] = DOCUMENTS | {"workers": True}


class Share(IterableDataset[Any]):
    """What one worker gives of a loader."""

    def __init__(self, loader: Worked) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        return self.loader.share(info.id if info else 0, info.num_workers if info else 1)


class Worked(Documents):
    """Documents in turns by worker; workers are started for each pass, so they know its epoch."""

    def share(self, worker: int, workers: int) -> Iterator[Any]:
        """The batches of one worker."""
        documents = list(self.order(self.documents()))[worker::workers]
        return self.batches([self.bos, *ids] for ids in documents)

    def through_workers(self) -> Any:
        """An iterable over the batches of all workers."""
        return DataLoader(Share(self), batch_size=None, num_workers=self.config.num_workers)

    def set_epoch(self, epoch: int) -> None:
        """The pass that comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        yield from self.through_workers() if self.config.num_workers else self.share(0, 1)
        self.epoch += 1
