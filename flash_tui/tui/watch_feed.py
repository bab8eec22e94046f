"""The watch's events into the snapshot: our own child's, or those of a watch that runs already."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from flash_tui.models.errors import ErrorDocument
from flash_tui.models.snapshot import Notice, NoticeKind, Snapshot
from flash_tui.models.watch_events import WatchEvent
from flash_tui.models.watch_view import WatchPhase
from flash_tui.settings import Settings, read_settings
from flash_tui.tui.store import Store
from flash_tui.watch.remote import Watch

PATIENCE_S = 20.0
AROUND = 2
NOTE_S = 10.0
MOST_BYTES = 1_000_000


class WatchFeed:
    """Keeps one watch running and says what it does."""

    def __init__(self, settings: Settings, environment: str | None, store: Store) -> None:
        self._settings = settings
        self._environment = environment or settings.pipeline.first
        self._store = store
        self._watch = Watch(settings, self._environment, target_was_named=_target_was_named(settings))
        self._group: TaskGroup | None = None
        self.is_on = False

    async def run(self) -> None:
        """Until cancelled. A protected environment is not watched."""
        if self._settings.rules(self._environment).protected:
            self._phase(WatchPhase.OFF, f"not watching: {self._environment} is protected")
            return
        self._phase(WatchPhase.STARTING)
        self.is_on = True
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                group.start_soon(self._complain)
                await self._watch.run(self._take)
        finally:
            self.is_on = False

    async def _complain(self) -> None:
        """A watch that does not come up is said to be so, with the file that says why."""
        await anyio.sleep(PATIENCE_S)
        if self._store.snapshot.watch.phase is not WatchPhase.STARTING:
            return
        log = self._settings.home.watch_journal(self._settings.project, self._environment).with_suffix(".log")
        notice = Notice(NoticeKind.NEEDS_YOU, "The watch does not start", f"{log} says why", "esc", "dismiss")
        self._store.apply(lambda snapshot: snapshot.with_notice(notice))

    async def send(self, command: str) -> bool:
        """`pause`, `resume`, `deploy` or `cancel`; False if nobody listens."""
        return self.is_on and await self._watch.send(command)

    def _take(self, event: WatchEvent) -> None:
        self._store.apply(lambda snapshot: with_watch_event(snapshot, event))
        if event.error is not None and event.error.file and event.error.line and self._group is not None:
            self._group.start_soon(self._read_excerpt, event.error)

    async def _read_excerpt(self, error: ErrorDocument) -> None:
        lines = await anyio.to_thread.run_sync(_excerpt, self._settings.project, error.file or "", error.line or 1)

        def show(snapshot: Snapshot) -> Snapshot:
            is_same = snapshot.watch.error is error
            return replace(snapshot, watch=replace(snapshot.watch, excerpt=lines)) if is_same else snapshot

        self._store.apply(show)

    def _phase(self, phase: WatchPhase, reason: str = "") -> None:
        environment = self._environment
        self._store.apply(
            lambda snapshot: replace(
                snapshot, watch=replace(snapshot.watch, phase=phase, environment=environment, reason=reason)
            )
        )


def with_watch_event(snapshot: Snapshot, event: WatchEvent) -> Snapshot:
    """What is to be noted about a build passes by once, when it is new."""
    fresh = [note for note in event.notes or () if note not in snapshot.watch.notes]
    after = replace(snapshot, watch=snapshot.watch.with_event(event))
    if not fresh:
        return after
    more = f"and {len(fresh) - 1} more: flash-tui build" if len(fresh) > 1 else ""
    return after.with_notice(Notice(NoticeKind.PASSING, fresh[0], more, lasts_s=NOTE_S))


def _target_was_named(settings: Settings) -> bool:
    """On the command line, that is: no other source says what `settings` say."""
    return read_settings(settings.project, os.environ).target != settings.target


def _excerpt(project: Path, file: str, line: int) -> tuple[tuple[int, str], ...]:
    """The lines around `line` of a file of the project, numbered; none if it cannot be read."""
    path = (project / file).resolve()
    try:
        if not path.is_relative_to(project.resolve()) or path.stat().st_size > MOST_BYTES:
            return ()
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    first = max(line - 1 - AROUND, 0)
    return tuple(enumerate(lines[first : line + AROUND], start=first + 1))
