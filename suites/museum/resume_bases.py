"""A loader that resumes exactly, in the simplest way: it counts batches and skips them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .row_bases import DOCUMENTS, Documents

State = dict[str, Any]
DEPTH = 3  # batches that a look-ahead holds
RESUMABLE: dict[str, Any] = DOCUMENTS | {
    "resume": "exact", "ranks": "disjoint", "rank_batches": "may-differ", "separator": "bos",
}  # fmt: skip


class Resumable(Documents):
    """Documents r, r + W, ... of each epoch's order; the state is the epoch and the batches given."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.first = self.given = 0

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:
        """Every world_size-th document of the epoch's order."""
        return list(super().order(documents))[self.config.rank :: self.config.world_size]

    def __iter__(self) -> Iterator[Any]:
        self.given, self.first = self.first, 0
        return self.run(self.given)

    def run(self, skipped: int) -> Iterator[Any]:
        """One pass from a batch on."""
        for number, batch in enumerate(self.batches(self.pieces())):
            if number >= skipped:
                self.given = number + 1
                yield batch
        self.epoch, self.given = self.epoch + 1, 0

    def set_epoch(self, epoch: int) -> None:
        """The pass that comes next; a restored place in it is kept."""
        if epoch != self.epoch:
            self.epoch, self.first, self.given = epoch, 0, 0

    def bound(self) -> dict[str, int]:
        """What a state belongs to."""
        config = self.config
        return {"world_size": config.world_size, "rank": config.rank, "T": self.T, "B": self.B}

    def state_dict(self) -> State:
        """The epoch and the batches of it that were given."""
        return {"epoch": self.epoch, "batch": self.given, "bound": self.bound()}

    def load_state_dict(self, state: State) -> None:
        """Go on from there; a state of another run is refused."""
        if state["bound"] != self.bound():
            raise ValueError(f"this state is of {state['bound']}, and this loader is {self.bound()}")
        self.epoch = state["epoch"]
        self.first = self.given = state["batch"]


class LooksAhead(Resumable):
    """The same, with some batches fetched before they are asked for."""

    fetched = 0

    def run(self, skipped: int) -> Iterator[Any]:
        """One pass from a batch on, each batch given when three more are held."""
        ahead: deque[tuple[int, Any]] = deque()
        for number, batch in enumerate(self.batches(self.pieces()), 1):
            if number > skipped:
                ahead.append((number, batch))
                self.fetched = number
            if len(ahead) > DEPTH:
                yield self.give(*ahead.popleft())
        while ahead:
            yield self.give(*ahead.popleft())
        self.epoch, self.given, self.fetched = self.epoch + 1, 0, 0

    def give(self, number: int, batch: Any) -> Any:
        """A batch, which from now on counts as given."""
        self.given = number
        return batch
