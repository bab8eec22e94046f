"""Processes nobody looks after: what a killed platform left behind, and what dying workers leave to this one."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread

from flash_tui.local import limits
from flash_tui.local.workers.environment import HOME_MARKER
from flash_tui.paths import Home

_log = logging.getLogger(__name__)

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE_S = 2.0
"""How long an ended child may wait for whoever started it. After that nobody will come."""


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies (Linux), so that none escapes."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - 5 ms, on Linux only

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


async def reap_orphans() -> None:
    """Collect adopted children that have ended; runs until cancelled and sleeps until a child ends.

    A child of our own is collected by its owner at once, so one that stays a zombie is nobody's. `waitpid(-1)` would
    steal the exit codes of our own.
    """
    if sys.platform != "linux":
        await anyio.sleep_forever()
    with anyio.open_signal_receiver(signal.SIGCHLD) as ended:
        async for _ in ended:
            seen = await anyio.to_thread.run_sync(_zombies)
            while seen:
                await anyio.sleep(_PATIENCE_S)
                now = await anyio.to_thread.run_sync(_zombies)
                _collect(seen & now)
                seen = now - seen


def _collect(pids: set[int]) -> None:
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _zombies() -> set[int]:
    """Our children that have ended and were not collected."""
    me = os.getpid()
    return {pid for pid in _pids() if _state_and_parent(pid) == ("Z", me)}


def _state_and_parent(pid: int) -> tuple[str, int] | None:
    try:
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode("ascii"), int(fields[1])


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir(_PROC) if name.isdigit())  # noqa: PTH208 - names are all that is wanted


def end_leftovers(home: Home) -> int:
    """Kill what a platform of this home left behind; how many there were.

    Only for the holder of the platform's lock: no other platform of this home lives. Returns when they are gone, or
    after `LEFTOVER_TIMEOUT_S`.
    """
    marker = f"{HOME_MARKER}={home.root}"
    spared = {os.getpid(), os.getppid()}
    count = _kill_by_pidfd(marker, spared) if _PROC.is_dir() else _kill_by_pid(marker, spared)
    if count:
        _log.warning("ended %d processes that the platform before left behind", count)
    return count


def _carries(pid: int, marker: str) -> bool:
    try:
        return os.fsencode(marker) in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return False


def _kill_by_pidfd(marker: str, spared: set[int]) -> int:
    """By descriptor, so that an id that was given to another process meanwhile is not hit."""
    found: list[int] = []
    try:
        for pid in _pids():
            if pid in spared or not _carries(pid, marker):
                continue
            with suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                found.append(descriptor)
                if _carries(pid, marker):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        _wait_ended(found)
    finally:
        for descriptor in found:
            os.close(descriptor)
    return len(found)


def _wait_ended(descriptors: list[int]) -> None:
    deadline = time.monotonic() + limits.LEFTOVER_TIMEOUT_S
    waiting = set(descriptors)
    while waiting and (left := deadline - time.monotonic()) > 0:
        poll = select.poll()
        for descriptor in waiting:
            poll.register(descriptor, select.POLLIN)
        waiting -= {descriptor for descriptor, _ in poll.poll(left * 1000)}


def _kill_by_pid(marker: str, spared: set[int]) -> int:
    """Where there is no /proc: `ps` shows the environment of the user's own processes."""
    deadline = time.monotonic() + limits.LEFTOVER_TIMEOUT_S
    first: set[int] | None = None
    while True:
        pids = _pids_by_ps(marker) - spared
        first = pids if first is None else first
        if not pids or time.monotonic() > deadline:
            return len(first)
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _pids_by_ps(marker: str) -> set[int]:
    command = ["/bin/ps", "-xEww", "-o", "pid=,command="]
    try:
        listing = subprocess.run(command, capture_output=True, check=True, timeout=limits.LEFTOVER_TIMEOUT_S).stdout
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("cannot look for leftovers: %s", error)
        return set()
    lines = (line.strip().partition(b" ") for line in listing.splitlines())
    wanted = b" " + os.fsencode(marker)
    return {int(pid) for pid, _, rest in lines if pid.isdigit() and (wanted + b" " in rest or rest.endswith(wanted))}
