"""One builder per noun of the platform's state."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any

from flash_tui.local.store.apps import create_app
from flash_tui.local.store.builds import NewBuild, register_build
from flash_tui.local.store.deployments import begin_deployment, end_deployment
from flash_tui.local.store.environments import StoredEnvironment, ensure_environments, get_environment_named
from flash_tui.local.store.environments import switch_build as switch
from flash_tui.models.app import App
from flash_tui.models.build import Build, LayerRecord, RuntimePlatform
from flash_tui.models.identifiers import AppId, Digest, LayerKey
from flash_tui.models.states import Cause, Outcome


def a_digest(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def a_resource(**fields: Any) -> dict[str, Any]:
    return {"resource_type": "CpuLiveServerless", "functions": [{"name": "f"}], **fields}


def a_load_balanced_resource() -> dict[str, Any]:
    function = {"name": "hello", "http_method": "GET", "http_path": "/hello"}
    return a_resource(resource_type="CpuLiveLoadBalancer", is_load_balanced=True, functions=[function])


def a_manifest(**resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": "1.0", "project_name": "shop", "resources": resources or {"resize": a_resource()}}


def a_record(text: str = "layer") -> LayerRecord:
    return LayerRecord(
        source_digest=a_digest(f"source of {text}"),
        dependency_layer=LayerKey(a_digest("dependencies")),
        base_layer=LayerKey(a_digest("base")),
        sdk_version="1.21.0",
        platform=RuntimePlatform(python="3.11", os="linux", architecture="x86_64"),
        layer_bytes=1,
        layer_crc=1,
        layer_size=1,
    )


def an_app(connection: sqlite3.Connection, name: str = "shop", *environments: str) -> App:
    app = create_app(connection, name)
    ensure_environments(connection, app.id, environments or ("dev", "staging", "production"))
    return app


def a_build(connection: sqlite3.Connection, app_id: AppId, text: str = "one", **resources: dict[str, Any]) -> Build:
    new = NewBuild(a_digest(text), 100, a_manifest(**resources), a_record(text))
    return register_build(connection, app_id, new)[0]


def a_release(
    connection: sqlite3.Connection, app_id: AppId, name: str, build: Build | None, cause: Cause = Cause.DEPLOY
) -> StoredEnvironment:
    """A release from its begin to its commit, without any process."""
    environment = get_environment_named(connection, app_id, name)
    reference = None if build is None else build.reference()
    deployment = begin_deployment(connection, environment, cause=cause, to_build=reference)
    build_id = None if build is None else build.id
    switched = switch(connection, environment.id, build_id, expected=environment.active_build_id)
    end_deployment(connection, deployment.id, Outcome.SUCCEEDED)
    return switched
