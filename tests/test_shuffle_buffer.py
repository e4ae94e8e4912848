"""The parts of a shuffled pass on their own: order of row groups, what leaves the buffer, and when."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from loadstone.errors import DataError
from loadstone.loaders import shuffle_buffer
from loadstone.loaders.contract import LoaderConfig
from loadstone.loaders.documents import as_bytes, byte_values
from loadstone.loaders.row_views import RowViews
from loadstone.loaders.shuffle_buffer import START, ShuffleBuffer, pass_order

COUNTS = [3, 1, 4, 1, 5, 9, 2, 6]
SIZES = [0, 1, 2, 7, 31, 100]


def views(rows: list[str]) -> RowViews:
    return RowViews.of(pa.array(rows), "here")


class Letters:
    """Row groups of strings such as ``2:0``."""

    counts = COUNTS
    released = 0
    width = 0

    def rows(self, group: int) -> RowViews:
        return views([f"{group}:{place}".ljust(self.width) for place in range(COUNTS[group])])

    def release(self) -> None:
        self.released += 1


def test_row_groups_are_permuted_anew_by_epoch_and_seed() -> None:
    orders = {
        pass_order(COUNTS, LoaderConfig(seed=seed), epoch).groups for seed in range(3) for epoch in range(3)
    }
    assert len(orders) == 9
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert pass_order(COUNTS, LoaderConfig(shuffle=False), 1).groups == tuple(range(8))


def test_ranks_share_the_row_groups_of_an_epoch() -> None:
    shares = [pass_order(COUNTS, LoaderConfig(rank=rank, world_size=3), 5).groups for rank in range(3)]
    assert sorted(group for share in shares for group in share) == list(range(8))
    with pytest.raises(DataError, match="8 row groups cannot be shared among 9 ranks"):
        pass_order(COUNTS, LoaderConfig(world_size=9), 0)


def test_a_row_is_found_by_its_number() -> None:
    order = pass_order(COUNTS, LoaderConfig(), 0)
    found = [order.find(number) for number in range(order.total)]
    assert found == [(group, place) for group in order.groups for place in range(COUNTS[group])]


def buffer_of(size: int, state: Any = START, *, seed: int = 1, lead: bool = False) -> ShuffleBuffer:
    order = pass_order(COUNTS, LoaderConfig(), 0)
    return ShuffleBuffer(Letters(), order, size, (seed, 0, 0), state, views(["<"]) if lead else None)


def given(buffer: ShuffleBuffer) -> list[str]:
    return [row for turn in buffer for row in turn.rows.to_pylist()]


@pytest.mark.parametrize("size", SIZES)
def test_the_state_after_any_row_gives_the_rest(size: int) -> None:
    whole = given(buffer_of(size))
    before = 0
    for turn in buffer_of(size):
        for taken in range(turn.count + 1):
            state = json.loads(json.dumps(turn.state(taken)))
            assert given(buffer_of(size, state))[taken:] == whole[before + taken :]
        before += turn.count
    assert before == 31


@pytest.mark.parametrize("size", SIZES)
def test_each_row_leaves_the_buffer_once_and_no_more_are_held_than_asked_for(size: int) -> None:
    turns = list(buffer_of(size))
    rows = [row for turn in turns for row in turn.rows.to_pylist()]
    expected = [f"{group}:{place}" for group in pass_order(COUNTS, LoaderConfig(), 0).groups
                for place in range(COUNTS[group])]  # fmt: skip
    assert sorted(rows) == sorted(expected)
    assert [turn.count for turn in turns] == [len(turn.rows) for turn in turns]
    assert max(len(turn.held) for turn in turns) <= size
    assert (rows == expected) == (size == 0)


@pytest.mark.parametrize("size", SIZES)
def test_where_row_groups_are_small_a_bufferful_comes_in_at_once(size: int) -> None:
    leaving = [turn.count for turn in buffer_of(size)]
    assert min(leaving[:-1], default=size) >= size / 2  # the first leaves half of it behind
    assert len(leaving) <= 1 + len(COUNTS)


def test_half_of_what_came_waits_for_the_next_turn_and_leaves_among_it() -> None:
    first, second, *_ = buffer_of(7)
    order = [f"{group}:{place}" for group in pass_order(COUNTS, LoaderConfig(), 0).groups
             for place in range(COUNTS[group])]  # fmt: skip
    came = set(order[: second.cursor])
    waiting = [order[number] for number in second.held.tolist()]
    assert len(waiting) == len(came) // 2
    assert set(first.rows.to_pylist()) == came - set(waiting)
    rows = second.rows.to_pylist()
    assert set(waiting) <= set(rows)
    assert rows[: len(waiting)] != waiting
    assert set(rows) - came


def test_another_order_of_rows_has_another_version() -> None:
    """A state saved under the one must not be taken up under the other: change both lines together."""
    assert shuffle_buffer.ORDER_VERSION == 2
    assert " ".join(given(buffer_of(7))) == (
        "5:4 5:6 5:5 5:0 5:3 6:1 5:1 5:8 5:2 2:1 2:3 6:0 5:7 2:2 4:3 7:3 "
        "4:2 4:1 2:0 7:4 3:0 7:0 7:5 7:2 1:0 0:1 4:4 4:0 0:2 0:0 7:1"
    )


def test_every_row_can_come_first_and_last() -> None:
    orders = [given(buffer_of(100, seed=seed)) for seed in range(400)]
    assert len({tuple(order) for order in orders}) == 400
    assert {order[0] for order in orders} == {order[-1] for order in orders} == set(orders[0])


def test_draws_differ_by_seed_epoch_and_rank() -> None:
    order = pass_order(COUNTS, LoaderConfig(), 0)
    seeds = itertools.product(range(2), repeat=3)
    assert len({tuple(given(ShuffleBuffer(Letters(), order, 7, seed))) for seed in seeds}) == 8


def test_a_lead_stands_before_each_row_and_changes_nothing_else() -> None:
    rows = given(buffer_of(7, lead=True))
    assert set(rows[::2]) == {"<"}
    assert rows[1::2] == given(buffer_of(7))


def test_what_was_opened_is_released_however_a_pass_ends() -> None:
    order, letters = pass_order(COUNTS, LoaderConfig(), 0), Letters()
    assert len(given(ShuffleBuffer(letters, order, 7, (1, 0, 0)))) == 31
    assert letters.released == 1
    for _ in ShuffleBuffer(letters, order, 7, (1, 0, 0)):
        break
    assert letters.released == 2


@pytest.mark.parametrize("size", [0, 1, 4, 31])
def test_held_rows_keep_little_else_alive(size: int) -> None:
    """What leaves, and at most four times what is held, for which the rows that came with it are kept."""
    wide = Letters()
    wide.width = 1000
    buffer = ShuffleBuffer(wide, pass_order(COUNTS, LoaderConfig(), 0), size, (1, 0, 0))
    before, cursor = pa.total_allocated_bytes(), 0
    for number, turn in enumerate(buffer):
        assert turn.number == number
        came, cursor = cursor - turn.cursor, turn.cursor
        alive = (pa.total_allocated_bytes() - before) / wide.width
        assert alive < 1.2 * (turn.count + 4 * size) + 1, (number, came)


def test_documents_become_bytes_without_a_copy_and_come_back() -> None:
    ids, edges = np.array([7, 8, 9], np.uint16), np.array([0, 2, 2, 3])
    rows = as_bytes(ids, edges, ids.dtype)
    assert rows.to_pylist() == [b"\7\0\10\0", b"", b"\11\0"]
    assert rows.buffers()[2].address == ids.ctypes.data
    back, cuts = byte_values(rows[1:], ids.dtype)
    assert (back.tolist(), cuts.tolist()) == ([9], [0, 0, 1])
    assert as_bytes(ids, edges, np.dtype(np.int32)).to_pylist()[2] == b"\11\0\0\0"
