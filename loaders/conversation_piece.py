"""Rendered conversations that follow each other, with what it takes to say where a token stands."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .conversations import Place

Ids = npt.NDArray[np.integer[Any]]
Sides = tuple[Ids, Ids]


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """Conversations that follow each other: one that was just rendered, or a whole pass from the cache.

    Attributes:
        sides: their ids, and the same as targets: an ignored id where not learnt; (n,) each.
        places: where each of them stands in the files.
        starts: where each begins in the ids.
        cuts: tokens cut off each.
        epoch: the pass they are given in.
    """

    sides: Sides
    places: tuple[Place, ...]
    starts: npt.NDArray[np.int64]
    cuts: npt.NDArray[np.int64]
    epoch: int = 0

    @classmethod
    def joined(cls, pieces: Sequence[Piece]) -> Piece:
        """All of them in one."""
        ids, targets = (np.concatenate(side) for side in zip(*(one.sides for one in pieces), strict=True))
        places = tuple(itertools.chain.from_iterable(one.places for one in pieces))
        lengths = [len(one.sides[0]) for one in pieces]
        cuts = np.concatenate([one.cuts for one in pieces])
        return cls((ids, targets), places, np.cumsum([0, *lengths])[:-1], cuts)

    def behind(self, start: Place, epoch: int) -> Piece:
        """The same in a pass of its own, without the conversations before a place; views."""
        first = next(
            (i for i, place in enumerate(self.places) if place.number >= start.number), len(self.places)
        )
        cut = int(self.starts[first]) if first < len(self.places) else len(self.sides[0])
        ids, targets = self.sides
        return Piece(
            (ids[cut:], targets[cut:]),
            self.places[first:],
            self.starts[first:] - cut,
            self.cuts[first:],
            epoch,
        )

    def find(self, offset: int) -> int:
        """Which of its conversations holds a token."""
        return int(self.starts.searchsorted(offset, "right")) - 1
