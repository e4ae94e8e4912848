"""What a saved state is bound to, and the refusal of one that belongs somewhere else.

An exact resume holds only over the same files, cut the same way: a state therefore carries these
facts as plain data, and a loader compares them with its own before it takes the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .contract import LoaderConfig
    from .corpus import Corpus

State = dict[str, Any]


def binding(loader: str, corpus: Corpus, config: LoaderConfig, **more: Any) -> State:
    """The facts a state depends on, plain data: loader, corpus, shape, ranks, and ``more``."""
    return {
        "loader": loader,
        "corpus": corpus.name,
        "fingerprint": corpus.manifest.fingerprint,
        "split": config.split,
        "batch_size": config.batch_size,
        "seq_len": config.seq_len,
        "rank": config.rank,
        "world_size": config.world_size,
        **more,
    }


def unbind(state: Mapping[str, Any], bound: Mapping[str, Any], fresh: Mapping[str, Any]) -> State:
    """The position in a saved state, after comparing what the state is bound to.

    Args:
        state: what ``state_dict()`` gave.
        bound: the facts of the loader that is to take it.
        fresh: a position of that loader; every name in it must be in the state.

    Raises:
        ValueError: a fact differs, or a name is missing; the message says which.
    """
    if not isinstance(state, Mapping) or not isinstance(state.get("bound"), Mapping):
        raise ValueError(f"this is no state of {bound['loader']}: it does not say what it is bound to.")
    saved = state["bound"]
    names = [*bound, *(name for name in saved if name not in bound)]
    differing = [
        f"{name} was {saved.get(name)!r} and is {bound.get(name)!r} here"
        for name in names
        if saved.get(name) != bound.get(name)
    ]
    if differing:
        raise ValueError(
            "this state belongs to another run: " + "; ".join(differing) + ". "
            "Restore it with the settings it was saved under."
        )
    missing = [name for name in fresh if name not in state]
    if missing:
        raise ValueError(f"this state of {bound['loader']} has no {' and no '.join(missing)}.")
    return {name: state[name] for name in fresh}
