"""Rows → the objects of the SDL, as plain dictionaries. Values that official clients refuse to read are never sent."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime
from typing import Any, Final

from flash_tui.local import limits
from flash_tui.local.services import Services
from flash_tui.local.store import apps, builds, environments
from flash_tui.local.store.endpoints import Lifecycle, StoredEndpoint, list_endpoints
from flash_tui.local.store.environments import StoredEnvironment
from flash_tui.local.store.templates import find_template
from flash_tui.models.app import App, Volume
from flash_tui.models.build import Build
from flash_tui.models.identifiers import AppId
from flash_tui.models.states import EndpointKind

ALIVE: Final = frozenset({Lifecycle.DECLARED, Lifecycle.RELEASED})
"""Endpoints that exist for official clients."""

_USER = "local"
_ECHOED: Final = (
    "gpuIds",
    "gpuCount",
    "locations",
    "networkVolumeId",
    "networkVolumeIds",
    "workersPFBTarget",
    "allowedCudaVersions",
    "instanceIds",
    "flashBootType",
)
"""Answered as `saveEndpoint` said them."""
_LONGEST_IDLE_S = 3600


def time_text(moment: datetime) -> str:
    """`2026-01-31T12:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def build_object(build: Build, app_id: AppId, object_key: str | None) -> dict[str, Any]:
    """`manifest` is a field with a resolver of its own: lists need not read it."""
    return {
        "id": build.id,
        "objectKey": object_key or f"{build.id}.tar.gz",
        "createdAt": time_text(build.created_at),
        "flashAppId": app_id,
    }


def environment_object(connection: sqlite3.Connection, environment: StoredEnvironment) -> dict[str, Any]:
    """What serves is `activeBuildId`; a build on its way shows in `state`.

    Volumes are left out: the official `flash env delete` refuses an environment that lists one.
    """
    rows = list_endpoints(connection, environment.id, lifecycles=ALIVE)
    return {
        "id": environment.id,
        "name": environment.name,
        "state": environment.state.value,
        "activeBuildId": environment.active_build_id,
        "createdAt": time_text(environment.created_at),
        "endpoints": [endpoint_object(connection, row, environment.active_build_id) for row in rows],
        "networkVolumes": [],
        "flashAppId": environment.app_id,
    }


def app_object(connection: sqlite3.Connection, app: App) -> dict[str, Any]:
    """With its environments, and its builds newest first: `flash app get` prints the first three."""
    rows = environments.list_environments(connection, app.id)
    made = builds.list_builds(connection, app.id)
    return {
        "id": app.id,
        "name": app.name,
        "createdAt": None if app.created_at is None else time_text(app.created_at),
        "flashEnvironments": [environment_object(connection, row) for row in rows],
        "flashBuilds": [build_object(one, app.id, builds.get_object_key(connection, one.id)) for one in made],
    }


def all_apps(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    return [app_object(connection, app) for app in apps.list_apps(connection)]


def endpoint_object(
    connection: sqlite3.Connection, endpoint: StoredEndpoint, active_build_id: str | None = None
) -> dict[str, Any]:
    """An empty `minCudaVersion` and an `idleTimeout` outside 1 to 3600 make the client raise: null, and bounded."""
    config = endpoint.config
    template = None if endpoint.template_id is None else find_template(connection, endpoint.template_id)
    echoed = {name: config.get(name) for name in _ECHOED}
    return echoed | {
        "id": endpoint.id,
        "name": endpoint.name,
        "aiKey": None,
        "type": "QB" if endpoint.kind is EndpointKind.QUEUE else "LB",
        "idleTimeout": min(max(endpoint.idle_timeout_s, 1), _LONGEST_IDLE_S),
        "flashEnvironmentId": endpoint.environment_id,
        "scalerType": endpoint.scaler_type,
        "scalerValue": endpoint.scaler_value,
        "templateId": endpoint.template_id,
        "userId": _USER,
        "version": endpoint.version,
        "workersMin": endpoint.workers_min,
        "workersMax": max(endpoint.workers_max, endpoint.workers_min),
        "workersStandby": 0,
        "minCudaVersion": config.get("minCudaVersion") or None,
        "executionTimeoutMs": endpoint.execution_timeout_ms,
        "activeBuildid": active_build_id,
        "env": [] if template is None else template.get("env") or [],
        "createdAt": time_text(endpoint.created_at),
    }


def volume_object(volume: Volume) -> dict[str, Any]:
    """Exactly the four fields that the client's model knows; any other makes it raise."""
    return {"id": volume.id, "name": volume.name, "size": volume.size_gb, "dataCenterId": volume.data_center}


def signed_url(services: Services, method: str, object_key: str) -> dict[str, Any]:
    """`url` and `expiresAt`: whoever has the URL needs no key, for this one method and file."""
    expires_at = int(time.time()) + limits.SIGNED_URL_LIFETIME_S
    query = services.signer.sign(method, object_key, expires_at)
    return {
        "url": f"{services.origin}/artifacts/{object_key}?{query}",
        "expiresAt": time_text(datetime.fromtimestamp(expires_at, UTC)),
    }
