"""What the parts of the platform ask of each other, so that each can be read and tested without the rest."""

from __future__ import annotations

from typing import Protocol

from flash_tui.models.app import Progress
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.endpoint import JobCounts, Traffic, Worker
from flash_tui.models.identifiers import DeploymentId, EndpointId, EnvironmentId


class Live(Protocol):
    """What only running processes know; the store holds the rest. All answers come from memory."""

    def workers(self, endpoint_id: EndpointId) -> tuple[Worker, ...]: ...

    def jobs(self, endpoint_id: EndpointId) -> JobCounts: ...

    def traffic(self, endpoint_id: EndpointId) -> Traffic: ...

    def progress(self, environment_id: EnvironmentId) -> Progress | None: ...


class Releases(Protocol):
    """Brings environments to builds: boot, health, commit, switch, drain."""

    async def begin(self, request: ReleaseRequest) -> Deployment:
        """Accept a release and return its running record; at once if nothing has to change (`outcome` is then set).

        Raises:
            NotFound: no such environment or build, or the build's artifact was collected.
            Conflict: the environment serves something else than expected, or a newer generation was committed.
        """
        ...

    async def wait(self, deployment_id: DeploymentId, timeout_s: float) -> Deployment:
        """The record once the release has ended, or as it is after `timeout_s`."""
        ...

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        """Stop before the commit; after it nothing is cancelled and the record says `succeeded`."""
        ...


class Lease(Protocol):
    """One request's hold on one worker."""

    @property
    def socket_path(self) -> str:
        """The unix socket on which the worker serves HTTP."""
        ...

    @property
    def worker(self) -> str: ...

    @property
    def build(self) -> int | None: ...

    def release(self, *, status_code: int | None, elapsed_ms: float) -> None:
        """The request has ended; `status_code` None means that the worker broke off."""
        ...


class Router(Protocol):
    """Which worker serves a load-balanced request: one of the set that is active at this instant."""

    async def acquire(self, endpoint_id: EndpointId, *, avoid: frozenset[str] = frozenset()) -> Lease:
        """A healthy worker not in `avoid`; waits while one boots or restarts.

        Raises:
            NotFound: no such endpoint.
            TargetUnreachable: none became healthy in time.
        """
        ...

    def resolve_host(self, host: str) -> EndpointId | None:
        """The endpoint that `{endpoint id}.flash.localhost` names."""
        ...
