"""How host and worker processes talk: length-prefixed JSON over a socket pair, descriptors riding along.

A frame is 4 bytes of big-endian length and a JSON object. Its `fds` says how many descriptors were sent with it.
Both ends use this file: the host imports it, the user's interpreter finds it beside `boot.py`. Standard library only.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from typing import Any

Message = dict[str, Any]

HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 64 * 1024 * 1024
_READ_BYTES = 65536
_MAX_FDS = 8


def encode(message: Message) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


class FrameReader:
    """Turns bytes as they arrive into messages; keeps received descriptors until their message is complete."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._fds: list[int] = []

    def feed(self, data: bytes, fds: list[int] | None = None) -> list[tuple[Message, list[int]]]:
        """All messages that are complete now, each with its descriptors.

        Raises:
            ValueError: not a frame of ours.
        """
        self._bytes += data
        self._fds += fds or []
        complete: list[tuple[Message, list[int]]] = []
        while len(self._bytes) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._bytes)
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            end = HEADER.size + length
            if len(self._bytes) < end:
                break
            message: Message = json.loads(self._bytes[HEADER.size : end])
            del self._bytes[:end]
            count = message.pop("fds", 0)
            complete.append((message, self._fds[:count]))
            del self._fds[:count]
        return complete


def receive(control: socket.socket, reader: FrameReader) -> list[tuple[Message, list[int]]] | None:
    """What one read brings; None at the end of the stream. Descriptors are close-on-exec."""
    fds = array.array("i")
    data, ancillary, _, _ = control.recvmsg(_READ_BYTES, socket.CMSG_SPACE(_MAX_FDS * fds.itemsize))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    for fd in fds:
        os.set_inheritable(fd, False)  # noqa: FBT003 - it takes no keywords
    if not data:
        return None
    return reader.feed(data, list(fds))


def send(control: socket.socket, message: Message) -> None:
    """Send without descriptors, blocking."""
    control.sendall(encode(message))


def write(fd: int, message: Message) -> None:
    """Send over a pipe, blocking."""
    data = memoryview(encode(message))
    while data:
        data = data[os.write(fd, data) :]
