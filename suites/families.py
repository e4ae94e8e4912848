"""All families of judges: importing this module fills the register, in the order of ``MODULES``."""

from __future__ import annotations

from . import (
    accounting,
    aliasing,
    contract,
    conversations,
    coverage,
    determinism,
    documents,
    endings,
    epochs,
    learning,
    lifetime,
    living,
    lookahead,
    masks,
    packing,
    pairs,
    parts,
    positions,
    ranks,
    repeats,
    residue,
    resume,
    rows,
    shapes,
    shards,
    shift,
    shuffling,
    supervision,
    transfer,
    windows,
    workers,
)
from .checks import FAMILIES, REGISTER, Check, judge, matches

MODULES = (
    shift, contract, packing, shapes, coverage, rows, parts, endings, repeats, windows, accounting,
    determinism, epochs, shuffling, resume, lookahead, ranks, shards, workers,
    masks, pairs, supervision, conversations, documents, positions, aliasing, lifetime, residue, living,
    learning, transfer,
)  # fmt: skip

# Judges enter as they are imported, which follows who imports whom; a reader wants the main things first.
_PLACE = {module.__name__: place for place, module in enumerate(MODULES)}
_ordered = sorted(REGISTER.items(), key=lambda entry: _PLACE[entry[1].judge.__module__])
REGISTER.clear()
REGISTER.update(_ordered)

__all__ = ["FAMILIES", "MODULES", "REGISTER", "Check", "judge", "matches"]
