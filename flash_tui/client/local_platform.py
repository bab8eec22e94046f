"""The embedded platform, as everyone but itself sees it: found, started on demand, stopped. Reached by HTTP only."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import anyio
import anyio.to_thread
import httpx
from pydantic import ValidationError

from flash_tui.models.errors import ErrorDocument, FlashTuiError, TargetUnreachable, error_from_document
from flash_tui.models.platform import PlatformDocument
from flash_tui.paths import Home
from flash_tui.runtime.file_lock import FileLock, is_locked

_HEALTH_TIMEOUT_S: Final = 5.0
_START_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 40.0
_LOOK_AGAIN_S: Final = 0.02
_MAX_LOG_BYTES: Final = 5 * 1024 * 1024
_LOG_LINES_SHOWN: Final = 12

_MARKER: Final = "FLASH_TUI_PLATFORM_HOME"
"""Marks the processes of a home's platform: the next one ends what the one before left behind."""


@dataclass(frozen=True, slots=True)
class PlatformAddress:
    url: str
    """Origin, without a slash at its end."""
    token: str
    pid: int
    document: PlatformDocument


def _say_nothing(_: str) -> None:
    return None


async def find(home: Home) -> PlatformAddress | None:
    """The running platform of `home`, asked for its health; None if there is none that answers."""
    try:
        told = PlatformDocument.model_validate_json(home.address_file.read_bytes())
        token = home.token_file.read_text(encoding="ascii").strip()
    except (OSError, ValidationError):
        return None
    try:
        async with open_client(told.url, token) as client:
            answer = await client.get("/flash-tui/v1/platform", timeout=_HEALTH_TIMEOUT_S)
        document = PlatformDocument.model_validate_json(answer.content)
    except (httpx.HTTPError, ValidationError):
        return None
    if not answer.is_success or document.home != str(home.root):
        return None  # another program has that port now
    return PlatformAddress(document.url, token, document.pid, document)


async def ensure_running(home: Home, report: Callable[[str], None] = _say_nothing) -> PlatformAddress:
    """The platform of `home`, started if need be. Of many callers at once one starts it, all get it.

    Raises:
        TargetUnreachable: it does not start or does not answer; says why, with the last lines of its log.
    """
    if (address := await find(home)) is not None:
        return address
    with anyio.move_on_after(_START_TIMEOUT_S):
        lock = FileLock(home.start_lock)
        try:
            await _until(lock.acquire)
            if (address := await find(home)) is None:
                address = await _start(home, report)
        finally:
            lock.release()
        return address
    raise _failed(home, f"the local platform did not start within {_START_TIMEOUT_S:.0f} s")


async def stop(home: Home) -> bool:
    """Stop the platform of `home` in order and wait until it has let go; False if none ran.

    Raises:
        TargetUnreachable: it goes on all the same.
    """
    address = await find(home)
    if address is not None:
        async with open_client(address.url, address.token) as client:
            with suppress(httpx.HTTPError):  # it may be gone already; the lock tells
                await client.post("/flash-tui/v1/platform/stop", timeout=_HEALTH_TIMEOUT_S)
    elif not is_locked(home.platform_lock):
        return False
    with anyio.move_on_after(_STOP_TIMEOUT_S):
        await _until(lambda: not is_locked(home.platform_lock))
        return True
    raise _failed(home, f"the local platform did not stop within {_STOP_TIMEOUT_S:.0f} s")


async def reset(home: Home) -> None:
    """Stop the platform of `home` and delete all it holds.

    Raises:
        TargetUnreachable: it does not stop.
    """
    await stop(home)
    lock = FileLock(home.start_lock)
    try:
        with anyio.fail_after(_START_TIMEOUT_S):
            await _until(lock.acquire)
        # Somebody may have started one between the two lines above; once the lock is ours nobody does.
        await stop(home)
        await anyio.to_thread.run_sync(_delete, home.platform)
    finally:
        lock.release()


def _delete(folder: Path) -> None:
    """By a rename first, so that a platform started meanwhile begins with an empty folder of its own."""
    aside = folder.with_name(f"{folder.name}.{secrets.token_hex(6)}.deleted")
    folder.rename(aside)
    for path, _, _ in os.walk(aside):
        Path(path).chmod(0o700)  # unpacked builds are read-only
    shutil.rmtree(aside)


