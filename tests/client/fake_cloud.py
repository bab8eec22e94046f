"""The official protocol in memory: one app with environments, builds, endpoints; any operation can be made to fail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from flash_tui.client.connection import Connection
from flash_tui.client.control_plane import Official
from flash_tui.client.data_plane import DataPlane
from flash_tui.client.graphql import GraphQL
from flash_tui.paths import Home
from tests.builders import a_settings
from tests.client.networks import a_connection, a_target

HEALTHY = {"idle": 1, "ready": 1}


@dataclass
class FakeCloud:
    """An httpx handler."""

    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    builds: list[dict[str, Any]] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    workers: dict[str, int] = field(default_factory=lambda: dict(HEALTHY))
    failing: dict[str, str] = field(default_factory=dict)
    """Operation → message of its error."""
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Operation → what happens as it arrives."""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    put: list[httpx.Request] = field(default_factory=list)

    def with_environment(self, name: str, active: str | None = None) -> FakeCloud:
        self.environments[name] = {
            "id": f"env_{name}",
            "name": name,
            "state": None,
            "activeBuildId": active,
            "createdAt": "2026-01-01T00:00:00Z",
            "endpoints": [],
            "networkVolumes": [],
        }
        return self

    def with_build(self, build_id: str, **resources: dict[str, Any]) -> FakeCloud:
        number = len(self.builds) + 1
        self.builds.insert(
            0,
            {
                "id": build_id,
                "createdAt": f"2026-01-01T00:{number:02}:00Z",
                "manifest": {"resources": resources, "source_fingerprint": f"print-{build_id}"},
            },
        )
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/graphql":
            return self._graphql(json.loads(request.content))
        if request.url.path == "/v1/networkvolumes":
            return self._volumes(request)
        if request.method == "PUT":
            self.put.append(request)
            return httpx.Response(200)
        if request.url.path.endswith("/health"):
            return httpx.Response(200, json={"jobs": {}, "workers": self.workers})
        return httpx.Response(404)

    def _graphql(self, body: dict[str, Any]) -> httpx.Response:
        found = re.search(r"(?:query|mutation) (\w+)", body["query"])
        assert found is not None
        operation = found[1]
        self.asked.append((operation, body["variables"]))
        if operation in self.before:
            self.before[operation]()
        if operation in self.failing:
            return httpx.Response(200, json={"errors": [{"message": self.failing[operation]}]})
        return httpx.Response(200, json={"data": getattr(self, f"_{operation}")(body["variables"])})

    def _volumes(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.volumes.append({"id": f"vol_{len(self.volumes)}", **json.loads(request.content)})
            return httpx.Response(201, json=self.volumes[-1])
        return httpx.Response(200, json=self.volumes)

    def _app(self) -> dict[str, Any]:
        builds = [{key: build[key] for key in ("id", "createdAt")} for build in self.builds]
        return {
            "id": "app_1",
            "name": "photo-shop",
            "flashEnvironments": list(self.environments.values()),
            "flashBuilds": builds,
        }

    def _environment(self, environment_id: str) -> dict[str, Any] | None:
        return next((item for item in self.environments.values() if item["id"] == environment_id), None)

    def _build(self, build_id: str) -> dict[str, Any] | None:
        return next((build for build in self.builds if build["id"] == build_id), None)

    def _getFlashApps(self, _: dict[str, Any]) -> object:  # noqa: N802 - the protocol's names
        return {"myself": {"flashApps": [self._app()]}}

    def _getFlashAppByName(self, _: dict[str, Any]) -> object:  # noqa: N802
        return {"flashAppByName": self._app()}

    def _getFlashEnvironment(self, variables: dict[str, Any]) -> object:  # noqa: N802
        return {"flashEnvironment": self._environment(variables["flashEnvironmentId"])}

    def _getFlashBuild(self, variables: dict[str, Any]) -> object:  # noqa: N802
        return {"flashBuild": self._build(variables["input"])}

    def _createFlashEnvironment(self, variables: dict[str, Any]) -> object:  # noqa: N802
        self.with_environment(variables["input"]["name"])
        return {"createFlashEnvironment": self.environments[variables["input"]["name"]]}

    def _deployBuildToEnvironment(self, variables: dict[str, Any]) -> object:  # noqa: N802
        environment = self._environment(variables["input"]["flashEnvironmentId"])
        assert environment is not None
        environment["activeBuildId"] = variables["input"]["flashBuildId"]
        return {"deployBuildToEnvironment": environment}

    def _updateFlashBuildManifest(self, variables: dict[str, Any]) -> object:  # noqa: N802
        build = self._build(variables["input"]["flashBuildId"])
        assert build is not None
        build["manifest"] = variables["input"]["manifest"]
        return {"updateFlashBuildManifest": {"id": build["id"]}}

    def _PrepareArtifactUpload(self, _: dict[str, Any]) -> object:  # noqa: N802
        upload = {"uploadUrl": "https://bucket.test/key?signature=s3cret", "objectKey": "key"}
        return {"prepareFlashArtifactUpload": upload}

    def _FinalizeArtifactUpload(self, variables: dict[str, Any]) -> object:  # noqa: N802
        self.with_build("build_new", **variables["input"]["manifest"].get("resources", {}))
        return {"finalizeFlashArtifactUpload": {"id": "build_new"}}

    def _saveEndpoint(self, variables: dict[str, Any]) -> object:  # noqa: N802
        wanted = variables["input"]
        environment = self._environment(wanted["flashEnvironmentId"])
        assert environment is not None
        endpoints: list[dict[str, Any]] = environment["endpoints"]
        known = next((item for item in endpoints if item["id"] == wanted.get("id")), None)
        if known is None:
            number = sum(len(item["endpoints"]) for item in self.environments.values())
            known = {"id": f"ep{number}", "templateId": f"tpl{number}"}
            endpoints.append(known)
        known |= {key: wanted[key] for key in ("name", "type", "workersMin") if key in wanted}
        return {"saveEndpoint": known}

    def _deleteEndpoint(self, variables: dict[str, Any]) -> object:  # noqa: N802
        for environment in self.environments.values():
            environment["endpoints"] = [item for item in environment["endpoints"] if item["id"] != variables["id"]]
        return {"deleteEndpoint": None}

    def _getTemplate(self, variables: dict[str, Any]) -> object:  # noqa: N802
        env = [{"key": "PORT", "value": "80"}, {"key": "OLD", "value": "1"}]
        return {"podTemplate": {"id": variables["id"], "name": "kept", "env": env}}

    def _saveTemplate(self, variables: dict[str, Any]) -> object:  # noqa: N802
        return {"saveTemplate": {"id": variables["input"]["id"]}}

    def sent(self, operation: str) -> list[dict[str, Any]]:
        """The inputs of an operation, in order."""
        return [variables.get("input", variables) for name, variables in self.asked if name == operation]


def a_dialect(cloud: FakeCloud, home: Path) -> tuple[Connection, Official]:
    """Close the connection after use."""
    settings = a_settings(target="http://platform.test")
    object.__setattr__(settings, "home", Home(root=home, layers=home / "layers"))
    connection = a_connection(cloud, a_target())
    return connection, Official(settings, connection, GraphQL(connection), DataPlane(connection))
