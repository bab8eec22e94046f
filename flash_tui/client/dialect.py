"""What both dialects can be asked. Only this package knows which of the two a target speaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flash_tui.models.app import App, Environment
from flash_tui.models.build import Build, BuildUpload
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.document import Document
from flash_tui.models.events import Event, PlatformState
from flash_tui.models.identifiers import BuildId, DeploymentId, EndpointId
from flash_tui.models.job import Job
from flash_tui.models.log import LogLine
from flash_tui.runtime.archive import PackedLayer

Progress = Callable[[int, int], None]
"""Bytes handed over so far, and in all."""


class BuildFile(Document):
    """One of the user's files in a build."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A build as it is handed over: what it is, the layer's bytes that a platform may have, the tail it cannot have."""

    upload: BuildUpload
    packed: PackedLayer
    tail: bytes


class Dialect(Protocol):
    """Apps, environments, builds, deployments, logs and jobs of a target.

    Every method raises `TargetUnreachable`, `Unauthorised`, `NotFound` and the rest of the family as they apply.
    """

    @property
    def announces_logs(self) -> bool:
        """Whether `events` brings log lines; else they have to be asked for."""
        ...

    async def state(self, app: str | None = None) -> PlatformState: ...

    def events(self, cursor: int, app: str | None = None) -> AsyncGenerator[tuple[int, Event]]:
        """Changes after `cursor`, each with its own; raises `TargetUnreachable` when the connection is lost."""
        ...

    async def apps(self) -> tuple[App, ...]: ...

    async def app(self, name: str) -> App: ...

    async def create_app(self, name: str, environments: Sequence[str]) -> App:
        """Create what is missing; what exists is left as it is."""
        ...

    async def delete_app(self, name: str) -> None: ...

    async def environments(self, app: str) -> tuple[Environment, ...]: ...

    async def environment(self, app: str, name: str) -> Environment: ...

    async def create_environment(self, app: str, name: str) -> Environment: ...

    async def delete_environment(self, app: str, name: str) -> None: ...

    async def builds(self, app: str) -> tuple[Build, ...]:
        """Newest first."""
        ...

    async def manifest(self, build_id: BuildId) -> dict[str, Any]: ...

    async def build_files(self, build_id: BuildId) -> tuple[BuildFile, ...]: ...

    async def build_file(self, build_id: BuildId, path: str) -> str: ...

    async def history(self, app: str, environment: str | None, limit: int) -> tuple[Deployment, ...]:
        """Newest first."""
        ...

    async def logs(
        self, app: str, environment: str | None, endpoint: str | None, since: datetime | None, limit: int
    ) -> tuple[LogLine, ...]:
        """Oldest first."""
        ...

    async def jobs(self, endpoint_id: EndpointId, limit: int) -> tuple[Job, ...]:
        """Newest first."""
        ...

    async def upload(self, parts: Parts, progress: Progress) -> Build:
        """Give the target what it lacks of a build; a build that it has already is answered as it is."""
        ...

    async def begin(self, request: ReleaseRequest) -> Deployment:
        """Ask for a release; `outcome` is set if nothing has to change.

        Raises:
            Conflict: the environment serves something else than expected, or a newer generation was committed.
        """
        ...

    async def wait(self, deployment_id: DeploymentId, wait_s: float) -> Deployment:
        """The record once the release has ended, or as it is after `wait_s`."""
        ...

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        """Withdraw before the commit; after it the record says `succeeded`."""
        ...