def official_environment(address: PlatformAddress) -> dict[str, str]:
    """The variables that point the official tools and packages at the platform. Source: runpod_flash `core/urls.py`."""
    return {
        "RUNPOD_API_BASE_URL": address.url,
        "RUNPOD_ENDPOINT_BASE_URL": f"{address.url}/v2",
        "RUNPOD_REST_API_URL": f"{address.url}/v1",
        "RUNPOD_HAPI_URL": address.url,
        "RUNPOD_CONSOLE_URL": address.url,
        "RUNPOD_URL_MIXED_OK": "1",
        "RUNPOD_API_KEY": address.token,
    }


async def follow_log(home: Home, every_s: float) -> AsyncIterator[str]:
    """Lines as they are added to the platform's log; never ends. A log that begins anew is read from its start."""
    offset = home.platform_log.stat().st_size if home.platform_log.exists() else 0
    rest = b""
    while True:
        await anyio.sleep(every_s)
        try:
            with home.platform_log.open("rb") as file:
                offset = offset if offset <= os.fstat(file.fileno()).st_size else 0
                file.seek(offset)
                added = file.read()
        except FileNotFoundError:
            continue
        offset += len(added)
        *lines, rest = (rest + added).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")


def log_tail(home: Home, lines: int) -> list[str]:
    """The last lines of the platform's log."""
    try:
        with home.platform_log.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=lines)]
    except FileNotFoundError:
        return []


def open_client(url: str, token: str) -> httpx.AsyncClient:
    """A client of the platform at `url`, and of nobody else."""
    # trust_env: a proxy for this machine's own loopback is never what anybody means.
    # verify: it is plain http, and reading the root certificates takes 15 ms.
    nothing_trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, verify=nothing_trusted)


async def _until(condition: Callable[[], bool]) -> None:
    """Locks cannot be waited for without a thread that no cancellation reaches."""
    while not condition():  # noqa: ASYNC110 - see above
        await anyio.sleep(_LOOK_AGAIN_S)


async def _start(home: Home, report: Callable[[str], None]) -> PlatformAddress:
    """Spawn the daemon. Called with the start lock."""
    while True:
        while is_locked(home.platform_lock):  # by one that is on its way in or out, or stuck, which is told in the end
            await anyio.sleep(_LOOK_AGAIN_S)
            if (address := await find(home)) is not None:
                return address
        report("starting the local platform")
        told = await anyio.to_thread.run_sync(_spawn, home, abandon_on_cancel=True)
        if (address := await find(home)) is not None:
            return address
        if is_locked(home.platform_lock):
            continue  # one whose starter gave up was faster
        error = told.get("error")
        if error is None:
            raise _failed(home, "the local platform did not start")
        raise error_from_document(ErrorDocument.model_validate(error))


def _spawn(home: Home) -> dict[str, object]:
    """Start the daemon detached and read what it says on its ready pipe; nothing if it ends without a word."""
    home.root.mkdir(parents=True, exist_ok=True)
    home.platform.mkdir(parents=True, exist_ok=True, mode=0o700)
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as pipe:
        try:
            with _open_log(home.platform_log) as log:
                starter = subprocess.Popen(
                    [sys.executable, "-P", "-m", "flash_tui.local", "--detach", "--ready-fd", str(writing)],
                    cwd=home.root,
                    env=_environment(home),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(writing,),
                    start_new_session=True,
                )
        finally:
            os.close(writing)
        starter.wait()
        line = pipe.readline()
    try:
        return json.loads(line) if line else {}
    except ValueError:
        return {}


def _environment(home: Home) -> dict[str, str]:
    """The platform must not depend on who happened to start it: no keys or settings of other tools, no search paths."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("FLASH_TUI_") or not name.startswith(("RUNPOD_", "FLASH_", "PYTHON"))
    }
    return kept | {"FLASH_TUI_HOME": str(home.root), "FLASH_TUI_LAYERS": str(home.layers), _MARKER: str(home.root)}


def _open_log(path: Path) -> BinaryIO:
    with suppress(FileNotFoundError):
        if path.stat().st_size > _MAX_LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _failed(home: Home, what: str) -> FlashTuiError:
    tail = log_tail(home, _LOG_LINES_SHOWN)
    return TargetUnreachable(
        what,
        where=str(home.platform_log),
        hint="`flash-tui platform logs` shows more; `flash-tui platform start` tries again",
        traceback="\n".join(tail) or None,
    )
