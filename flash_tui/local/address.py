"""Where a platform listens and how it says so."""

from __future__ import annotations

import json
import os
import secrets
import socket
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from flash_tui.local import limits
from flash_tui.models.errors import FlashTuiError
from flash_tui.models.platform import PlatformDocument
from flash_tui.paths import Home

LOOPBACK: Final = "127.0.0.1"
_FIRST_PORT: Final = 20_000
_PORTS: Final = 12_000
"""Below the range from which systems give ports to outgoing connections, so that a home's port stays free."""


def write_aside(path: Path, text: str) -> None:
    """Write a private file (0600) by rename: a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def publish_address(home: Home, document: PlatformDocument) -> None:
    """Say where the platform is, now that it listens."""
    write_aside(home.address_file, document.model_dump_json() + "\n")


def withdraw_address(home: Home, pid: int) -> None:
    """Take the address back, if it is (still) that of process `pid`."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads(home.address_file.read_text(encoding="utf-8"))["pid"] == pid:
            home.address_file.unlink()


def listen(home: Home) -> socket.socket:
    """A socket that listens on loopback, on this home's port: URLs that were handed out survive a restart.

    The port is remembered. The first time it follows from the home's path; a port that is taken is replaced by any.

    Raises:
        FlashTuiError: no port at all can be bound.
    """
    listener = next((found for port in _wanted_ports(home) if (found := _bind(port)) is not None), None)
    if listener is None:
        raise FlashTuiError(
            "the platform cannot listen on any port of 127.0.0.1",
            hint="look for a limit of open files or a sandbox that forbids it",
        )
    write_aside(_port_file(home), f"{listener.getsockname()[1]}\n")
    return listener


def _port_file(home: Home) -> Path:
    return home.platform / "port"


def _wanted_ports(home: Home) -> list[int]:
    follows = _FIRST_PORT + int(sha256(os.fsencode(home.root)).hexdigest()[:8], 16) % _PORTS
    try:
        remembered = int(_port_file(home).read_text(encoding="ascii"))
    except (OSError, ValueError):
        remembered = follows
    return [remembered, follows, 0]


def _bind(port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Connections of the platform before that are not quite gone yet must not keep its port from this one.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(limits.BACKLOG)
    except (OSError, OverflowError):
        listener.close()
        return None
    return listener
