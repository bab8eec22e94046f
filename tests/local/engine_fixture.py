"""An engine over a real store and workers without processes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flash_tui.local.data.jobs import new_job
from flash_tui.local.data.queue import ActiveJob
from flash_tui.local.engine import Engine, Listeners
from flash_tui.local.store import environments
from flash_tui.local.store.database import Store
from flash_tui.local.store.endpoints import list_endpoints
from flash_tui.local.store.environments import StoredEnvironment
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import Conflict, FlashTuiError, NotFound
from flash_tui.models.identifiers import BuildId, EndpointId, EnvironmentId
from flash_tui.models.log import LogLine
from flash_tui.models.states import Cause
from flash_tui.paths import Home
from flash_tui.runtime.redaction import Redactor
from tests.local.fake_workers import Behaviour, FakeArtifacts, FakeChild, FakeSource
from tests.local.state_builders import a_build, a_load_balanced_resource, a_resource, an_app

TOKEN = "the-token"
ORIGIN = "http://127.0.0.1:1"


@dataclass(eq=False)
class World:
    """What a test holds: the engine and everything it says."""

    engine: Engine
    store: Store
    source: FakeSource
    artifacts: FakeArtifacts
    environment_id: EnvironmentId
    lines: list[LogLine] = field(default_factory=list[LogLine])
    deployments: list[Deployment] = field(default_factory=list[Deployment])

    async def build(self, text: str, behaviour: Behaviour | None = None, **resources: dict[str, Any]) -> Build:
        resources = resources or {"resize": a_resource(), "web": a_load_balanced_resource()}
        app_id = (await self.environment()).app_id
        made = await self.store.transact(lambda connection: a_build(connection, app_id, text, **resources))
        self.artifacts.behaviours[made.id] = behaviour or Behaviour()
        return made

    def request(self, build: Build | None, **fields: Any) -> ReleaseRequest:
        build_id = None if build is None else build.id
        return ReleaseRequest(environment_id=self.environment_id, build_id=build_id, cause=Cause.DEPLOY, **fields)

    async def release(self, build: Build | None, **fields: Any) -> Deployment:
        begun = await self.engine.releases.begin(self.request(build, **fields))
        return begun if begun.outcome is not None else await self.engine.releases.wait(begun.id, 10)

    async def environment(self) -> StoredEnvironment:
        return await self.store.transact(lambda c: environments.get_environment(c, self.environment_id))

    async def endpoint(self, name: str) -> EndpointId:
        found = await self.store.transact(lambda c: list_endpoints(c, self.environment_id))
        return next(endpoint.id for endpoint in found if endpoint.name == name)

    async def submit(self, value: Any) -> ActiveJob:
        endpoint_id = await self.endpoint("resize")
        return await self.engine.dispatcher.submit(new_job(endpoint_id, {"input": value}, is_sync=False))

    async def call(self, value: Any) -> Any:
        """The output of a job, once it is final."""
        job = await self.submit(value)
        with anyio.fail_after(5):
            await job.final.wait()
        return json.loads(job.row.output_json or "null")

    def child(self, build: Build, number: int = 0) -> FakeChild:
        return self.children(build)[number]

    def children(self, build: Build, kind: str = "queue") -> list[FakeChild]:
        return [c for c in self.source.children if c.spec.app_dir.name == build.id and c.spec.kind == kind]


def errors_as_answers() -> dict[Any, Any]:
    """Exception handlers as the platform's app has them, in short."""
    statuses = {NotFound: 404, Conflict: 409}

    async def answer(_: Request, error: Exception) -> Response:
        assert isinstance(error, FlashTuiError)
        return JSONResponse({"error": error.document().model_dump()}, statuses.get(type(error), 400))

    return {FlashTuiError: answer}


async def until(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    """Wait for a condition that some task of this loop will make true."""
    with anyio.fail_after(limit_s):
        while not condition():  # noqa: ASYNC110 - a condition of several parts has no event of its own
            await anyio.sleep(0.001)


@asynccontextmanager
async def a_world(
    store: Store,
    folder: Path,
    environment_id: EnvironmentId | None = None,
    health_timeout_s: float = 5.0,
    errors: dict[BuildId, Exception] | None = None,
) -> AsyncIterator[World]:
    """A running engine; with `environment_id` one that follows another over the same store.

    `errors`: builds that cannot be prepared.
    """
    artifacts = FakeArtifacts()
    artifacts.errors.update(errors or {})
    lines: list[LogLine] = []
    deployments: list[Deployment] = []

    if environment_id is None:
        app = await store.transact(an_app)
        first = await store.transact(lambda c: environments.list_environments(c, app.id)[0])
        environment_id = first.id
    async with anyio.create_task_group() as group:
        source = FakeSource(group, artifacts)
        engine = Engine(
            home=Home(folder, folder / "layers"),
            token=TOKEN,
            origin=ORIGIN,
            store=store,
            artifacts=artifacts,
            open_source=source.open,
            listeners=Listeners(lambda _: None, deployments.append, lines.append, Redactor(TOKEN)),
            health_timeout_s=health_timeout_s,
        )
        source.engine = engine
        async with engine.running():
            yield World(engine, store, source, artifacts, environment_id, lines, deployments)
        group.cancel_scope.cancel()
