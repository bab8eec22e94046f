"""saveEndpoint and saveTemplate: an upsert by (environment, name), whatever ids the caller remembers.

The official tool keeps endpoint ids per project without the environment, so a deploy to a second environment carries
the first one's ids, and one from a fresh clone carries none. Here the environment and the name decide; the answer names
the right endpoint and template, and the tool adopts both.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final, cast

from flash_tui.local.store import endpoints, environments, templates, volumes
from flash_tui.local.store.endpoints import EndpointSettings, Lifecycle, StoredEndpoint
from flash_tui.local.store.values import checked_name
from flash_tui.models.errors import UsageError
from flash_tui.models.identifiers import EndpointId, EnvironmentId, TemplateId, VolumeId
from flash_tui.models.states import EndpointKind

_PORTS: Final = [{"key": "PORT", "value": "80"}, {"key": "PORT_HEALTH", "value": "80"}]
"""What the cloud adds to a load-balanced endpoint's template when it is created, and never again."""

_NOT_KEPT = frozenset({"id", "name", "template", "templateId", "flashEnvironmentId", "aiKey"})


def save_endpoint(connection: sqlite3.Connection, fields: dict[str, Any]) -> StoredEndpoint:
    """Create or update an endpoint.

    Raises:
        NotFound: no such environment, or (outside of environments) no endpoint with the given id.
        UsageError: it has no name that can be one.
    """
    environment_id = fields.get("flashEnvironmentId")
    known = _known(connection, fields, environment_id)
    name = str(fields.get("name") or (known.name if known is not None else ""))
    checked_name(name, "endpoint")
    settings = _settings(fields, known)
    if known is not None:
        is_serving = known.lifecycle is Lifecycle.RELEASED
        lifecycle = Lifecycle.RELEASED if is_serving else Lifecycle.DECLARED
        saved = endpoints.update_settings(connection, known, settings, lifecycle)
    else:
        home = None if environment_id is None else environments.get_environment(connection, environment_id).id
        saved = endpoints.save_settings(connection, home, name, settings, Lifecycle.DECLARED)
    template_id = _template(connection, saved, fields)
    _attach_volumes(connection, saved, fields)
    kept = {key: value for key, value in fields.items() if key not in _NOT_KEPT and value is not None}
    return endpoints.save_config(connection, saved.id, saved.config | kept, template_id)


def _known(
    connection: sqlite3.Connection, fields: dict[str, Any], environment_id: EnvironmentId | None
) -> StoredEndpoint | None:
    if environment_id is not None:
        return endpoints.find_endpoint_named(connection, environment_id, str(fields.get("name") or ""))
    if fields.get("id"):
        return endpoints.get_endpoint(connection, EndpointId(fields["id"]))
    return None


def _settings(fields: dict[str, Any], known: StoredEndpoint | None) -> EndpointSettings:
    """What is said holds; what is not stays. Whether an endpoint is a queue is the build's to say once it serves."""
    before = EndpointSettings(kind=EndpointKind.QUEUE) if known is None else endpoints.settings_of_row(known)
    kind = EndpointKind.LOAD_BALANCED if fields.get("type") == "LB" else EndpointKind.QUEUE
    if fields.get("type") is None or (known is not None and known.lifecycle is Lifecycle.RELEASED):
        kind = before.kind
    workers_min = _number(fields, "workersMin", before.workers_min)
    workers_max = _number(fields, "workersMax", before.workers_max)
    if workers_min > workers_max:
        raise UsageError(
            f"workersMin {workers_min} is more than workersMax {workers_max}",
            where=str(fields.get("name")),
            hint="raise workersMax",
        )
    return EndpointSettings(
        kind=kind,
        cloud_only=before.cloud_only,
        workers_min=workers_min,
        workers_max=workers_max,
        idle_timeout_s=max(_number(fields, "idleTimeout", before.idle_timeout_s), 1),
        scaler_type=fields.get("scalerType") or before.scaler_type,
        scaler_value=_number(fields, "scalerValue", before.scaler_value or 4),
        max_concurrency=before.max_concurrency,
        execution_timeout_ms=_number(fields, "executionTimeoutMs", before.execution_timeout_ms),
        routes=before.routes,
        hardware=str(fields.get("gpuIds") or before.hardware),
    )


def _number(fields: dict[str, Any], name: str, default: int) -> int:
    value = fields.get(name)
    return default if value is None else max(int(value), 0)


def _template(connection: sqlite3.Connection, saved: StoredEndpoint, fields: dict[str, Any]) -> TemplateId | None:
    """The endpoint's own template: never one that another endpoint has."""
    inline = fields.get("template")
    if isinstance(inline, dict):
        config = cast("dict[str, Any]", inline)
        if saved.template_id is None and saved.kind is EndpointKind.LOAD_BALANCED:
            config = config | {"env": _with_ports(config.get("env") or [])}
        return templates.save_template(connection, config, saved.template_id)
    asked = fields.get("templateId")
    if saved.template_id is not None or not asked:
        return saved.template_id
    if endpoints.has_template(connection, TemplateId(asked), but=saved.id):
        return templates.clone_template(connection, TemplateId(asked))
    return TemplateId(asked) if templates.find_template(connection, TemplateId(asked)) is not None else None


def _with_ports(env: list[dict[str, str]]) -> list[dict[str, str]]:
    named = {item["key"] for item in env}
    return [*env, *(port for port in _PORTS if port["key"] not in named)]


def _attach_volumes(connection: sqlite3.Connection, saved: StoredEndpoint, fields: dict[str, Any]) -> None:
    if saved.environment_id is None:
        return
    listed = cast("list[dict[str, str]]", fields.get("networkVolumeIds") or [])
    asked = {fields.get("networkVolumeId"), *(item["networkVolumeId"] for item in listed)}
    for volume in volumes.list_volumes(connection):
        if volume.id in asked:
            volumes.attach_volume(connection, saved.environment_id, VolumeId(volume.id))


def save_template(connection: sqlite3.Connection, fields: dict[str, Any]) -> dict[str, Any]:
    """Create, or update the one with this id. Answers the whole template."""
    asked = fields.get("id")
    template_id = templates.save_template(connection, fields, None if asked is None else TemplateId(asked))
    return templates.find_template(connection, template_id) or {}


def attach_template(
    connection: sqlite3.Connection, endpoint: StoredEndpoint, template_id: TemplateId
) -> StoredEndpoint | None:
    """None: there is no such template."""
    if templates.find_template(connection, template_id) is None:
        return None
    return endpoints.save_config(connection, endpoint.id, endpoint.config, template_id)
