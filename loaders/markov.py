"""Tokens of a known chain: what follows what is drawn, so what there is to learn is known exactly.

Every token has the same few shares for its successors, given to other tokens each time. So the
surprise of a true successor has one distribution, whatever came before, and its mean is the
entropy of the chain: independent draws, on which an exact interval can be put.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import numpy.typing as npt

from .counting import PRIME, SPECIAL, UNKNOWN, Ids, Positions

WORDS = 64  # ordinary ids
STEEPNESS = 1.6  # of the shares of successors: the first of them takes two fifths

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Markov:
    """A stream of ``size`` tokens of a first-order chain; the ids name no positions."""

    seed: int
    size: int
    name: str = "markov"
    first_special: int = PRIME

    @functools.cached_property
    def shares(self) -> Floats:
        """Chances of the first, second... successor of any token, (WORDS,)."""
        weights: Floats = np.arange(1, WORDS + 1, dtype=np.float64) ** -STEEPNESS
        shares: Floats = weights / weights.sum()
        return shares

    @functools.cached_property
    def _successors(self) -> npt.NDArray[np.int64]:
        """The first, second... successor of each token, (WORDS, WORDS)."""
        rng = np.random.default_rng([self.seed, WORDS])
        return np.stack([rng.permutation(WORDS) for _ in range(WORDS)])

    @functools.cached_property
    def _surprises(self) -> Floats:
        """-log P(y | x) in nats, (WORDS, WORDS)."""
        table = np.empty((WORDS, WORDS))
        np.put_along_axis(table, self._successors, np.broadcast_to(-np.log(self.shares), table.shape), axis=1)
        return table

    @functools.cached_property
    def _chain(self) -> npt.NDArray[np.int64]:
        ranks = np.random.default_rng([self.seed, WORDS, self.size]).choice(WORDS, self.size, p=self.shares)
        chain, token = np.empty(self.size, np.int64), 0
        for place, rank in enumerate(ranks.tolist()):
            token = int(self._successors[token, rank])
            chain[place] = token
        return chain

    @property
    def entropy(self) -> float:
        """Nats a token, given the one before: what the best bigram model reaches."""
        return float(-(self.shares * np.log(self.shares)).sum())

    @property
    def variance(self) -> float:
        """Variance of the surprise of one true successor, nats squared."""
        return float((self.shares * np.log(self.shares) ** 2).sum() - self.entropy**2)

    def surprise(self, x: Ids, y: Ids) -> Floats:
        """-log P(y | x) in nats for ordinary ids of equal shape."""
        return self._surprises[x, y]

    def ids(self, positions: Positions) -> npt.NDArray[np.int64]:
        """Ids, int64, at ``positions`` below ``size`` (any shape)."""
        return self._chain[np.asarray(positions, np.int64)]

    def locate(self, ids: Ids) -> Positions:
        """UNKNOWN, or SPECIAL for a special token: an id here stands in many places."""
        wide = np.asarray(ids).astype(np.int64)
        return np.where((wide >= PRIME) & (wide <= 65535), SPECIAL, UNKNOWN)
