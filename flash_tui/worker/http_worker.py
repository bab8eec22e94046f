"""A load-balanced worker: the generated handler's `app` under uvicorn, on a socket that the host bound."""

from __future__ import annotations

import os
import socket
from typing import Any

import uvicorn

from flash_tui.worker import handler_file

KEEP_ALIVE_S = 600
"""As the worker image starts uvicorn."""


def serve(folder: str, name: str, listen_fd: int) -> None:
    """Serve until SIGTERM, then finish what is open."""
    listener = socket.socket(fileno=listen_fd)
    config = uvicorn.Config(lambda: application(folder, name), factory=True, timeout_keep_alive=KEEP_ALIVE_S)
    uvicorn.Server(config).run(sockets=[listener])


def application(folder: str, name: str) -> Any:
    """The app of the handler file, with `/ping` if it has none. Runs inside the event loop, as in the image."""
    app = handler_file.load(folder, name).app
    if all(getattr(route, "path", None) != "/ping" for route in app.routes):

        @app.get("/ping")
        async def ping() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction] - the decorator uses it
            return {"status": "healthy", "endpoint": "lb", "id": os.getenv("RUNPOD_ENDPOINT_ID", "unknown")}

    return app
