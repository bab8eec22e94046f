"""The daemon's life: lock, leftovers, port, parts, address, and the same backwards.

The lock is held for life, so whoever holds it may end what a killed platform left behind. The address appears when
requests are answered and goes first when the platform stops.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
from collections.abc import Callable

import anyio
import anyio.to_thread

from flash_tui.local import limits
from flash_tui.local.address import LOOPBACK, listen, publish_address, withdraw_address
from flash_tui.local.app import build_app
from flash_tui.local.front.door import Doorkeeper, FrontDoor
from flash_tui.local.platform import Identity, Platform, open_platform
from flash_tui.local.security import Gate, UrlSigner, secret_file
from flash_tui.local.workers.environment import HOME_MARKER
from flash_tui.local.workers.orphans import adopt_orphans, end_leftovers, reap_orphans
from flash_tui.models.errors import Conflict
from flash_tui.paths import Home
from flash_tui.runtime.file_lock import FileLock
from flash_tui.runtime.redaction import Redactor, secrets_in

_log = logging.getLogger(__name__)


async def run_daemon(home: Home, announce: Callable[[], None]) -> None:
    """Be the platform of `home` until a signal or a request says stop. `announce` is called once it answers.

    Raises:
        Conflict: another process is the platform of this home.
        FlashTuiError: a part cannot start.
    """
    lock = FileLock(home.platform_lock)
    if not lock.acquire():
        raise Conflict(
            "another process is the platform of this home",
            where=str(home.root),
            hint="`flash-tui platform status` shows it",
        )
    try:
        await _serve(home, announce)
    finally:
        lock.release()


async def _serve(home: Home, announce: Callable[[], None]) -> None:
    os.environ[HOME_MARKER] = str(home.root)  # every process started from here carries it
    adopt_orphans()
    _raise_file_limit()
    await anyio.to_thread.run_sync(end_leftovers, home)
    token = secret_file(home.token_file)
    secret = secret_file(home.platform / "url-secret")
    redactor, signer = Redactor(token, secret, *secrets_in(os.environ)), UrlSigner(secret)
    hide_secrets(redactor)
    listener = listen(home)
    origin = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    async with anyio.create_task_group() as group:
        async with open_platform(Identity(home, token, origin, signer, redactor)) as platform:
            door = FrontDoor(listener, Doorkeeper(Gate(token), signer, platform.engine.router, build_app(platform)))
            await group.start(door.serve)
            group.start_soon(reap_orphans)
            group.start_soon(_stop_on_signal, platform)
            publish_address(home, platform.document)
            _log.info("the platform listens on %s, pid %d", origin, os.getpid())
            announce()
            try:
                await platform.stop_requested.wait()
            finally:
                _log.info("the platform stops")
                withdraw_address(home, os.getpid())
        # Workers were stopped with the door open: they report what they had in hand.
        with anyio.move_on_after(limits.ANSWERS_STOP_TIMEOUT_S * 2, shield=True):
            await door.shut()
        group.cancel_scope.cancel()


async def _stop_on_signal(platform: Platform) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            platform.stop_requested.set()


def hide_secrets(redactor: Redactor) -> None:
    """From now on no log line carries a secret."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(redactor)


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.OPEN_FILES if hard == resource.RLIM_INFINITY else min(limits.OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
