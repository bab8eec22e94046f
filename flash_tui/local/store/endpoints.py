"""Endpoints: what resources became in an environment. The id of (environment, resource name) never changes.

An endpoint is `declared` once the official client has saved it, `released` while the active build of its environment
holds its resource, `retired` when that is over: the row stays, so that a rollback brings the same id back.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from flash_tui.local.store.values import as_json, as_moment, from_json, new_endpoint_id, now_text
from flash_tui.local.store.volumes import attach_volume, ensure_volume
from flash_tui.models.errors import NotFound
from flash_tui.models.identifiers import EndpointId, EnvironmentId, TemplateId
from flash_tui.models.manifest import Manifest, Resource
from flash_tui.models.states import EndpointKind


class Lifecycle(StrEnum):
    DECLARED = "declared"
    RELEASED = "released"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class StoredEndpoint:
    """One row, with the names it belongs to."""

    id: EndpointId
    environment_id: EnvironmentId | None
    """None for one that was saved outside of any environment."""
    app: str | None
    environment: str | None
    name: str
    """The resource's name."""
    kind: EndpointKind
    lifecycle: Lifecycle
    cloud_only: bool
    workers_min: int
    workers_max: int
    idle_timeout_s: int
    scaler_type: str | None
    scaler_value: int | None
    max_concurrency: int
    execution_timeout_ms: int
    """0: none set."""
    routes: tuple[str, ...]
    hardware: str
    template_id: TemplateId | None
    config: dict[str, Any]
    """What `saveEndpoint` said last, by its own field names."""
    version: int
    """Counts the changes of its settings."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What decides how an endpoint runs, from a manifest's resource or from `saveEndpoint`."""

    kind: EndpointKind
    cloud_only: bool = False
    workers_min: int = 0
    workers_max: int = 1
    idle_timeout_s: int = 60
    scaler_type: str | None = None
    scaler_value: int | None = None
    max_concurrency: int = 1
    execution_timeout_ms: int = 0
    routes: tuple[str, ...] = ()
    hardware: str = "cpu"


def _bounded(value: int, least: int, most: int = 1_000_000) -> int:
    """A manifest may hold any integer; a column and a person's patience do not."""
    return min(max(value, least), most)


def settings_of(resource: Resource) -> EndpointSettings:
    """What a manifest says, within bounds."""
    value = resource.scaler_value
    return EndpointSettings(
        kind=resource.kind,
        cloud_only=not resource.runs_locally,
        workers_min=_bounded(resource.workers_min, 0),
        workers_max=_bounded(resource.workers_max, 0),
        idle_timeout_s=_bounded(resource.idle_timeout_s, 1),
        scaler_type=resource.scaler_type,
        scaler_value=None if value is None else _bounded(value, 0),
        max_concurrency=_bounded(resource.max_concurrency, 1),
        routes=resource.routes,
        hardware=resource.gpu_ids or "cpu",
    )


_SELECT = """
SELECT p.*, e.name AS environment, a.name AS app
FROM endpoints p
LEFT JOIN environments e ON e.id = p.environment_id
LEFT JOIN apps a ON a.id = e.app_id
"""


def _endpoint(row: sqlite3.Row) -> StoredEndpoint:
    environment_id, template_id = row["environment_id"], row["template_id"]
    return StoredEndpoint(
        id=EndpointId(row["id"]),
        environment_id=None if environment_id is None else EnvironmentId(environment_id),
        app=row["app"],
        environment=row["environment"],
        name=row["name"],
        kind=EndpointKind(row["kind"]),
        lifecycle=Lifecycle(row["lifecycle"]),
        cloud_only=bool(row["cloud_only"]),
        workers_min=row["workers_min"],
        workers_max=row["workers_max"],
        idle_timeout_s=row["idle_timeout_s"],
        scaler_type=row["scaler_type"],
        scaler_value=row["scaler_value"],
        max_concurrency=row["max_concurrency"],
        execution_timeout_ms=row["execution_timeout_ms"],
        routes=tuple(from_json(row["routes"])),
        hardware=row["hardware"],
        template_id=None if template_id is None else TemplateId(template_id),
        config=from_json(row["config"]),
        version=row["version"],
        created_at=as_moment(row["created_at"]),
    )


