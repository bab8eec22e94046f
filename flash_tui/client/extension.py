"""Our own REST under `/flash-tui/v1`: the dialect of a target that can prepare, then commit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

import anyio
from pydantic import TypeAdapter, ValidationError

from flash_tui.client import artifacts, limits
from flash_tui.client.connection import Connection
from flash_tui.client.dialect import BuildFile, Parts, Progress
from flash_tui.client.events import follow
from flash_tui.client.failures import error_document, refusal, unreadable
from flash_tui.client.graphql import GraphQL
from flash_tui.models.app import App, Environment
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.document import Document
from flash_tui.models.events import Event, PlatformState
from flash_tui.models.identifiers import BuildId, DeploymentId, EndpointId
from flash_tui.models.job import Job
from flash_tui.models.log import LogLine

_APPS: TypeAdapter[tuple[App, ...]] = TypeAdapter(tuple[App, ...])
_ENVIRONMENTS: TypeAdapter[tuple[Environment, ...]] = TypeAdapter(tuple[Environment, ...])
_BUILDS: TypeAdapter[tuple[Build, ...]] = TypeAdapter(tuple[Build, ...])
_DEPLOYMENTS: TypeAdapter[tuple[Deployment, ...]] = TypeAdapter(tuple[Deployment, ...])
_LOGS: TypeAdapter[tuple[LogLine, ...]] = TypeAdapter(tuple[LogLine, ...])
_JOBS: TypeAdapter[tuple[Job, ...]] = TypeAdapter(tuple[Job, ...])
_FILES: TypeAdapter[tuple[BuildFile, ...]] = TypeAdapter(tuple[BuildFile, ...])


class _Capabilities(Document):
    version: str = ""
    capabilities: frozenset[str]


_CAPABILITIES = TypeAdapter(_Capabilities)


async def find_capabilities(connection: Connection) -> frozenset[str]:
    """What a target's extension can do; nothing where there is none.

    Raises:
        TargetUnreachable: the target does not answer.
        Unauthorised: it refuses the key.
    """
    base = connection.target.extension_url
    if base is None:
        return frozenset()
    url = f"{base}/capabilities"
    answer = await connection.ask("GET", url, answer_s=limits.PROBE_S)
    if answer.status in {404, 405}:
        return frozenset()
    if answer.is_error:
        raise refusal(connection.target, url, answer.status, answer.content)
    try:
        return _CAPABILITIES.validate_json(answer.content).capabilities
    except ValidationError:
        return frozenset()  # somebody's web page: whatever it is, it is not our extension


class Extension:
    """Implements `Dialect`."""

    announces_logs = True

    def __init__(self, connection: Connection, graphql: GraphQL) -> None:
        base = connection.target.extension_url
        assert base is not None  # the probe found it
        self._base = base
        self._connection = connection
        self._graphql = graphql

    # --- reading

    async def state(self, app: str | None = None) -> PlatformState:
        raw = await self._get("state", app=app)
        return self._connection.model(PlatformState, raw, self._url("state"))

    def events(self, cursor: int, app: str | None = None) -> AsyncGenerator[tuple[int, Event]]:
        return follow(self._connection, self._url("events"), cursor, app)

    async def apps(self) -> tuple[App, ...]:
        return self._connection.adapt(_APPS, await self._get("apps"), self._url("apps"))

    async def app(self, name: str) -> App:
        return self._connection.model(App, await self._get("apps", name), self._url("apps", name))

    async def environments(self, app: str) -> tuple[Environment, ...]:
        path = ("apps", app, "environments")
        return self._connection.adapt(_ENVIRONMENTS, await self._get(*path), self._url(*path))

    async def environment(self, app: str, name: str) -> Environment:
        path = ("apps", app, "environments", name)
        return self._connection.model(Environment, await self._get(*path), self._url(*path))

    async def builds(self, app: str) -> tuple[Build, ...]:
        path = ("apps", app, "builds")
        return self._connection.adapt(_BUILDS, await self._get(*path), self._url(*path))

    async def manifest(self, build_id: BuildId) -> dict[str, Any]:
        path = ("builds", build_id, "manifest")
        raw = await self._get(*path)
        if not isinstance(raw, dict):
            raise unreadable(self._connection.target, self._url(*path), "no manifest")
        return cast("dict[str, Any]", raw)

    async def build_files(self, build_id: BuildId) -> tuple[BuildFile, ...]:
        path = ("builds", build_id, "files")
        return self._connection.adapt(_FILES, await self._get(*path), self._url(*path))

    async def build_file(self, build_id: BuildId, path: str) -> str:
        url = f"{self._url('builds', build_id, 'files')}/{quote(path)}"
        answer = await self._connection.ask("GET", url)
        if answer.is_error:
            raise refusal(self._connection.target, url, answer.status, answer.content)
        return answer.content.decode("utf-8", "replace")

    async def history(self, app: str, environment: str | None, limit: int) -> tuple[Deployment, ...]:
        path = ("apps", app, "deployments")
        raw = await self._get(*path, environment=environment, limit=limit)
        return self._connection.adapt(_DEPLOYMENTS, raw, self._url(*path))

    async def logs(
        self, app: str, environment: str | None, endpoint: str | None, since: datetime | None, limit: int
    ) -> tuple[LogLine, ...]:
        instant = since.isoformat() if since is not None else None
        raw = await self._get("logs", app=app, environment=environment, endpoint=endpoint, since=instant, limit=limit)
        return self._connection.adapt(_LOGS, raw, self._url("logs"))

    async def jobs(self, endpoint_id: EndpointId, limit: int) -> tuple[Job, ...]:
        raw = await self._get("jobs", endpoint_id=endpoint_id, limit=limit)
        return self._connection.adapt(_JOBS, raw, self._url("jobs"))

    # --- changing

    async def create_app(self, name: str, environments: Sequence[str]) -> App:
        url = self._url("apps")
        raw = await self._connection.json("POST", url, {"name": name, "environments": list(environments)})
        return self._connection.model(App, raw, url)

    async def delete_app(self, name: str) -> None:
        await self._connection.json("DELETE", self._url("apps", name))

    async def create_environment(self, app: str, name: str) -> Environment:
        url = self._url("apps", app, "environments")
        raw = await self._connection.json("POST", url, {"name": name})
        return self._connection.model(Environment, raw, url)

    async def delete_environment(self, app: str, name: str) -> None:
        await self._connection.json("DELETE", self._url("apps", app, "environments", name))

    async def upload(self, parts: Parts, progress: Progress) -> Build:
        url = self._url("builds")
        length = artifacts.parts_length(parts)
        answer = await self._connection.ask(
            "POST",
            url,
            body=artifacts.parts_body(parts, progress),
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(length)},
            answer_s=limits.UPLOAD_S,
        )
        if answer.status == 404 and _lacks_layer(answer.content):  # noqa: PLR2004 - HTTP
            return await self._upload_whole(parts, progress)
        if answer.is_error:
            raise refusal(self._connection.target, url, answer.status, answer.content)
        return self._connection.model(Build, self._connection.parse(answer), url)

    async def _upload_whole(self, parts: Parts, progress: Progress) -> Build:
        app = await self.app(parts.upload.app)
        build_id = await artifacts.upload_whole(self._connection, self._graphql, app.id, parts, progress)
        path = ("apps", parts.upload.app, "builds", build_id)
        return self._connection.model(Build, await self._get(*path), self._url(*path))

    async def begin(self, request: ReleaseRequest) -> Deployment:
        """Not interrupted: only the answer tells the id, without which the release cannot be withdrawn."""
        url = self._url("releases")
        raw: object = None
        with anyio.CancelScope(shield=True):
            raw = await self._connection.json("POST", url, request, answer_s=limits.BEGIN_S)
        return self._connection.model(Deployment, raw, url)

    async def wait(self, deployment_id: DeploymentId, wait_s: float) -> Deployment:
        url = self._url("releases", deployment_id)
        raw = await self._connection.json("GET", url, parameters={"wait_s": wait_s}, answer_s=wait_s + limits.ANSWER_S)
        return self._connection.model(Deployment, raw, url)

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        url = self._url("releases", deployment_id)
        raw = await self._connection.json("DELETE", url, answer_s=limits.CANCEL_S)
        return self._connection.model(Deployment, raw, url)

    # --- both

    def _url(self, *path: str) -> str:
        return "/".join((self._base, *(quote(part, safe="") for part in path)))

    async def _get(self, *path: str, **parameters: str | int | None) -> object:
        return await self._connection.json("GET", self._url(*path), parameters=parameters)


def _lacks_layer(content: bytes) -> bool:
    document = error_document(content)
    return document is not None and document.where.startswith("layer ")
