"""`Client`: every verb of flash-tui as an async method. The command line and the terminal UI use nothing else.

    async with Client(settings) as client:
        result = await client.deploy("dev")

Importing this module loads no network code; entering the client does, and starts the local platform if that is the
target. Errors are of the family in `models.errors`; a release that fails is a result with `error` set.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flash_tui.models.app import App, Environment
from flash_tui.models.build import Build, BuildReference, BuiltArtifact
from flash_tui.models.deployment import Deployment
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import NotFound
from flash_tui.models.events import Event, PlatformState
from flash_tui.models.identifiers import BuildId, EndpointId
from flash_tui.models.job import HttpAnswer, Job, QueueAnswer
from flash_tui.models.log import LogLine
from flash_tui.models.release import Change, PromotionPlan, ReleaseResult, StageReport
from flash_tui.settings import Settings

if TYPE_CHECKING:
    from flash_tui.client.dialect import BuildFile, Dialect
    from flash_tui.client.opening import Session
    from flash_tui.client.target import Target

Report = Callable[[StageReport], None]


def silent(_: StageReport) -> None:
    """A report that nobody wants."""


class Client:
    """All verbs, for the project and target of `settings`; an async context manager.

    `app` and `environment` default to the project's app and the pipeline's first stage. `narrate` is told in words when
    the local platform has to be started. Methods raise `NotFound`, `TargetUnreachable`, `Unauthorised` as they apply.
    """

    def __init__(
        self, settings: Settings, *, narrate: Callable[[str], None] = lambda _: None, official_only: bool = False
    ) -> None:
        self.settings = settings
        self._narrate = narrate
        self._official_only = official_only
        self._stack = AsyncExitStack()
        self._opened: Session | None = None

    async def __aenter__(self) -> Self:
        """Raises `UsageError` if the settings name no target."""
        from flash_tui.client.opening import open_session  # noqa: PLC0415 - httpx: 100 ms that --help need not spend

        opening = open_session(self.settings, self._narrate, official_only=self._official_only)
        self._opened = await self._stack.enter_async_context(opening)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._opened = None
        await self._stack.aclose()

    @property
    def target(self) -> Target:
        """Where the platform is reached."""
        return self._session.target

    @property
    def capabilities(self) -> frozenset[str]:
        """What the target can do beyond the official protocol: `releases`, `events`, `history`, `logs`, `layers`."""
        return self._session.capabilities

    # --- everything at once

    async def state(self, app: str | None = None) -> PlatformState:
        """All apps (or one) at one instant."""
        return await self._dialect.state(app)

    def events(self, cursor: int, app: str | None = None) -> AsyncGenerator[tuple[int, Event]]:
        """Changes after a state's cursor. Raises `TargetUnreachable` when the connection is lost."""
        return self._dialect.events(cursor, app)

    # --- apps and environments

    async def apps(self) -> tuple[App, ...]:
        return await self._dialect.apps()

    async def app(self, name: str | None = None) -> App:
        return await self._dialect.app(name or self.settings.app)

    async def create_app(self, name: str | None = None) -> App:
        """With the environments of the pipeline, not deployed yet; what exists is left as it is."""
        return await self._dialect.create_app(name or self.settings.app, self.settings.pipeline.stages)

    async def delete_app(self, name: str) -> None:
        """With its environments, endpoints and builds; the history stays."""
        await self._dialect.delete_app(name)

    async def environments(self, app: str | None = None) -> tuple[Environment, ...]:
        """In pipeline order."""
        found = {item.name: item for item in await self._dialect.environments(app or self.settings.app)}
        return tuple(found[name] for name in self.settings.pipeline.order(tuple(found)))

    async def environment(self, app: str | None, name: str) -> Environment:
        return await self._dialect.environment(app or self.settings.app, name)

    async def create_environment(self, app: str | None, name: str) -> Environment:
        return await self._dialect.create_environment(app or self.settings.app, name)

    async def delete_environment(self, app: str | None, name: str) -> None:
        await self._dialect.delete_environment(app or self.settings.app, name)

    async def endpoints(self, app: str | None = None, environment: str | None = None) -> tuple[Endpoint, ...]:
        return (await self.environment(app, environment or self.settings.pipeline.first)).endpoints

    async def endpoint(self, app: str | None, environment: str | None, name: str) -> Endpoint:
        """By name or id."""
        return find_endpoint(await self.environment(app, environment or self.settings.pipeline.first), name)

    # --- builds

    async def builds(self, app: str | None = None) -> tuple[Build, ...]:
        """Newest first."""
        return await self._dialect.builds(app or self.settings.app)

    async def find_build(self, app: str | None, text: str) -> Build:
        """By `v14`, `14`, id, or six and more digits of the digest. Raises `UsageError` if several fit."""
        from flash_tui.deploy.plan import find_build  # noqa: PLC0415 - start-up, see __aenter__

        return find_build(await self.builds(app), text)

    async def manifest(self, build_id: str) -> dict[str, Any]:
        return await self._dialect.manifest(BuildId(build_id))

    async def build_files(self, build_id: str) -> tuple[BuildFile, ...]:
        """The user's files in a build."""
        return await self._dialect.build_files(BuildId(build_id))

    async def build_file(self, build_id: str, path: str) -> str:
        return await self._dialect.build_file(BuildId(build_id), path)

    async def differences(self, before: BuildReference | None, after: BuildReference) -> tuple[Change, ...]:
        """What changes from one build to another: resources, routes, settings, files."""
        from flash_tui.deploy.promote import differences  # noqa: PLC0415 - start-up, see __aenter__

        return await differences(self._dialect, before, after)

    async def build(self, report: Report = silent, output: Path | None = None) -> BuiltArtifact:
        """Build the project and write artifact and manifest. Needs no target: the client need not be entered.

        Raises:
            BuildFailed: with file, line and the user's traceback.
        """
        from flash_tui.build.builder import Builder  # noqa: PLC0415 - start-up, see __aenter__
        from flash_tui.build.outputs import write_outputs  # noqa: PLC0415

        async with Builder(self.settings) as builder:
            prepared = await builder.build(report)
            return await write_outputs(prepared, self.settings.project, output)

    # --- acts on an environment

    async def deploy(self, environment: str | None = None, report: Report = silent) -> ReleaseResult:
        """Build the project and bring an environment to it; both are created where missing. Cancelling withdraws it.

        Raises:
            BuildFailed: nothing reached the platform.
            Conflict: somebody else changed the environment meanwhile.
        """
        from flash_tui.build.builder import Builder  # noqa: PLC0415 - start-up, see __aenter__
        from flash_tui.deploy.deployer import Deployer  # noqa: PLC0415

        pipeline = self.settings.pipeline
        async with Builder(self.settings) as builder:
            prepared = await builder.build(report)
            deployer = Deployer(self._dialect)
            return await deployer.deploy(prepared, environment or pipeline.first, pipeline.stages, report)

    async def promotion_plan(
        self, source: str | None = None, target: str | None = None, app: str | None = None, build: str | None = None
    ) -> PromotionPlan:
        """What promoting changes: what serves in `source` (or `build`) into `target`, by default the next stage.

        Raises:
            UsageError: from or to where is not clear.
            NotFound: nothing serves in `source`, or there is no such environment or build.
            Conflict: the build's artifact was collected.
        """
        from flash_tui.deploy.promote import promotion_plan  # noqa: PLC0415 - start-up, see __aenter__

        app = app or self.settings.app
        return await promotion_plan(self._dialect, self.settings.pipeline, app, source, target, build)

    async def promote(self, plan: PromotionPlan, report: Report = silent) -> ReleaseResult:
        """Exactly the planned build. Raises `Conflict` if the target serves something else than when it was planned."""
        from flash_tui.deploy.promote import promote  # noqa: PLC0415 - start-up, see __aenter__

        return await promote(self._dialect, self.settings.pipeline, plan, report)

    async def rollback_plan(self, environment: str, app: str | None = None, to: str | None = None) -> PromotionPlan:
        """What rolling back changes; `to` names any build that has served there.

        Raises:
            Conflict: nothing served before, the build never served there, or its artifact was collected.
        """
        from flash_tui.deploy.rollback import rollback_plan  # noqa: PLC0415 - start-up, see __aenter__

        return await rollback_plan(self._dialect, app or self.settings.app, environment, to)

    async def rollback(self, plan: PromotionPlan, report: Report = silent) -> ReleaseResult:
        """Exactly the planned build. Raises `Conflict` as `promote` does."""
        from flash_tui.deploy.rollback import rollback  # noqa: PLC0415 - start-up, see __aenter__

        return await rollback(self._dialect, self.settings.pipeline, plan, report)

    async def undeploy(self, environment: str, app: str | None = None, report: Report = silent) -> ReleaseResult:
        """Remove an environment's endpoints, keep the builds."""
        from flash_tui.deploy.undeploy import undeploy  # noqa: PLC0415 - start-up, see __aenter__

        return await undeploy(self._dialect, app or self.settings.app, environment, report)

    async def history(
        self, app: str | None = None, environment: str | None = None, limit: int = 100
    ) -> tuple[Deployment, ...]:
        """Deployments, newest first; also of environments that are gone."""
        return await self._dialect.history(app or self.settings.app, environment, limit)

    # --- endpoints at work

    async def call(
        self,
        endpoint: str,
        body: object = None,
        environment: str | None = None,
        app: str | None = None,
        route: str | None = None,
    ) -> QueueAnswer | HttpAnswer:
        """Invoke an endpoint by name or id; `body` is its input, a route's body or its query parameters.

        Raises:
            UsageError: which route is meant is not clear; the hint lists them.
        """
        from flash_tui.client.calls import call  # noqa: PLC0415 - start-up, see __aenter__

        found = await self.environment(app, environment or self.settings.pipeline.first)
        return await call(self._session.data, found, find_endpoint(found, endpoint), body, route)

    async def logs(
        self,
        app: str | None = None,
        environment: str | None = None,
        endpoint: str | None = None,
        since: datetime | None = None,
        limit: int = 1000,
    ) -> tuple[LogLine, ...]:
        """The last `limit` lines, oldest first."""
        return await self._dialect.logs(app or self.settings.app, environment, endpoint, since, limit)

    def follow_logs(
        self,
        app: str | None = None,
        environment: str | None = None,
        endpoint: str | None = None,
        since: datetime | None = None,
    ) -> AsyncGenerator[LogLine]:
        """Lines since an instant (None: from now on), then as they come. Raises `TargetUnreachable` when lost."""
        from flash_tui.client.logs import LogQuery, follow_logs  # noqa: PLC0415 - start-up, see __aenter__

        query = LogQuery(app or self.settings.app, environment, endpoint, since)
        return follow_logs(self._dialect, query)

    async def jobs(self, endpoint_id: str, limit: int = 100) -> tuple[Job, ...]:
        """Jobs of a queue endpoint, newest first."""
        return await self._dialect.jobs(EndpointId(endpoint_id), limit)

    @property
    def _session(self) -> Session:
        assert self._opened is not None, "the client is used outside `async with`"
        return self._opened

    @property
    def _dialect(self) -> Dialect:
        return self._session.dialect


def find_endpoint(environment: Environment, name: str) -> Endpoint:
    """An environment's endpoint by name or id.

    Raises:
        NotFound: it has none such; the hint lists those it has.
    """
    for endpoint in environment.endpoints:
        if name in {endpoint.name, endpoint.id}:
            return endpoint
    known = ", ".join(endpoint.name for endpoint in environment.endpoints)
    hint = f"there are: {known}" if known else f"deploy first: flash-tui deploy -e {environment.name}"
    raise NotFound(f"no endpoint {name!r}", where=f"{environment.app} {environment.name}", hint=hint)
