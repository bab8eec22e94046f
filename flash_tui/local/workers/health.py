"""Is a load-balanced worker ready? One request over its unix socket, by the very path that traffic takes.

The socket is bound before the worker exists, so the first request waits in its backlog until the worker serves: no
polling but for a worker that answers and is not ready yet.
"""

from __future__ import annotations

import asyncio

import anyio

FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.05
_REQUEST = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_OK = 200


async def ping(socket_path: str) -> int | None:
    """The status of one GET /ping; None if nobody answered properly.

    By asyncio's own streams: anyio's break (in a callback) when they are cancelled in the moment of an answer.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(socket_path)
    except OSError:
        return None
    try:
        writer.write(_REQUEST)
        parts = (await reader.readline()).split(b" ", 2)
        return int(parts[1]) if len(parts) > 1 and parts[1][:3].isdigit() else None
    except (OSError, ValueError):  # it broke off, or sent a line without an end
        return None
    finally:
        writer.close()


async def wait_until_healthy(socket_path: str) -> None:
    """Returns at the first 200. The caller sets the deadline."""
    pause_s = FIRST_PAUSE_S
    while await ping(socket_path) != _OK:
        await anyio.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