def find_endpoint(connection: sqlite3.Connection, endpoint_id: EndpointId) -> StoredEndpoint | None:
    """Also one that is retired."""
    row = connection.execute(f"{_SELECT} WHERE p.id = ?", (endpoint_id,)).fetchone()
    return None if row is None else _endpoint(row)


def get_endpoint(connection: sqlite3.Connection, endpoint_id: EndpointId) -> StoredEndpoint:
    """Raises NotFound."""
    found = find_endpoint(connection, endpoint_id)
    if found is None:
        raise endpoint_not_found(endpoint_id)
    return found


def endpoint_not_found(endpoint_id: EndpointId) -> NotFound:
    return NotFound(
        f"endpoint not found: {endpoint_id}", where=endpoint_id, hint="`flash-tui endpoint list` shows the endpoints"
    )


def find_endpoint_named(
    connection: sqlite3.Connection, environment_id: EnvironmentId, name: str
) -> StoredEndpoint | None:
    """Also one that is retired."""
    row = connection.execute(f"{_SELECT} WHERE p.environment_id = ? AND p.name = ?", (environment_id, name)).fetchone()
    return None if row is None else _endpoint(row)


def resolve_endpoint(connection: sqlite3.Connection, app: str, environment: str, name: str) -> StoredEndpoint | None:
    """What a call from worker to worker names (`X-Flash-App`, `-Environment`, `-Endpoint`); released ones only."""
    row = connection.execute(
        f"{_SELECT} WHERE a.name = ? AND e.name = ? AND p.name = ? AND p.lifecycle = 'released'",
        (app, environment, name),
    ).fetchone()
    return None if row is None else _endpoint(row)


def list_endpoints(
    connection: sqlite3.Connection,
    environment_id: EnvironmentId | None = None,
    *,
    lifecycles: frozenset[Lifecycle] = frozenset({Lifecycle.RELEASED}),
) -> tuple[StoredEndpoint, ...]:
    """By name, of one environment or of all (then also those outside of any environment)."""
    condition, values = ("", ()) if environment_id is None else ("WHERE p.environment_id = ?", (environment_id,))
    rows = connection.execute(f"{_SELECT} {condition} ORDER BY p.name, p.id", values).fetchall()
    return tuple(endpoint for endpoint in map(_endpoint, rows) if endpoint.lifecycle in lifecycles)


def reserve_endpoints(
    connection: sqlite3.Connection, environment_id: EnvironmentId, manifest: Manifest
) -> tuple[StoredEndpoint, ...]:
    """Ids for the resources of a build that is about to boot: new rows are `retired`, known ones stay as they are."""
    for name, resource in manifest.resources.items():
        if find_endpoint_named(connection, environment_id, name) is None:
            _insert(connection, environment_id, name, settings_of(resource), Lifecycle.RETIRED)
    found = (find_endpoint_named(connection, environment_id, name) for name in manifest.resources)
    return tuple(endpoint for endpoint in found if endpoint is not None)


def release_endpoints(
    connection: sqlite3.Connection, environment_id: EnvironmentId, manifest: Manifest | None
) -> tuple[StoredEndpoint, ...]:
    """Part of a release's commit: the environment has the manifest's resources as endpoints, and no others.

    None (an undeploy) retires all. Returns the released ones, by name.
    """
    resources = {} if manifest is None else manifest.resources
    for known in list_endpoints(connection, environment_id, lifecycles=frozenset(Lifecycle)):
        if known.name not in resources and (manifest is None or known.lifecycle is Lifecycle.RELEASED):
            retire_endpoint(connection, known.id)
    for name, resource in resources.items():
        save_settings(connection, environment_id, name, settings_of(resource), Lifecycle.RELEASED)
        for wanted in resource.volumes:
            volume, _ = ensure_volume(connection, wanted.name, wanted.size_gb, wanted.data_center)
            attach_volume(connection, environment_id, volume.id)
    return list_endpoints(connection, environment_id)


