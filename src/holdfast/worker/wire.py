"""Frames between a worker and its process bodies: four bytes of length, then a JSON object. No pickle anywhere."""

import json
import socket
import struct
import threading
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

Frame: TypeAlias = dict[str, Any]

MOST = 4 * 1024 * 1024
"""Bytes of the largest frame. A result or arguments of 1 MiB take twice that at most, escaped."""

CHUNK = 256 * 1024

# Bound here: a body may replace functions of the json module.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_decode = json.JSONDecoder().decode
_HEADER = struct.Struct(">I")


class BrokenWire(Exception):
    """The other side sent something that is no frame."""


class Wire:
    """One end of a socket pair. Any thread may send; one receives."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._sending = threading.Lock()
        self._received = bytearray()

    def send(self, frame: Mapping[str, Any]) -> None:
        """Raises OSError where the other side is gone."""
        data = _encode(frame).encode("utf-8", "backslashreplace")
        with self._sending:
            self.sock.sendall(_HEADER.pack(len(data)) + data)

    def receive(self) -> Frame | None:
        """Wait for the next frame; None at the end of all frames."""
        while (frame := self.take()) is None:
            if not self.fill():
                return None
        return frame

    def take(self) -> Frame | None:
        """The next frame if it has arrived whole. Raises BrokenWire."""
        received = self._received
        if len(received) < _HEADER.size:
            return None
        (length,) = _HEADER.unpack_from(received)
        if length > MOST:
            raise BrokenWire(f"sent a frame of {length:,} bytes, the limit is {MOST:,}")
        end = _HEADER.size + length
        if len(received) < end:
            return None
        data = bytes(received[_HEADER.size : end])
        del received[:end]
        return _read(data)

    def fill(self) -> bool:
        """Wait for some bytes; False where no more will come."""
        try:
            data = self.sock.recv(CHUNK)
        except ConnectionError:
            return False
        self._received += data
        return bool(data)

    def close(self) -> None:
        self.sock.close()


def _read(data: bytes) -> Frame:
    try:
        frame: object = _decode(data.decode())
    except (ValueError, RecursionError) as error:
        raise BrokenWire("sent bytes that are no frame") from error
    if not isinstance(frame, dict) or not isinstance(cast("Frame", frame).get("kind"), str):
        raise BrokenWire("sent JSON that is no frame")
    return cast("Frame", frame)
