"""Pieces of tokens laid end to end, cut into flat buffers of B*T+1 that overlap by one token.

Every token is written once, into the buffer that is given away. The last token of a buffer is the
first of the next, so every transition is trained; it needs no copy of its own, because the stream
simply stands one token back after each cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import DataError

if TYPE_CHECKING:
    from .corpus import Corpus

Tag = TypeVar("Tag")
Array = npt.NDArray[Any]


class JoinedTokens(Generic[Tag]):
    """Pieces read one after another as one stream, from which buffers are filled.

    A piece is an array, or a tuple of arrays of equal length: the ids, and whatever goes with each
    of them (a mask). The next piece is asked for only when the last one is used up.

    Args:
        pieces: each with its tag.
        offset: where in the first piece the first buffer begins.

    Attributes:
        tag: the name of the piece the stream stands in; None before the first and after the last.
        offset: where in that piece the next buffer begins.
    """

    def __init__(
        self,
        pieces: Iterator[tuple[Tag, Array | tuple[Array, ...]]],
        offset: int = 0,
    ) -> None:
        self._pieces = pieces
        self._arrays: tuple[Array, ...] = ()
        self._length = 0
        self._first_offset = offset
        self.tag: Tag | None = None
        self.offset = 0

    def fill(self, outs: Sequence[Array]) -> int:
        """Write the stream into arrays (n,) of equal length, one for each array of a piece.

        Returns:
            How much was written: n, or less where the stream ends. After n the stream stands at
            the last token written, which the next call writes again as its first.
        """
        wanted = len(outs[0])
        columns: list[list[Array]] = [[] for _ in outs]
        done = self._take(0, wanted, columns)
        if done < wanted:
            done = self._take_pieces(done, wanted, columns)
        # One call for all pieces: a slice assignment for each costs more than what it copies.
        for out, column in zip(outs, columns, strict=True) if done else ():
            np.concatenate(column, out=out[:done], casting="unsafe")
        if done == wanted:
            self.offset -= 1
        return done

    def _take(self, done: int, wanted: int, columns: list[list[Array]]) -> int:
        """Add what is left of the piece in hand, or as much of it as is wanted; how much there is then."""
        start = self.offset
        end = self.offset = min(self._length, start + wanted - done)
        for column, array in zip(columns, self._arrays, strict=False):
            column.append(array[start:end])
        return done + end - start

    def _take_pieces(self, done: int, wanted: int, columns: list[list[Array]]) -> int:
        """Add the pieces that follow, until there is as much as is wanted or the stream ends."""
        whole = 0
        for tag, piece in self._pieces:
            arrays = piece if isinstance(piece, tuple) else (piece,)
            length = len(arrays[0])
            if self._first_offset or done + length > wanted:
                self.tag, self._arrays, self._length = tag, arrays, length
                self.offset, self._first_offset = self._first_offset, 0
                done = self._take(done, wanted, columns)
                whole = 0
            else:  # the whole piece, which most are, without a call
                for column, array in zip(columns, arrays, strict=False):
                    column.append(array)
                done += length
                whole = length
            if done == wanted:
                break
        else:
            self.tag, self._arrays, self._length, self.offset = None, (), 0, 0
            return done
        if whole:
            self.tag, self._arrays, self._length, self.offset = tag, arrays, whole, whole
        return done

    @property
    def nbytes(self) -> int:
        """Bytes of the piece the stream stands in."""
        return sum(array.nbytes for array in self._arrays)


def special_id(corpus: Corpus, name: str) -> int:
    """The id of a special token of the corpus.

    Raises:
        DataError: the corpus has no such token.
    """
    if name not in corpus.special:
        there = ", ".join(corpus.special) or "none"
        raise DataError(f"the corpus {corpus.name!r} has no special token {name}; it has {there}.")
    return corpus.special[name]