def save_settings(
    connection: sqlite3.Connection,
    environment_id: EnvironmentId | None,
    name: str,
    settings: EndpointSettings,
    lifecycle: Lifecycle,
) -> StoredEndpoint:
    """Upsert by (environment, name); `version` counts up if a setting changed. Outside environments: always new."""
    known = None if environment_id is None else find_endpoint_named(connection, environment_id, name)
    if known is None:
        return _insert(connection, environment_id, name, settings, lifecycle)
    return update_settings(connection, known, settings, lifecycle)


def update_settings(
    connection: sqlite3.Connection, known: StoredEndpoint, settings: EndpointSettings, lifecycle: Lifecycle
) -> StoredEndpoint:
    changed = settings_of_row(known) != settings
    connection.execute(
        """
        UPDATE endpoints
        SET kind = ?, cloud_only = ?, workers_min = ?, workers_max = ?, idle_timeout_s = ?, scaler_type = ?,
            scaler_value = ?, max_concurrency = ?, execution_timeout_ms = ?, routes = ?, hardware = ?,
            lifecycle = ?, version = version + ?, updated_at = ?
        WHERE id = ?
        """,
        (*_columns(settings), lifecycle.value, int(changed), now_text(), known.id),
    )
    return get_endpoint(connection, known.id)


def save_config(
    connection: sqlite3.Connection, endpoint_id: EndpointId, config: dict[str, Any], template_id: TemplateId | None
) -> StoredEndpoint:
    """Keep what `saveEndpoint` said. Raises NotFound."""
    connection.execute(
        "UPDATE endpoints SET config = ?, template_id = ?, updated_at = ? WHERE id = ?",
        (as_json(config), template_id, now_text(), endpoint_id),
    )
    return get_endpoint(connection, endpoint_id)


def has_template(connection: sqlite3.Connection, template_id: TemplateId, *, but: EndpointId) -> bool:
    """Whether another endpoint than `but` has this template."""
    query = "SELECT 1 FROM endpoints WHERE template_id = ? AND id != ?"
    return connection.execute(query, (template_id, but)).fetchone() is not None


def retire_endpoint(connection: sqlite3.Connection, endpoint_id: EndpointId) -> None:
    """It serves no more; its id and jobs are kept."""
    connection.execute(
        "UPDATE endpoints SET lifecycle = 'retired', updated_at = ? WHERE id = ?", (now_text(), endpoint_id)
    )


def delete_endpoint(connection: sqlite3.Connection, endpoint_id: EndpointId) -> None:
    """With its jobs; for endpoints outside of any environment."""
    connection.execute("DELETE FROM endpoints WHERE id = ?", (endpoint_id,))


def settings_of_row(row: StoredEndpoint) -> EndpointSettings:
    """What it runs by now."""
    return EndpointSettings(
        kind=row.kind,
        cloud_only=row.cloud_only,
        workers_min=row.workers_min,
        workers_max=row.workers_max,
        idle_timeout_s=row.idle_timeout_s,
        scaler_type=row.scaler_type,
        scaler_value=row.scaler_value,
        max_concurrency=row.max_concurrency,
        execution_timeout_ms=row.execution_timeout_ms,
        routes=row.routes,
        hardware=row.hardware,
    )


def _columns(settings: EndpointSettings) -> tuple[object, ...]:
    return (
        settings.kind.value,
        int(settings.cloud_only),
        settings.workers_min,
        settings.workers_max,
        settings.idle_timeout_s,
        settings.scaler_type,
        settings.scaler_value,
        settings.max_concurrency,
        settings.execution_timeout_ms,
        as_json(settings.routes),
        settings.hardware,
    )


def _insert(
    connection: sqlite3.Connection,
    environment_id: EnvironmentId | None,
    name: str,
    settings: EndpointSettings,
    lifecycle: Lifecycle,
) -> StoredEndpoint:
    endpoint_id = EndpointId(new_endpoint_id())
    moment = now_text()
    connection.execute(
        """
        INSERT INTO endpoints
            (id, environment_id, name, kind, cloud_only, workers_min, workers_max, idle_timeout_s, scaler_type,
             scaler_value, max_concurrency, execution_timeout_ms, routes, hardware, lifecycle, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (endpoint_id, environment_id, name, *_columns(settings), lifecycle.value, moment, moment),
    )
    return get_endpoint(connection, endpoint_id)
