"""One pass after another over the same source, each of which can be left and taken up again.

``iter()`` gives the next epoch: the first that was asked for, then one more whenever a pass was
begun, whether it was finished or broken off. A restored state is taken up by the next ``iter()``.
"""

from __future__ import annotations

import abc
import copy
from typing import TYPE_CHECKING, Any

from .saved_state import State, unbind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Pass(abc.ABC):
    """One epoch on its way: an iterable of batches that can say where it is.

    Attributes:
        epoch: the number of the epoch.
    """

    epoch: int

    @abc.abstractmethod
    def __iter__(self) -> Iterator[Any]:
        """The batches that are left; asked for once."""

    @abc.abstractmethod
    def state(self) -> State:
        """The place after the last batch given, plain data."""

    @property
    @abc.abstractmethod
    def nbytes(self) -> int:
        """Bytes held on purpose."""


class PassLoader(abc.ABC):
    """A loader of single passes with exact resume; subclasses say what a pass is.

    ``state_dict()`` belongs to what the consumer received: nothing is read ahead of it. Once the
    consumer has met the end of a pass, the state is that of the next epoch's beginning.
    """

    def __init__(self, bound: State, epoch: int) -> None:
        self._bound = bound
        self._upcoming = self.fresh(epoch)
        self._active: Pass | None = None

    @abc.abstractmethod
    def fresh(self, epoch: int) -> State:
        """The place before the first batch of an epoch."""

    @abc.abstractmethod
    def begin(self, state: State) -> Pass:
        """The pass that goes on from a place."""

    @abc.abstractmethod
    def stats(self) -> dict[str, int]:
        """What was given since the loader was made."""

    def __iter__(self) -> Iterator[Any]:
        self._active = None
        return self._run(self._upcoming)

    def _run(self, start: State) -> Iterator[Any]:
        current = self.begin(start)
        self._upcoming = self.fresh(current.epoch + 1)
        for batch in current:
            self._active = current
            yield batch
        if self._active is current:
            self._active = None

    @property
    def epoch(self) -> int:
        """The epoch in progress, or the one that ``iter()`` would begin."""
        return self._active.epoch if self._active else int(self._upcoming["epoch"])

    def set_epoch(self, epoch: int) -> None:
        """Let the next ``iter()`` begin this epoch, reshuffled where the order is random.

        A restored place in this very epoch is kept, since training scripts set the epoch they
        resume in before they iterate.
        """
        self._active = None
        if epoch != self._upcoming["epoch"]:
            self._upcoming = self.fresh(epoch)

    def state_dict(self) -> State:
        """The place after the last batch received, plain data that ``json`` can write."""
        position = self._active.state() if self._active else copy.deepcopy(self._upcoming)
        return {"bound": dict(self._bound), **position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next ``iter()`` go on from a saved place.

        Raises:
            ValueError: the state belongs to other files, shapes, ranks or settings.
        """
        position = unbind(state, self._bound, self.fresh(0))
        self._upcoming = copy.deepcopy(position)
        self._active = None

    @property
    def nbytes(self) -> int:
        """Bytes held on purpose."""
        return self._active.nbytes if self._active else 0

    def close(self) -> None:
        """Let go of what is held; batches already given stay as they are."""
        if self._active:
            self._upcoming = self._active.state()
        self._active = None
