"""What every wrapper that fetches ahead of its consumer has in common: whose state it shows, and when.

A loader that is asked ahead stands further on than the consumer. So its state is taken after each
batch and kept beside it, and ``state_dict()`` gives the one of the last batch that was received.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sized
from typing import Any, NamedTuple

PASSED_THROUGH = ("state_dict", "load_state_dict", "set_epoch")  # where the wrapped loader has them


class State(NamedTuple):
    """A state of the wrapped loader, or the error that asking for it raised."""

    value: Any = None
    error: Exception | None = None

    def get(self) -> Any:
        """The state; raises what asking for it raised."""
        if self.error is not None:
            raise self.error
        return self.value


def take_state(loader: Any) -> State:
    """The loader's state as it is now; a loader that cannot say it may still give batches."""
    if not hasattr(loader, "state_dict"):
        return State()
    try:
        return State(loader.state_dict())
    except Exception as error:  # noqa: BLE001 - raised where the consumer asks
        return State(error=error)


class Ahead(abc.ABC):
    """A wrapper of a loader.

    ``state_dict``, ``load_state_dict`` and ``set_epoch`` are there if the wrapped loader, reachable
    as ``loader``, has them. There is one iteration at a time.
    """

    loader: Iterable[Any]
    _kept: State | None = None  # of the consumer's place; None: the loader's own holds

    def __getattr__(self, name: str) -> Any:
        if name in PASSED_THROUGH and hasattr(self.loader, name):
            return getattr(self, f"_{name}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @abc.abstractmethod
    def _end(self) -> None:
        """End the iteration that is running, if any, so that nobody else uses the loader."""

    def _state_dict(self) -> Any:
        return (self._kept or take_state(self.loader)).get()

    def _load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._end()
        self._kept = None
        self.loader.load_state_dict(state)  # type: ignore[attr-defined]

    def _set_epoch(self, epoch: int) -> None:
        """Pass it on; the consumer's place holds unless that moved the loader."""
        self._end()
        before = take_state(self.loader)
        self.loader.set_epoch(epoch)  # type: ignore[attr-defined]
        if take_state(self.loader) != before:
            self._kept = None

    def close(self) -> None:
        """End the iteration, and close the wrapped loader if it can be closed."""
        self._end()
        close = getattr(self.loader, "close", None)
        if callable(close):
            close()


def is_sized(loader: object) -> bool:
    """Whether a loader has a length; ``len()`` and ``bool()`` ask the class, so wrappers have two."""
    return isinstance(loader, Sized)
