"""Messages between a process and its child: whole, in order, and never waited for without end."""

from __future__ import annotations

import socket
import struct
import threading
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loadstone.harness.wire import Channel, Closed, Silence, pair

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text() | st.binary(max_size=2000),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@pytest.fixture
def ends():
    here, there = pair()
    other = Channel(there)
    yield here, other
    here.close()
    other.close()


@settings(max_examples=50, deadline=None)
@given(messages=st.lists(PLAIN, max_size=4))
def test_what_is_sent_arrives_whole_and_in_order(messages):
    here, there = pair()
    with there:
        for message in messages:
            here.send(message)
        other = Channel(there)
        assert [other.receive_plain(time.monotonic() + 60) for _ in messages] == messages
        here.close()
        with pytest.raises(Closed):
            other.receive()


def test_a_message_larger_than_any_buffer(ends):
    here, other = ends
    big = bytes(range(256)) * (1 << 17)  # 32 MiB
    sender = threading.Thread(target=here.send, args=([big, "end"],))
    sender.start()
    assert other.receive_plain(time.monotonic() + 60) == [big, "end"]
    sender.join()


def test_silence_is_told_from_an_end(ends):
    here, other = ends
    with pytest.raises(Silence):
        other.receive(time.monotonic() + 0.01)
    with pytest.raises(Silence):
        other.receive(time.monotonic() - 1)  # a deadline that has passed already
    here.send("late")
    assert other.receive_plain(time.monotonic() + 60) == "late"
    here.close()
    with pytest.raises(Closed):
        other.receive(time.monotonic() + 60)


def test_half_a_message_is_no_message(ends):
    here, other = ends
    here.sock.sendall(struct.pack("<Q", 100) + b"half")
    with pytest.raises(Silence):
        other.receive(time.monotonic() + 0.01)
    here.close()
    with pytest.raises(Closed):
        other.receive(time.monotonic() + 60)


def test_a_length_that_cannot_be_is_refused_at_once(ends):
    here, other = ends
    here.sock.sendall(b"Traceback (most recent call last)")
    with pytest.raises(Closed, match="no message"):
        other.receive(time.monotonic() + 60)


def test_sending_to_nobody_is_an_end(ends):
    here, other = ends
    other.close()
    with pytest.raises(Closed):
        here.send(b"x" * 10_000_000)
    here.close()
    with pytest.raises(Closed):
        here.send("after closing")


def test_what_has_no_plain_form_travels_as_its_name(ends):
    here, other = ends
    here.send({"device": socket.AF_UNIX.__class__, "kind": complex(1, 2)})
    told = other.receive_plain(time.monotonic() + 60)
    assert told["kind"] == "(1+2j)"
    assert isinstance(told["device"], str)


def test_structs_travel_as_themselves(ends):
    class Point(msgspec.Struct):
        x: int
        y: int = 0

    here, other = ends
    here.send(Point(3))
    assert msgspec.msgpack.decode(other.receive(time.monotonic() + 60), type=Point) == Point(3, 0)
