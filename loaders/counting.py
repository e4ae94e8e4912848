"""Tokens that say where they are: three numberings that give each position an id and back.

With them shift, order, coverage, ranks and resume become arithmetic on source positions. A closed
form such as a quadratic modulo a prime would not do: it is a palindrome and affine, so a corpus
read backwards, or with every id one too high, would still look right.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Protocol

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.integer]
Positions = npt.NDArray[np.int64]

PRIME = 65521  # the largest prime below 2**16; ids from here to 65535 are special tokens
UNKNOWN = -1  # an id that stands nowhere in the corpus
SPECIAL = -2  # a special token: its neighbours tell where it stands


class Numbering(Protocol):
    """Which id stands at a position, and at which position an id stands."""

    @property
    def name(self) -> str:
        """The kind, as a corpus description says it."""
        ...

    @property
    def first_special(self) -> int:
        """The lowest id of a special token; every ordinary id lies below it."""
        ...

    def ids(self, positions: Positions) -> npt.NDArray[np.int64]:
        """Ids, int64, at ``positions`` (any shape)."""
        ...

    def locate(self, ids: Ids) -> Positions:
        """Positions, int64, of ``ids`` (any shape); UNKNOWN or SPECIAL where there is none."""
        ...


@dataclasses.dataclass(frozen=True)
class Permutation:
    """The default: at most 65,521 positions, each with an id of its own (uint16).

    The id at position p is a seeded permutation of p, so a single token names its position
    even with T = 1.
    """

    seed: int
    name: str = "permutation"
    first_special: int = PRIME

    @functools.cached_property
    def _forward(self) -> npt.NDArray[np.int64]:
        return np.random.default_rng([self.seed, PRIME]).permutation(PRIME).astype(np.int64)

    @functools.cached_property
    def _inverse(self) -> npt.NDArray[np.int64]:
        return np.argsort(self._forward)

    def ids(self, positions: Positions) -> npt.NDArray[np.int64]:
        """Ids, int64, at ``positions`` below 65,521 (any shape)."""
        return self._forward[np.asarray(positions, np.int64)]

    def locate(self, ids: Ids) -> Positions:
        """Positions, int64, of ``ids`` (any shape); UNKNOWN or SPECIAL where there is none."""
        wide = np.asarray(ids).astype(np.int64)
        found = self._inverse[np.clip(wide, 0, PRIME - 1)]
        found = np.where((wide < 0) | (wide > 65535), UNKNOWN, found)
        return np.where((wide >= PRIME) & (wide <= 65535), SPECIAL, found)


@dataclasses.dataclass(frozen=True)
class Keyed:
    """Long streams (uint32): a keyed bijection of ``bits`` bits, at most 2**bits positions.

    Multiplying by an odd number and folding the high half onto the low one are both invertible
    modulo 2**bits; two rounds of them spread neighbours far apart.
    """

    seed: int
    bits: int = 24
    name: str = "keyed"

    @property
    def first_special(self) -> int:
        """2**bits, the first id past the bijection."""
        return 1 << self.bits

    @functools.cached_property
    def _keys(self) -> tuple[int, int, int]:
        draw = np.random.default_rng([self.seed, self.bits]).integers(0, 1 << self.bits, 3)
        first, second, offset = (int(key) for key in draw)
        return first | 1, second | 1, offset

    def _fold(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        half = np.uint64((self.bits + 1) // 2)  # at least half the bits, so folding undoes itself
        return values ^ (values >> half)

    def ids(self, positions: Positions) -> npt.NDArray[np.int64]:
        """Ids, int64, at ``positions`` below 2**bits (any shape)."""
        first, second, offset = self._keys
        mask = np.uint64(self.first_special - 1)
        values = (np.asarray(positions).astype(np.uint64) + np.uint64(offset)) & mask
        values = (self._fold(values) * np.uint64(first)) & mask
        values = (self._fold(values) * np.uint64(second)) & mask
        return self._fold(values).astype(np.int64)

    def locate(self, ids: Ids) -> Positions:
        """Positions, int64, of ``ids`` (any shape); UNKNOWN or SPECIAL where there is none."""
        first, second, offset = self._keys
        size = self.first_special
        mask = np.uint64(size - 1)
        wide = np.asarray(ids).astype(np.int64)
        values = self._fold(np.clip(wide, 0, size - 1).astype(np.uint64))
        values = self._fold((values * np.uint64(pow(second, -1, size))) & mask)
        values = self._fold((values * np.uint64(pow(first, -1, size))) & mask)
        found = ((values - np.uint64(offset)) & mask).astype(np.int64)
        found = np.where((wide < 0) | (wide >= size + 15), UNKNOWN, found)
        return np.where((wide >= size) & (wide < size + 15), SPECIAL, found)


@dataclasses.dataclass(frozen=True)
class Sparse:
    """Huge sparse files (uint16, past 2**31 tokens): every window of three tokens is unique.

    With ``lo = p mod 65521`` and ``hi = p div 65521`` the id is a permutation of
    ``term(p) = (d[0] + ... + d[lo - 1] + hi) mod 65521``, where ``d`` is a permutation too. Two
    neighbours' terms differ by ``d[lo]``, which gives ``lo``, then ``hi``. (Plain counting for
    ``d`` and the term itself as id would do for that; but then a corpus read backwards, or with
    every id one too high, looks like consecutive positions throughout.) No window repeats one
    id, so the holes of the file, which read as zeros, stand nowhere.
    """

    seed: int = 0
    name: str = "sparse"
    first_special: int = PRIME

    @functools.cached_property
    def _names(self) -> Permutation:
        return Permutation(self.seed)

    @functools.cached_property
    def _steps(self) -> Permutation:
        return Permutation(self.seed + 1)

    @functools.cached_property
    def _sums(self) -> npt.NDArray[np.int64]:
        steps = self._steps.ids(np.arange(PRIME))  # which add up to 0 modulo the prime
        return (np.cumsum(steps) - steps) % PRIME

    def _term(self, positions: Positions) -> Positions:
        return (self._sums[positions % PRIME] + positions // PRIME) % PRIME

    def ids(self, positions: Positions) -> npt.NDArray[np.int64]:
        """Ids, int64, at ``positions`` below 65,521**2 (any shape)."""
        return self._names.ids(self._term(np.asarray(positions, np.int64)))

    def locate(self, ids: Ids) -> Positions:
        """Positions, int64, of rows of at least three tokens: (T,) or (B, T).

        Each row is anchored on its first three tokens and then compared with the source, so what
        does not run on from there is UNKNOWN (or SPECIAL), as is all of a shorter row.
        """
        terms = self._names.locate(np.atleast_2d(ids))
        found = np.minimum(terms, UNKNOWN)
        if terms.shape[-1] >= 3:
            anchor = self._anchor(terms[:, 0], terms[:, 1], terms[:, 2])
            positions = anchor[:, None] + np.arange(terms.shape[1])
            same = (self._term(positions) == terms) & (anchor >= 0)[:, None]
            found = np.where(same, positions, found)
        return found.reshape(np.shape(ids))

    def _anchor(self, first: Positions, second: Positions, third: Positions) -> Positions:
        """The position of ``first``: with ``lo`` plain, or next to where ``hi`` steps."""
        best = np.full(first.shape, UNKNOWN, np.int64)
        plain = self._steps.locate((second - first) % PRIME)
        for lo in (plain, np.full_like(plain, PRIME - 1)):
            start = (first - self._sums[lo]) % PRIME * PRIME + lo
            fits = (self._term(start + 1) == second) & (self._term(start + 2) == third)
            fits &= (first >= 0) & (second >= 0) & (third >= 0)
            best = np.where((best == UNKNOWN) & fits, start, best)
        return best


def numbering(kind: str, seed: int, size: int = 0) -> Numbering:
    """The numbering of that kind; ``size`` positions must fit in it."""
    if kind == "permutation":
        return Permutation(seed)
    if kind == "keyed":
        return Keyed(seed, bits=max(17, int(size).bit_length()))
    if kind == "markov":
        from .markov import Markov

        return Markov(seed, size)
    return Sparse(seed)
