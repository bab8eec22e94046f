"""The watch of one environment, put together: folder, session, builder, platform, journal, commands.

Its own process: `flash-tui watch --json` is the service. It survives what its project does and a platform that goes
away; what it knows of the past is in `memory`, what it says in the journal.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import anyio
import anyio.to_thread

from flash_tui.models.app import Environment
from flash_tui.models.deployment import Deployment
from flash_tui.models.errors import BuildFailed, FlashTuiError, TargetUnreachable, UsageError
from flash_tui.models.states import Cause, Outcome
from flash_tui.models.watch_events import WatchEvent
from flash_tui.settings import Settings, read_settings
from flash_tui.watch.changes import Changes
from flash_tui.watch.control import held_lock, read_commands, serve_commands, socket_path
from flash_tui.watch.folder import SETTINGS_FILE, Folder, timings
from flash_tui.watch.journal import Journal, new_header
from flash_tui.watch.memory import recall
from flash_tui.watch.session import Session
from flash_tui.watch.settling import Batch
from flash_tui.watch.work import Workshop

ANOTHER_LOOK_S = 0.02
"""An editor in the middle of a save is done after this."""
RECONNECT_S = 1.0

Emit = Callable[[WatchEvent], None]


async def run_watch(
    settings: Settings, environment: str, emit: Emit, *, once: bool = False, control: int | None = None
) -> int:
    """Watch until cancelled or told to end; the exit code.

    `once`: bring the environment to what is in the folder, then end. `control`: descriptor of a pipe that brings
    commands, and whose end is ours.

    Raises:
        UsageError: the environment is protected.
        Conflict: another process watches it.
    """
    if settings.rules(environment).protected:
        raise UsageError(
            f"{environment} is protected: no watch deploys to it",
            where=str(settings.project),
            hint=f"promote to it instead: flash-tui promote … {environment}",
        )
    with held_lock(settings, environment):
        path = socket_path(settings, environment)
        header = new_header(path, settings.project, environment)
        with Journal(settings.home.watch_journal(settings.project, environment), header) as journal:

            def tell(event: WatchEvent) -> None:
                with suppress(OSError):  # a full disk: who reads our output still hears
                    journal.write(event)
                emit(event)

            service = _Service(settings, environment, tell)
            return await (service.run_once() if once else service.run(control))


class _Service:
    def __init__(self, settings: Settings, environment: str, emit: Emit) -> None:
        self._settings = settings
        self._environment = environment
        self._emit = emit
        self._folder = Folder(settings)
        self._failed = False
        self._rollbacks: set[str] = set()
        """Those that have paused us; told once each."""

    async def run_once(self) -> int:
        """One generation, whatever was live; 0 if it is live in the end, 1 if it failed."""
        async with Workshop(self._settings, self._environment, self._folder) as work:
            session = await self._session(work, self._watch_outcome, is_patient=False)
            self._done = anyio.Event()
            session.deploy()
            async with anyio.create_task_group() as group:
                group.start_soon(session.run)
                await self._done.wait()
                group.cancel_scope.cancel()
        return 1 if self._failed else 0

    def _watch_outcome(self, event: WatchEvent) -> None:
        self._emit(event)
        if event.event in {"live", "failed"}:
            self._failed = event.event == "failed"
            self._done.set()

    async def run(self, control: int | None) -> int:
        """Until the pipe of commands ends, or for ever."""
        settings = self._settings
        async with Workshop(settings, self._environment, self._folder) as work:
            session = await self._session(work, self._emit)
            changes = Changes(self._folder.project.root, self._folder.rules, settle_ms=settings.watch.settle_ms)
            async with changes.stream, anyio.create_task_group() as group:
                handle = _Commands(session).handle
                await group.start(serve_commands, socket_path(settings, self._environment), handle)
                await group.start(changes.run)
                await self._ready(session, work)
                group.start_soon(session.run)
                group.start_soon(self._follow_changes, session, changes)
                group.start_soon(self._follow_platform, session, work)
                group.start_soon(work.warm)
                if control is None:
                    await anyio.sleep_forever()
                else:
                    await read_commands(control, handle)
                group.cancel_scope.cancel()
        return 0

    async def _session(self, work: Workshop, emit: Emit, *, is_patient: bool = True) -> Session:
        look = await anyio.to_thread.run_sync(self._folder.look)
        record = recall(self._settings, self._environment)
        live = record.files if record is not None else None
        session = Session(work, emit, seen=look.files, live=live, is_patient=is_patient)
        if record is not None:
            session.remember(record.build_id)
            session.served(record.build_id, record.version)
        return session

    async def _ready(self, session: Session, work: Workshop) -> None:
        """Say what is watched, and what serves; a platform that does not answer is told of when it is needed."""
        with suppress(FlashTuiError):
            environment = await work.environment()
            if environment is not None:
                self._take_environment(session, work, environment)
        self._say(
            "ready",
            project=str(self._settings.project),
            environment=self._environment,
            files=len(session.state.seen),
            version=session.version,
        )

    # --- the folder -------------------------------------------------------------------------------------------------

    async def _follow_changes(self, session: Session, changes: Changes) -> None:
        async for item in changes.stream:
            if isinstance(item, Batch):
                await self._look(session, item)
            elif item.kind == "gone":
                session.pause(item.reason)
            elif item.kind == "back":
                session.resume()
            else:
                self._say("waiting" if item.kind == "holding" else "notice", reason=item.reason)

    async def _look(self, session: Session, batch: Batch) -> None:
        """See what a burst of events has changed. A vanished or emptied file is believed at the second look only."""
        try:
            look = await anyio.to_thread.run_sync(self._folder.look)
            if look.vanished:
                await anyio.sleep(ANOTHER_LOOK_S)
                look = (await anyio.to_thread.run_sync(self._folder.look)).after(look)
        except BuildFailed:
            return  # the folder is going away, or a file is being written: there will be another event
        if SETTINGS_FILE in look.changed:
            await anyio.to_thread.run_sync(self._read_settings)
        saved_at, stages_ms = timings(look, batch, time.monotonic())
        session.saw(look.files, saved_at=saved_at, stages_ms=stages_ms, expected=bool(batch.paths))

    def _read_settings(self) -> None:
        """`[tool.flash-tui.watch]` holds from now on; all else is read at the start."""
        self._folder.configure(read_settings(self._settings.project, os.environ).watch)

    # --- the platform -----------------------------------------------------------------------------------------------

    async def _follow_platform(self, session: Session, work: Workshop) -> None:
        """Know what serves, whoever brought it there; a rollback pauses the watch, else the next save undoes it."""
        while True:
            try:
                async for happened in work.happenings():
                    if isinstance(happened, Environment):
                        self._take_environment(session, work, happened)
                    else:
                        self._take_deployment(session, happened)
            except TargetUnreachable:
                await anyio.sleep(RECONNECT_S)
            except FlashTuiError as error:
                self._say("notice", reason=error.what)
                return

    def _take_environment(self, session: Session, work: Workshop, environment: Environment) -> None:
        build = environment.build
        work.serves(build.id if build is not None else None)
        session.served(build.id if build is not None else None, build.version if build is not None else None)

    def _take_deployment(self, session: Session, deployment: Deployment) -> None:
        is_rollback = deployment.cause == Cause.ROLLBACK and deployment.outcome in {None, Outcome.SUCCEEDED}
        if is_rollback and deployment.id not in self._rollbacks:
            self._rollbacks.add(deployment.id)
            build = deployment.to_build.label if deployment.to_build is not None else "another build"
            session.pause(f"{self._environment} was rolled back to {build}")

    def _say(self, event: str, **fields: object) -> None:
        self._emit(WatchEvent.model_validate({"event": event, "at": datetime.now(UTC), **fields}))


class _Commands:
    """Words to acts."""

    def __init__(self, session: Session) -> None:
        self._acts: dict[str, Callable[[str], None]] = {
            "pause": lambda reason: session.pause(reason or "asked to"),
            "resume": lambda _: session.resume(),
            "deploy": lambda _: session.deploy(),
            "cancel": lambda _: session.cancel(),
        }

    def handle(self, word: str, reason: str) -> None:
        self._acts[word](reason)
