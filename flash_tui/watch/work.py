"""What a generation needs of the rest of the program: a warm builder, and a platform that may come and go."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Self, TypeVar

import anyio

from flash_tui.build.builder import Builder
from flash_tui.build.prepared import PreparedBuild
from flash_tui.client import local_platform
from flash_tui.client.dialect import Dialect
from flash_tui.client.opening import open_dialect
from flash_tui.deploy.deployer import Deployer
from flash_tui.models.app import Environment
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import Conflict, FlashTuiError, NotFound, TargetUnreachable
from flash_tui.models.events import DeploymentChanged, EnvironmentChanged, StreamReset
from flash_tui.models.identifiers import BuildId, EnvironmentId
from flash_tui.models.release import StageReport
from flash_tui.models.states import Cause, Outcome, Stage
from flash_tui.settings import LOCAL_TARGET, Settings
from flash_tui.watch.decide import Files
from flash_tui.watch.folder import Folder
from flash_tui.watch.generation import Prepared, Released, Report, Ticket, Uploaded
from flash_tui.watch.memory import recall, remember

P = ParamSpec("P")
T = TypeVar("T")

WAIT_S = 25
NOTE_PATHS = 3


@dataclass(frozen=True, slots=True)
class BuiltHere:
    """A build of the watched folder. Implements `generation.Prepared`."""

    build: PreparedBuild
    files: Files

    @property
    def timings_ms(self) -> Mapping[str, float]:
        return self.build.timings_ms


class Workshop:
    """Builds and releases for one watch. Implements `generation.Work`; an async context manager."""

    def __init__(self, settings: Settings, environment: str, folder: Folder) -> None:
        self._settings = settings
        self._environment = environment
        self._folder = folder
        self._builder = Builder(settings)
        self._stack = AsyncExitStack()
        self._dialect: Dialect | None = None
        self._connecting = anyio.Lock()
        self._environment_id: EnvironmentId | None = None
        self._serving: BuildId | None = None
        self._knows_serving = False
        record = recall(settings, environment)
        # Above every generation the platform was told before, also where this machine's clock went back.
        self._base = max(time.time_ns() // 1_000_000, record.generation + 1 if record is not None else 0)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._builder)
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            await self._stack.aclose()

    # --- a generation -------------------------------------------------------------------------------------------------

    async def build(self, report: Report) -> BuiltHere:
        built = await self._builder.build(report)
        return BuiltHere(built, self._folder.files_of(built.snapshot))

    async def upload(self, prepared: Prepared, report: Report) -> Uploaded:
        assert isinstance(prepared, BuiltHere)
        began = time.perf_counter()
        report(StageReport(Stage.UPLOAD))
        build = await self._reached(self._upload, prepared.build, report)
        report(StageReport(Stage.UPLOAD, elapsed_ms=(time.perf_counter() - began) * 1000))
        return Uploaded(build_id=build.id, version=build.version, digest=build.digest)

    async def release(self, uploaded: Uploaded, ticket: Ticket, report: Report, stop: anyio.Event) -> Released:
        """Raises Conflict where somebody else changed the environment since it was seen last."""
        report(StageReport(Stage.BOOT))
        deployment = await self._reached(self._release, uploaded, ticket, stop)
        outcome = deployment.outcome or Outcome.FAILED
        if outcome == Outcome.SUCCEEDED:
            self.serves(BuildId(uploaded.build_id))
        return Released(outcome, error=deployment.error, timings_ms=deployment.timings_ms)

    async def went_live(self, ticket: Ticket, uploaded: Uploaded) -> None:
        def write() -> None:
            remember(
                self._settings,
                self._environment,
                ticket.files,
                build_id=uploaded.build_id,
                version=uploaded.version,
                generation=self._base + ticket.generation,
            )

        with suppress(OSError):  # at worst the next start deploys what is live already
            await anyio.to_thread.run_sync(write)

    async def warm(self) -> None:
        """Be ready for the first save. What fails here is told when it is needed."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._warm_builder)
            with suppress(FlashTuiError):
                await self._connected()

    async def _warm_builder(self) -> None:
        with suppress(FlashTuiError):
            await self._builder.warm()

    # --- the platform -------------------------------------------------------------------------------------------------

    def serves(self, build_id: BuildId | None) -> None:
        """The environment is known to serve this: what a release expects to find."""
        self._serving, self._knows_serving = build_id, True

    async def environment(self) -> Environment | None:
        """The environment as it is; None where it is not there yet, or no platform runs.

        Raises:
            TargetUnreachable: the platform does not answer.
        """
        if not await self._is_running():
            return None
        with suppress(NotFound):
            dialect = await self._connected()
            return await dialect.environment(self._settings.app, self._environment)
        return None

    async def happenings(self) -> AsyncGenerator[Environment | Deployment]:
        """The environment as it is now and whenever it changes, and its deployments as they happen.

        A platform that does not run is not started for this.

        Raises:
            TargetUnreachable: the connection was lost.
        """
        if not await self._is_running():
            raise TargetUnreachable("the platform does not run")
        dialect = await self._connected()
        try:
            while True:
                state = await dialect.state(self._settings.app)
                for environment in state.environments:
                    if self._is_ours(environment.app, environment.name):
                        yield environment
                async with aclosing(self._events(dialect, state.cursor)) as events:
                    async for happened in events:
                        yield happened
        except TargetUnreachable:
            await self._disconnect()
            raise

    async def _events(self, dialect: Dialect, cursor: int) -> AsyncGenerator[Environment | Deployment]:
        """Until the stream asks for a new state."""
        async for _, event in dialect.events(cursor, self._settings.app):
            if isinstance(event, StreamReset):
                return
            if isinstance(event, EnvironmentChanged):
                if self._is_ours(event.environment.app, event.environment.name):
                    yield event.environment
            elif isinstance(event, DeploymentChanged) and self._is_ours(
                event.deployment.app, event.deployment.environment
            ):
                yield event.deployment

    def _is_ours(self, app: str, environment: str) -> bool:
        return app == self._settings.app and environment == self._environment

    async def _is_running(self) -> bool:
        return self._settings.target != LOCAL_TARGET or await local_platform.find(self._settings.home) is not None

    async def _connected(self) -> Dialect:
        async with self._connecting:
            if self._dialect is None:
                self._dialect = await self._stack.enter_async_context(open_dialect(self._settings))
            return self._dialect

    async def _disconnect(self) -> None:
        """Look for the platform anew next time: it may come back at another address."""
        self._dialect = None
        self._environment_id = None
        self._knows_serving = False

    async def _reached(
        self, act: Callable[Concatenate[Dialect, P], Awaitable[T]], *args: P.args, **named: P.kwargs
    ) -> T:
        """Do something with the platform; if it is gone, the next act looks for it anew."""
        try:
            return await act(await self._connected(), *args, **named)
        except TargetUnreachable:
            await self._disconnect()
            raise

    async def _upload(self, dialect: Dialect, prepared: PreparedBuild, report: Report) -> Build:
        deployer = Deployer(dialect)
        await self._find_environment(dialect)
        try:
            return await deployer.upload(prepared, report)
        except NotFound:  # the app was deleted since we looked
            self._environment_id = None
            await self._find_environment(dialect)
            return await deployer.upload(prepared, report)

    async def _find_environment(self, dialect: Dialect) -> EnvironmentId:
        """The environment's id; app, pipeline and environment are made if they are not there."""
        if self._environment_id is None:
            stages = self._settings.pipeline.stages
            environment = await Deployer(dialect).ensure_environment(self._settings.app, self._environment, stages)
            self._environment_id = environment.id
            self.serves(environment.build.id if environment.build is not None else None)
        return self._environment_id

    async def _release(self, dialect: Dialect, uploaded: Uploaded, ticket: Ticket, stop: anyio.Event) -> Deployment:
        request = ReleaseRequest(
            environment_id=await self._find_environment(dialect),
            build_id=BuildId(uploaded.build_id),
            cause=Cause.SAVE,
            expected_build_id=self._serving,
            check_expected=self._knows_serving,
            generation=self._base + ticket.generation,
            note=shown_paths(ticket.paths),
        )
        try:
            deployment = await dialect.begin(request)
        except Conflict:
            self._environment_id = None  # look again, next time
            raise
        except NotFound as error:  # deleted since we looked: the next attempt makes it anew
            self._environment_id = None
            raise Conflict(error.what, where=error.where, hint=error.hint) from error
        if deployment.outcome is not None:
            return deployment
        return await self._until_ended(dialect, deployment, stop)

    async def _until_ended(self, dialect: Dialect, deployment: Deployment, stop: anyio.Event) -> Deployment:
        """Wait for a release; when told to stop, withdraw it, and see whether it had committed."""

        async def withdraw() -> None:
            await stop.wait()
            with suppress(FlashTuiError):  # whoever waits for the end hears it as well
                await dialect.cancel(deployment.id)

        ended, failure = deployment, None
        async with anyio.create_task_group() as group:
            group.start_soon(withdraw)
            try:
                while ended.outcome is None:
                    ended = await dialect.wait(deployment.id, WAIT_S)
            except FlashTuiError as error:  # raised as itself: a group of one is caught by nobody
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return ended


def shown_paths(paths: tuple[str, ...]) -> str:
    """`a.py, b.py and 4 more`: what set a release off, for its record."""
    more = len(paths) - NOTE_PATHS
    return ", ".join(paths[:NOTE_PATHS]) + (f" and {more} more" if more > 0 else "")
