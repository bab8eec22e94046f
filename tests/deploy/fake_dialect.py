"""A target in memory: acts succeed at once unless told otherwise."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import anyio

from flash_tui.client.dialect import BuildFile, Parts, Progress
from flash_tui.models.app import App, Environment
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import Conflict, ErrorDocument, NotFound
from flash_tui.models.events import Event, PlatformState
from flash_tui.models.identifiers import BuildId, DeploymentId, EndpointId
from flash_tui.models.job import Job
from flash_tui.models.log import LogLine
from flash_tui.models.states import EnvironmentState, Outcome
from tests.builders import APP, NOW, a_reference, an_app, an_environment


@dataclass
class FakeDialect:
    """Implements `client.dialect.Dialect`."""

    announces_logs: bool = True
    held: dict[str, Environment] = field(default_factory=dict)
    """Environments by name."""
    kept: tuple[Build, ...] = ()
    past: tuple[Deployment, ...] = ()
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, tuple[BuildFile, ...]] = field(default_factory=dict)
    outcome: Outcome = Outcome.SUCCEEDED
    error: ErrorDocument | None = None
    hangs: bool = False
    """A release never ends by itself."""
    requests: list[ReleaseRequest] = field(default_factory=list)
    created: list[tuple[str, ...]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    waiting: anyio.Event = field(default_factory=anyio.Event)

    async def state(self, app: str | None = None) -> PlatformState:
        del app
        return PlatformState(cursor=0)

    async def events(self, cursor: int, app: str | None = None) -> AsyncGenerator[tuple[int, Event]]:
        del cursor, app
        return
        yield

    async def apps(self) -> tuple[App, ...]:
        return (an_app(),)

    async def app(self, name: str) -> App:
        return an_app(name)

    async def create_app(self, name: str, environments: Sequence[str]) -> App:
        self.created.append(tuple(environments))
        for environment in environments:
            pending = an_environment(environment, build=None, state=EnvironmentState.PENDING, endpoints=(), app=name)
            self.held.setdefault(environment, pending)
        return an_app(name)

    async def delete_app(self, name: str) -> None:
        raise NotImplementedError(name)

    async def environments(self, app: str) -> tuple[Environment, ...]:
        del app
        return tuple(self.held.values())

    async def environment(self, app: str, name: str) -> Environment:
        if name not in self.held:
            raise NotFound(f"no environment {name}", where=app)
        return self.held[name]

    async def create_environment(self, app: str, name: str) -> Environment:
        raise NotImplementedError(app, name)

    async def delete_environment(self, app: str, name: str) -> None:
        raise NotImplementedError(app, name)

    async def builds(self, app: str) -> tuple[Build, ...]:
        del app
        return self.kept

    async def manifest(self, build_id: BuildId) -> dict[str, Any]:
        return self.manifests.get(build_id, {})

    async def build_files(self, build_id: BuildId) -> tuple[BuildFile, ...]:
        if build_id not in self.files:
            raise NotFound("collected")
        return self.files[build_id]

    async def build_file(self, build_id: BuildId, path: str) -> str:
        raise NotImplementedError(build_id, path)

    async def history(self, app: str, environment: str | None, limit: int) -> tuple[Deployment, ...]:
        del app, environment, limit
        return self.past

    async def logs(
        self, app: str, environment: str | None, endpoint: str | None, since: datetime | None, limit: int
    ) -> tuple[LogLine, ...]:
        raise NotImplementedError(app, environment, endpoint, since, limit)

    async def jobs(self, endpoint_id: EndpointId, limit: int) -> tuple[Job, ...]:
        raise NotImplementedError(endpoint_id, limit)

    async def upload(self, parts: Parts, progress: Progress) -> Build:
        raise NotImplementedError(parts, progress)

    async def begin(self, request: ReleaseRequest) -> Deployment:
        self.requests.append(request)
        environment = next(item for item in self.held.values() if item.id == request.environment_id)
        serving = environment.build.id if environment.build is not None else None
        if request.check_expected and serving != request.expected_build_id:
            raise Conflict("changed")
        unchanged = serving == request.build_id and environment.state == EnvironmentState.DEPLOYED
        return self._deployment(request, environment, Outcome.SUCCEEDED if unchanged else None)

    def _deployment(self, request: ReleaseRequest, environment: Environment, outcome: Outcome | None) -> Deployment:
        build = next((item for item in self.kept if item.id == request.build_id), None)
        return Deployment(
            id=DeploymentId(f"dep_{environment.name}"),
            app=APP,
            environment=environment.name,
            cause=request.cause,
            from_build=environment.build,
            to_build=build.reference() if build is not None else None,
            started_at=NOW,
            outcome=outcome,
            error=self.error if outcome is Outcome.FAILED else None,
            timings_ms={"boot": 71.0, "switch": 8.0} if outcome is not None else {},
        )

    async def wait(self, deployment_id: DeploymentId, wait_s: float) -> Deployment:
        self.waiting.set()
        if self.hangs:
            await anyio.sleep(wait_s)
        environment = self.held[deployment_id.removeprefix("dep_")]
        request = self.requests[-1]
        ended = self._deployment(request, environment, None if self.hangs else self.outcome)
        if ended.outcome is Outcome.SUCCEEDED:
            self.held[environment.name] = environment.model_copy(
                update={
                    "build": ended.to_build,
                    "previous_build": environment.build,
                    "state": EnvironmentState.DEPLOYED,
                    "endpoints": environment.endpoints if ended.to_build is not None else (),
                }
            )
        return ended

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        self.cancelled.append(deployment_id)
        return self._deployment(self.requests[-1], self.held[deployment_id.removeprefix("dep_")], Outcome.CANCELLED)


def a_photo_shop_in_memory(builds: tuple[Build, ...], **serving: int | None) -> FakeDialect:
    """Environments by name → version that serves."""
    return FakeDialect(
        held={
            name: an_environment(
                name,
                build=version,
                state=EnvironmentState.PENDING if version is None else EnvironmentState.DEPLOYED,
            )
            for name, version in serving.items()
        },
        kept=builds,
    )


__all__ = ["FakeDialect", "a_photo_shop_in_memory", "a_reference"]
