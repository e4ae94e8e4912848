"""Messages between a process and its child: length-prefixed msgpack over a socket."""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import Any

import msgspec

_LENGTH = struct.Struct("<Q")
MAX_MESSAGE_BYTES = 1 << 34  # past it a length is no length: a subject wrote into the socket
_encoder = msgspec.msgpack.Encoder(enc_hook=str)  # what has no plain form travels as its name


class Closed(EOFError):
    """The other side is gone."""


class Silence(TimeoutError):
    """Nothing came before the deadline."""


class Channel:
    """One end of a socket that carries whole messages."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, message: Any) -> None:
        """Send one message: plain data or a msgspec struct.

        Raises:
            Closed: nobody listens any more.
        """
        body = _encoder.encode(message)
        try:
            self.sock.sendall(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise Closed(str(error)) from error

    def receive(self, deadline: float | None = None) -> bytes:
        """The body of the next message; ``deadline`` is a time of ``time.monotonic()``.

        Raises:
            Closed: the other side ended.
            Silence: the deadline passed.
        """
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, deadline))
        if length > MAX_MESSAGE_BYTES:
            raise Closed("what came is no message")
        return self._exactly(length, deadline)

    def receive_plain(self, deadline: float | None = None) -> Any:
        """The next message as plain data; raises as :meth:`receive`."""
        return msgspec.msgpack.decode(self.receive(deadline))

    def _exactly(self, size: int, deadline: float | None) -> bytes:
        parts: list[bytes] = []
        while size:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                    raise Silence
            try:
                part = self.sock.recv(min(size, 1 << 20))
            except OSError as error:
                raise Closed(str(error)) from error
            if not part:
                raise Closed("end of stream")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Close this end."""
        self.sock.close()


def pair() -> tuple[Channel, socket.socket]:
    """A channel for this process and the other end's socket, to hand on."""
    here, there = socket.socketpair()
    return Channel(here), there
