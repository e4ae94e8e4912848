"""A counting corpus that is huge and sparse, for offsets that wrap."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from . import tokenizer
from .corpus import Corpus, Manifest
from .counting import PRIME, numbering
from .formats import finish, open_folder

if TYPE_CHECKING:
    from pathlib import Path

PLACE = 64  # tokens: three name a position, and windows that begin or end within a place hold fewer


def write_sparse(folder: Path, positions: int, window: int = 4096, every: int = 0) -> Corpus:
    """A huge uint16 token file that is mostly holes, written only where an offset could wrap.

    Written are ``window`` tokens on both sides of the start, the end, and every power of two from
    2**29 tokens on: a few hundred KiB of disk whatever the length. With ``every``, ``PLACE`` tokens
    are written at each multiple of so many tokens too, so that long random windows meet some.

    Raises:
        UsageError: more positions than the formula can tell apart (65521 squared).
    """
    if not 0 < positions <= PRIME**2:
        raise UsageError(f"a sparse corpus names 1 to {PRIME**2} positions, not {positions}.")
    names = numbering("sparse", 0)
    edges = [0, *(1 << power for power in range(29, 33) if 1 << power < positions), positions]
    runs = [(max(0, edge - window), min(positions, edge + window)) for edge in edges]
    starts = np.arange(0, positions - PLACE, every) if every else np.zeros(0, np.int64)
    places = names.ids(starts[:, None] + np.arange(PLACE)).astype("<u2")  # in one go: there are ten thousands
    open_folder(folder)
    with (folder / "train.bin").open("wb") as out:
        for low, place in zip(starts.tolist(), places, strict=True):
            os.pwrite(out.fileno(), place.data, low * 2)
        for low, high in runs:
            os.pwrite(out.fileno(), names.ids(np.arange(low, high)).astype("<u2").data, low * 2)
    return finish(
        folder,
        Manifest(
            name=f"counting-sparse-{positions}",
            kind="sparse",
            vocab_size=65536,
            special=tokenizer.specials(PRIME),
            num_tokens={"train": positions},
            token_files={"train": "train.bin"},
            fingerprint=f"sparse-{positions}",
        ),
    )
