"""The order of the rows of one pass, and the bounded buffer they are shuffled through.

A pass is a number of turns. In each a row group comes in, or as many small ones as make up a buffer. Half of
the rows that came, drawn at random, are held for the next turn, or as many as the buffer has room for; the
others leave, mixed with those held from the turn before. So a row waits for one turn at most, however small
the row groups are, and moves further, on average, than by a shuffle of one bufferful after another. Rows are
drawn and held by where they lie (:mod:`.row_views`) and copied once, as they leave, by Arrow, many at a time:
a loop in Python that stops at every row costs more than all of the copying.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import DataError
from .row_views import RowViews

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt
    import pyarrow as pa

    from .contract import LoaderConfig
    from .saved_state import State

    Numbers = npt.NDArray[np.int64]

# Part of what a saved state is bound to: the same place holds other rows once a turn takes in, draws or
# gives rows by another rule. Count it up with such a change.
ORDER_VERSION = 2
FEW = 4  # rows held are copied where they are less than one in so many of those they came with
START: dict[str, Any] = {"turn": 0, "cursor": 0, "held": [], "taken": 0}


def order_facts(
    config: LoaderConfig, buffer_size: int, columns: Sequence[str], counts: Sequence[int]
) -> State:
    """What decides which row stands where in a pass, for a saved state to be bound to; plain data."""
    return {
        "seed": config.seed,
        "shuffle": config.shuffle,
        "buffer_size": buffer_size,
        "columns": list(columns),
        "rows": sum(counts),
        "row_groups": len(counts),
        "order_version": ORDER_VERSION,
    }


class RowSource(Protocol):
    """Rows by row group, of one type."""

    @property
    def counts(self) -> list[int]:
        """Rows in each row group."""
        ...

    def rows(self, group: int) -> RowViews:
        """The rows of one row group."""
        ...

    def release(self) -> None:
        """Close what was opened to read them; called once a pass is over or broken off."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class PassOrder:
    """The row groups one rank reads in one pass, in their order, and the number of each row.

    Attributes:
        groups: row groups in the order they are read.
        edges: the number of the first row of each, and the number of rows in all (one longer).
    """

    groups: tuple[int, ...]
    edges: tuple[int, ...]

    @property
    def total(self) -> int:
        """Rows this rank reads in the pass."""
        return self.edges[-1]

    def find(self, number: int) -> tuple[int, int]:
        """The row group that holds the row of that number, and its place there."""
        slot = bisect.bisect_right(self.edges, number) - 1
        return self.groups[slot], number - self.edges[slot]


def pass_order(counts: Sequence[int], config: LoaderConfig, epoch: int) -> PassOrder:
    """Which row groups this rank reads in an epoch: all of them, permuted alike, strided by rank.

    Raises:
        DataError: fewer row groups than ranks, so that a rank would get nothing.
    """
    if len(counts) < config.world_size:
        raise DataError(
            f"{len(counts)} row groups cannot be shared among {config.world_size} ranks; "
            "write the parquet files with smaller row groups, or take fewer ranks."
        )
    order = list(range(len(counts)))
    if config.shuffle:
        order = np.random.default_rng([config.seed, epoch]).permutation(len(counts)).tolist()
    groups = order[config.rank :: config.world_size]
    return PassOrder(tuple(groups), (0, *itertools.accumulate(counts[group] for group in groups)))


@dataclasses.dataclass(frozen=True)
class Turn:
    """Rows that leave the buffer together.

    Attributes:
        rows: in the order they are given, each behind the lead where there is one.
        count: how many they are, leads left out.
        number, cursor, held: the place at which the turn began; held rows by their numbers.
    """

    rows: pa.Array[Any]
    count: int
    number: int
    cursor: int
    held: Numbers

    def state(self, taken: int) -> dict[str, Any]:
        """The place in the pass when so many rows of the turn were taken, plain data."""
        return {"turn": self.number, "cursor": self.cursor, "held": self.held.tolist(), "taken": taken}


