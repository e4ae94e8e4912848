"""Taking and loading states: foreign data, so it is only ever unpickled in a child."""

from __future__ import annotations

import json
import pickle
from typing import Any

from ...suites.trace import Note, Saved
from ..wire import Channel


class States:
    """Takes states of one loader and watches that those taken stay as they were."""

    def __init__(self, channel: Channel, loader: Any) -> None:
        self.channel, self.loader = channel, loader
        self.kept: tuple[Any, bytes] | None = None

    def save(self, at: int, run: int, ended: bool) -> None:
        """Ask for a state and send it."""
        saved = Saved(at, run, ended)
        try:
            state = self.loader.state_dict()
            saved.plain, saved.size = _as_json(state)
            saved.state = pickle.dumps(state)
            saved.size = saved.size or len(saved.state)
            if self.kept is None and at:
                self.kept = (state, saved.state)
        except BaseException as error:  # noqa: BLE001 - a subject may raise anything
            saved.error = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        self.channel.send(saved)

    def watch(self) -> None:
        """Say whether the first state taken still is what it was: later progress must not reach it."""
        if self.kept is None:
            return
        state, before = self.kept
        try:
            changed = pickle.dumps(state) != before
        except Exception:  # noqa: BLE001
            changed = True
        self.channel.send(Note("state_changed", changed))

    def load(self, state: bytes) -> None:
        """Load a state; whatever it raises is for the caller to report."""
        self.loader.load_state_dict(pickle.loads(state))


def _as_json(state: Any) -> tuple[bool, int]:
    """Whether JSON carries the state there and back unchanged, and its size then."""
    try:
        text = json.dumps(state)
        same = json.loads(text) == state
    except (TypeError, ValueError):
        return False, 0
    return bool(same), len(text)
