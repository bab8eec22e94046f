"""Keeps the snapshot fresh: the whole state once, then events; when the target goes away, again and again until back.

Whatever the network does, nothing on screen is emptied: what was read stays, marked stale, and is reconciled on return.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import anyio

from flash_tui.api import Client
from flash_tui.models.errors import FlashTuiError
from flash_tui.models.events import LogsWritten, StreamReset
from flash_tui.models.snapshot import Link, LinkState, Notice, NoticeKind, Snapshot
from flash_tui.settings import Settings
from flash_tui.tui.store import Store

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 15.0
MOST_OLD_LINES = 500


class Feed:
    """Owns the client; others borrow it through `client`, which is None while there is no connection."""

    def __init__(self, settings: Settings, store: Store, now: Callable[[], datetime]) -> None:
        self.client: Client | None = None
        self._settings = settings
        self._store = store
        self._now = now
        self._wake = anyio.Event()
        self._retry_s = FIRST_RETRY_S
        self._lost_at: datetime | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            errors: list[FlashTuiError] = []
            try:
                await self._connect()
            except* FlashTuiError as group:
                errors = list(_leaves(group))
            finally:
                self.client = None
            if errors:
                await self._wait(errors[0])

    def retry_now(self) -> None:
        """Read everything anew, or stop waiting for the next try."""
        self._wake.set()

    async def _connect(self) -> None:
        async with Client(self._settings, narrate=self._narrate) as client:
            while True:
                await self._follow(client)

    def _narrate(self, words: str) -> None:
        """What takes long at the very start; later the row says that the target is lost, which matters more."""
        if not self._store.snapshot.is_known:
            self._store.apply(lambda snapshot: replace(snapshot, link=replace(snapshot.link, reason=words)))

    async def _follow(self, client: Client) -> None:
        """Read the state, then fold in events until the stream cannot go on from where it is."""
        state = await client.state()
        self.client = client
        is_first = not self._store.snapshot.is_known
        self._store.apply(lambda snapshot: replace(snapshot.with_state(state), link=Link(LinkState.LIVE)))
        self._back()
        async with anyio.create_task_group() as group:
            if is_first:
                group.start_soon(self._old_lines, client)
            group.start_soon(self._again, group.cancel_scope)
            async for _, event in client.events(state.cursor):
                if isinstance(event, StreamReset):
                    break
                self._store.apply(lambda snapshot, event=event: snapshot.with_event(event))
            group.cancel_scope.cancel()

    async def _again(self, scope: anyio.CancelScope) -> None:
        await self._wake.wait()
        self._wake = anyio.Event()
        scope.cancel()

    async def _old_lines(self, client: Client) -> None:
        """What was logged before this program looked."""
        for app in self._store.snapshot.apps:
            try:
                lines = await client.logs(app, limit=MOST_OLD_LINES)
            except FlashTuiError:
                return  # the stream tells if the target is gone; a target without logs has none
            self._store.apply(lambda snapshot, lines=lines: snapshot.with_event(LogsWritten(lines=lines)))

    def _back(self) -> None:
        self._retry_s = FIRST_RETRY_S
        if self._lost_at is not None:
            gone_s = (self._now() - self._lost_at).total_seconds()
            notice = Notice(NoticeKind.PASSING, f"back after {gone_s:.0f} s")
            self._store.apply(lambda snapshot: snapshot.with_notice(notice))
        self._lost_at = None

    async def _wait(self, error: FlashTuiError) -> None:
        self._lost_at = self._lost_at or self._now()
        retry_at = self._now() + timedelta(seconds=self._retry_s)
        reason = "" if self._store.snapshot.is_known and error.code == "unreachable" else _told(error)
        link = Link(LinkState.LOST, self._lost_at, reason, retry_at)
        self._store.apply(lambda snapshot: _stale(snapshot, link))
        with anyio.move_on_after(self._retry_s):
            await self._wake.wait()
        self._wake = anyio.Event()
        self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)


def _leaves(group: BaseExceptionGroup[FlashTuiError]) -> Iterator[FlashTuiError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _stale(snapshot: Snapshot, link: Link) -> Snapshot:
    return replace(snapshot, link=link)


def _told(error: FlashTuiError) -> str:
    return ", ".join(part for part in (error.what, error.hint) if part)