class ShuffleBuffer:
    """The rows of a pass, each once, shuffled through a buffer of ``size`` of them (0: left in their order).

    Iterating gives the turns, from the one on in which ``state`` stands, and that one whole. At most
    ``size`` rows are held, and as many or one row group come in.

    Args:
        seed: of all draws; each turn has its own, so that any can be had without those before it.
        lead: one row that is put before each that is given, such as a BOS; None for none.
    """

    def __init__(
        self,
        source: RowSource,
        order: PassOrder,
        size: int,
        seed: Sequence[int],
        state: Mapping[str, Any] = START,
        lead: RowViews | None = None,
    ) -> None:
        self._source, self._order, self._size, self._seed = source, order, size, tuple(seed)
        self._lead = [] if lead is None else [lead]
        self._turn, self._cursor = int(state["turn"]), int(state["cursor"])
        self._held: Numbers = np.array(state["held"], np.int64)
        self._waiting: list[RowViews] = []

    def __iter__(self) -> Iterator[Turn]:
        try:
            yield from self._turns()
        finally:
            self._source.release()

    def _turns(self) -> Iterator[Turn]:
        self._waiting = self._fetch(self._held)
        while self._cursor < self._order.total or len(self._held):
            yield self._next()

    def _next(self) -> Turn:
        number, cursor, held = self._turn, self._cursor, self._held
        came = self._come_in()
        numbers = np.append(held, np.arange(cursor, self._cursor))
        leaving, staying = self._draw(len(held), self._cursor - cursor)
        given = self._given([*self._waiting, *came], leaving)
        self._waiting = _kept(came, staying - len(held))
        self._turn, self._held = number + 1, numbers[staying]
        return Turn(given, len(leaving), number, cursor, held)

    def _given(self, rows: list[RowViews], leaving: Numbers) -> pa.Array[Any]:
        """The rows that leave, each behind its lead, in memory of their own."""
        if not self._lead:
            return RowViews.joined(rows).take(leaving).gathered()
        places = np.zeros(2 * len(leaving), np.int64)  # 0: of the lead
        places[1::2] = leaving + 1
        return RowViews.joined([*self._lead, *rows]).take(places).gathered()

    def _come_in(self) -> list[RowViews]:
        """The row groups that come in."""
        start, came = self._cursor, []
        while self._cursor < min(self._order.total, start + max(1, self._size)):
            group, first = self._order.find(self._cursor)
            came.append(self._source.rows(group).behind(first))
            self._cursor += len(came[-1])
        return came

    def _draw(self, held: int, came: int) -> tuple[Numbers, Numbers]:
        """Places of those that leave, in the order they are given, and of those that stay."""
        if not self._size:
            return np.arange(came), np.arange(0)
        staying = 0 if self._cursor == self._order.total else min(self._size, came // 2)
        # Counted from 1: trailing zeros would make this the seed of the row groups' order.
        rng = np.random.default_rng([*self._seed, 1 + self._turn])
        drawn = held + rng.permutation(came)
        return rng.permutation(np.append(np.arange(held), drawn[staying:])), drawn[:staying]

    def _fetch(self, numbers: Numbers) -> list[RowViews]:
        """Rows by their numbers, in that order; each row group is read once."""
        found = sorted((*self._order.find(number), at) for at, number in enumerate(numbers.tolist()))
        parts: list[RowViews] = []
        came: list[int] = []
        for group, items in itertools.groupby(found, key=lambda item: item[0]):
            _, places, at = zip(*items, strict=True)
            parts += _kept([self._source.rows(group)], np.array(places))
            came += at
        return [RowViews.joined(parts).take(np.argsort(came))] if parts else []

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers and views of the rows held; the rows are Arrow's memory, counted by itself."""
        return self._held.nbytes + sum(part.words.nbytes for part in self._waiting)


def _kept(rows: list[RowViews], places: Numbers) -> list[RowViews]:
    """Some of the rows, to be held; copied where they are few, for all that came with them is kept alive."""
    if not len(places):
        return []
    there = RowViews.joined(rows)
    kept = there.take(places)
    return [kept.copied() if FEW * len(kept) < len(there) else kept]
