"""File events of a project, settled into batches.

One watcher over the project's own folders, each watched by itself: an ignored folder (a virtual environment has
thousands) costs nothing, and a single watcher wakes up once for all. A new or vanished folder rebuilds the watcher and
asks for a look at everything, since what was written between its making and our watching it went unseen.

Events only say when to look. Where none arrive, or the kernel's limits are reached, a look every half second does.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError  # documented: "Rust backend direct usage"

from flash_tui.watch.git import GitFolder
from flash_tui.watch.litter import is_litter
from flash_tui.watch.mounts import file_system_of
from flash_tui.watch.settling import Batch, Settling

STEP_MS, DEBOUNCE_MS, TICK_MS = 10, 50, 1_000
POLL_S = 0.5
RECONCILE_S = 30.0
"""The cost of a lost event is bounded by this."""
MAX_GAP_S = 5.0
"""A tick later than this means that the machine slept."""
OVERFLOW_PATHS = 500
PROBE_S = 0.3
_DELETED = 3
"""watchfiles' number for a deletion."""


class Rules(Protocol):
    """What of the project's tree matters; paths are relative to its root, with `/`."""

    def ignores_folder(self, path: str) -> bool: ...

    def ignores_file(self, path: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the watching itself. `reason` is for people."""

    kind: Literal["gone", "back", "polling", "holding"]
    reason: str


@dataclass(frozen=True, slots=True)
class _Raw:
    at: float
    paths: frozenset[str]
    everything: bool = False
    bulk: bool = False


class Changes:
    """Watches one project. Run `run` in a task; iterate `stream` for what comes of it."""

    def __init__(
        self,
        root: Path,
        rules: Callable[[], Rules],
        *,
        settle_ms: int | None = None,
        force_polling: bool = False,
        poll_s: float = POLL_S,
    ) -> None:
        """`rules` is asked anew whenever the folders are listed: `.gitignore` may have changed."""
        self._root = Path(os.path.realpath(root))
        self._rules = rules
        self._settle_ms = settle_ms
        self._poll_s = poll_s
        self._force_polling = force_polling or bool(os.environ.get("WATCHFILES_FORCE_POLLING"))
        self._git = GitFolder.find(self._root)
        self._send: ObjectSendStream[Batch | Notice]
        self.stream: ObjectReceiveStream[Batch | Notice]
        self._send, self.stream = anyio.create_memory_object_stream[Batch | Notice](100)
        self._raw_send, self._raw = anyio.create_memory_object_stream[_Raw](1000)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. Started once the first watcher stands."""
        async with self._send, self._raw_send, self._raw, anyio.create_task_group() as group:
            group.start_soon(self._settle)
            first = True
            while True:
                if not self._root.is_dir():
                    await self._wait_for_return()
                trusted = await self._events_arrive()
                status = task_status if first else anyio.TASK_STATUS_IGNORED
                await (self._watch(status, announce=not first) if trusted else self._poll(status))
                first = False

    # --- events -----------------------------------------------------------------------------------------------------

    async def _events_arrive(self) -> bool:
        if self._force_polling:
            return False
        system = file_system_of(self._root)
        trusted = system.trusted
        if trusted is None:
            trusted = await anyio.to_thread.run_sync(_probe, self._root)
        if not trusted:
            await self._poll_from_now_on(f"file events do not arrive on this file system ({system.name})")
        return trusted

    async def _poll_from_now_on(self, why: str) -> None:
        self._force_polling = True
        await self._send.send(Notice("polling", f"{why}: looking every {self._poll_s:g} s"))

    async def _watch(self, task_status: anyio.abc.TaskStatus[None], *, announce: bool) -> None:
        """One watcher's life: until the folders change, the root goes or the kernel refuses."""
        rules = self._rules()
        folders = await anyio.to_thread.run_sync(list_folders, self._root, rules)
        try:
            notify = await anyio.to_thread.run_sync(_open_notify, [str(folder) for folder in folders])
        except FileNotFoundError:
            return  # a folder went while we listed them: list again
        except (OSError, WatchfilesRustInternalError) as error:
            await self._poll_from_now_on(_limit_text(error))
            return
        try:
            task_status.started()
            if announce:
                await self._raw_send.send(_Raw(time.monotonic(), frozenset(), everything=True, bulk=True))
            await self._read(notify, rules, frozenset(_relative(str(folder), self._root) for folder in folders))
        finally:
            notify.close()

    async def _read(self, notify: RustNotify, rules: Rules, folders: frozenset[str]) -> None:
        identity = _identity(self._root)
        stop = threading.Event()
        ticked_at = looked_at = time.monotonic()
        async with anyio.create_task_group() as group:
            group.start_soon(_set_when_cancelled, stop)
            while True:
                raw = await anyio.to_thread.run_sync(notify.watch, DEBOUNCE_MS, STEP_MS, TICK_MS, stop)
                now = time.monotonic()
                if isinstance(raw, set):
                    relative = {(kind, _relative(path, self._root)) for kind, path in raw}
                    if await self._take(relative, now, rules, folders):
                        break
                if now - ticked_at > MAX_GAP_S or now - looked_at > RECONCILE_S:
                    await self._raw_send.send(_Raw(now, frozenset(), everything=True))
                    looked_at = now
                if now - ticked_at >= TICK_MS / 1000 or not isinstance(raw, set):
                    ticked_at = now
                    if _identity(self._root) != identity:
                        break
            group.cancel_scope.cancel()

    async def _take(self, events: set[tuple[int, str]], now: float, rules: Rules, folders: frozenset[str]) -> bool:
        """Hand on what matters of one set of events; whether the watcher has to be made anew."""
        if len(events) > OVERFLOW_PATHS:
            await self._raw_send.send(_Raw(now, frozenset(), everything=True, bulk=True))
            return True
        paths: set[str] = set()
        rebuild = False
        for kind, path in events:
            if path in folders:
                rebuild = rebuild or kind == _DELETED
            elif kind != _DELETED and (self._root / path).is_dir():
                rebuild = rebuild or not rules.ignores_folder(path)
            elif not is_litter(path) and not rules.ignores_file(path):
                paths.add(path)
                rebuild = rebuild or path == ".gitignore"  # other folders may matter now
        if paths or rebuild:
            await self._raw_send.send(_Raw(now, frozenset(paths), bulk=rebuild, everything=rebuild))
        return rebuild

    # --- without events -----------------------------------------------------------------------------------------------

    async def _poll(self, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Ask for a look at everything, again and again, until the root goes."""
        task_status.started()
        while self._root.is_dir():
            await self._raw_send.send(_Raw(time.monotonic(), frozenset(), everything=True))
            await anyio.sleep(self._poll_s)

    async def _wait_for_return(self) -> None:
        await self._send.send(Notice("gone", f"the project's folder is gone: {self._root}"))
        while not self._root.is_dir():  # noqa: ASYNC110 - nothing tells when a folder comes into being
            await anyio.sleep(min(1.0, self._poll_s))
        await self._send.send(Notice("back", "the project's folder is back"))

    # --- settling -----------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        async for raw in self._raw:
            burst = Settling.begin(raw.at, self._settle_ms)
            burst.add(raw.paths, raw.at, everything=raw.everything, bulk=raw.bulk)
            await self._until_quiet(burst)
            batch = Batch(
                paths=frozenset(burst.paths),
                everything=burst.everything,
                first_at=burst.first_at,
                last_at=burst.last_at,
                settled_at=time.monotonic(),
            )
            await self._send.send(batch)

    async def _until_quiet(self, burst: Settling) -> None:
        held = False
        while True:
            locked = bool(burst.paths or burst.everything) and self._git.is_locked()
            burst.bulk = burst.bulk or locked or self._git.is_rebasing()
            now = time.monotonic()
            due = burst.due_at()
            if locked and now < burst.held_until():
                due = min(now + 0.05, burst.held_until())
                if not held and now - burst.first_at > 0.15:  # noqa: PLR2004 - no word about what is over in a blink
                    await self._send.send(Notice("holding", "git is at work in this folder"))
                    held = True
            elif due <= now:
                return
            with anyio.move_on_at(anyio.current_time() + due - now):
                raw = await self._raw.receive()
                burst.add(raw.paths, raw.at, everything=raw.everything, bulk=raw.bulk)


def list_folders(root: Path, rules: Rules) -> list[Path]:
    """The root and every folder under it that is not ignored; links to folders are not followed."""
    folders = [root]
    for folder in folders:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue  # gone or unreadable: nothing to see in it
        for entry in entries:
            with suppress(OSError):
                relative = _relative(entry.path, root)
                if entry.is_dir(follow_symlinks=False) and not rules.ignores_folder(relative):
                    folders.append(Path(entry.path))
    return folders


def _relative(path: str, root: Path) -> str:
    """`path` under `root`, with `/`; `.` for the root. Both are resolved: no question to the file system."""
    return path.removeprefix(str(root)).lstrip(os.sep).replace(os.sep, "/") or "."


def _open_notify(paths: list[str]) -> RustNotify:
    return RustNotify(paths, False, False, 300, False, True)  # noqa: FBT003 - it takes no keywords


def _probe(root: Path) -> bool:
    """Whether a file made in `.flash/` is noticed. Takes up to PROBE_S."""
    folder = root / ".flash"
    try:
        folder.mkdir(exist_ok=True)
        notify = _open_notify([str(folder)])
    except (OSError, WatchfilesRustInternalError):
        return False
    trial = folder / f".probe-{os.getpid()}"
    try:
        trial.touch()
        return isinstance(notify.watch(DEBOUNCE_MS, STEP_MS, int(PROBE_S * 1000), None), set)
    except OSError:
        return False
    finally:
        notify.close()
        trial.unlink(missing_ok=True)


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        status = root.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _limit_text(error: Exception) -> str:
    text = str(error)
    if "os error 28" in text or "limit" in text.lower():
        limit = Path("/proc/sys/fs/inotify/max_user_watches")
        value = limit.read_text(encoding="ascii").strip() if limit.exists() else "?"
        return (
            f"the kernel's limit of watched folders is reached (fs.inotify.max_user_watches = {value}; "
            "raise it with `sysctl fs.inotify.max_user_watches=524288`)"
        )
    if "os error 24" in text:
        return "the kernel's limit of watchers is reached (raise it with `sysctl fs.inotify.max_user_instances=512`)"
    return f"the folder cannot be watched ({text})"


async def _set_when_cancelled(stop: threading.Event) -> None:
    """The thread that waits for events looks at `stop`; a cancellation does not reach it."""
    try:
        await anyio.sleep_forever()
    finally:
        stop.set()
