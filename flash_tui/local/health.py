"""Is a load-balanced worker ready? One request over its unix socket, by the very path that traffic takes.

The socket is bound before the worker exists, so the first request waits in its backlog until the worker serves: no
polling but for a worker that answers and is not ready yet.
"""

from __future__ import annotations

import anyio
from anyio.abc import ByteStream

FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.05
_REQUEST = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_MAX_HEAD_BYTES = 65536
_OK = 200


async def _status(stream: ByteStream) -> int | None:
    """The status code that a stream begins with; None if it is no HTTP."""
    head = b""
    while b"\r\n" not in head and len(head) < _MAX_HEAD_BYTES:
        head += await stream.receive()
    parts = head.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and parts[1][:3].isdigit() else None


async def ping(socket_path: str) -> int | None:
    """The status of one GET /ping; None if nobody answered properly."""
    try:
        async with await anyio.connect_unix(socket_path) as stream:
            await stream.send(_REQUEST)
            return await _status(stream)
    except (OSError, anyio.BrokenResourceError, anyio.EndOfStream, ValueError):
        return None


async def wait_until_healthy(socket_path: str) -> None:
    """Returns at the first 200. The caller sets the deadline."""
    pause_s = FIRST_PAUSE_S
    while await ping(socket_path) != _OK:
        await anyio.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
