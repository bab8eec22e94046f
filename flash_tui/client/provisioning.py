"""The endpoints of a build on a target that leaves their making to its clients. Source: runpod_flash
`core/resources`, `runtime/resource_provisioner.py`, `cli/utils/deployment.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flash_tui.client import operations
from flash_tui.client.graphql import GraphQL
from flash_tui.client.operations import OfficialEndpoint, OfficialEnvironment
from flash_tui.client.target import Target
from flash_tui.models.app import Environment
from flash_tui.models.identifiers import BuildId

_COPIED = ("workersMin", "workersMax", "idleTimeout", "scalerType", "scalerValue", "gpuIds", "instanceIds", "locations")
_GPU_ONLY: Mapping[str, object] = {"gpuCount": 1, "allowedCudaVersions": ""}
_DISK_GB = 64


class Provisioner:
    """Makes what a manifest lists."""

    def __init__(self, target: Target, graphql: GraphQL) -> None:
        self._target = target
        self._graphql = graphql

    async def provision(self, environment: Environment, build_id: BuildId) -> tuple[tuple[str, int], ...]:
        """Create or update an endpoint per resource, remove those without one; (id, least workers) of each."""
        manifest = (await self._graphql.run(operations.BUILD, input=build_id)).manifest or {}
        official = await self._graphql.run(operations.ENVIRONMENT, flashEnvironmentId=environment.id)
        known = {endpoint.name: endpoint for endpoint in official.endpoints or ()}
        resources = _resources(manifest)
        made: dict[str, OfficialEndpoint] = {}
        for name, resource in resources.items():
            variables = self._variables(environment, name, resource, manifest)
            made[name] = await self._save(official, name, resource, known.get(name), variables)
        for name in known.keys() - made.keys():
            await self._graphql.run(operations.DELETE_ENDPOINT, id=known[name].id)
        await self._note_endpoints(build_id, manifest, resources, made)
        return tuple((endpoint.id, int(resources[name].get("workersMin") or 0)) for name, endpoint in made.items())

    async def _save(
        self,
        environment: OfficialEnvironment,
        name: str,
        resource: Mapping[str, Any],
        known: OfficialEndpoint | None,
        variables: Mapping[str, str],
    ) -> OfficialEndpoint:
        wanted = endpoint_input(environment.id, name, resource)
        if known is None:
            wanted["template"] = template_input(name, resource, variables)
            return await self._graphql.run(operations.SAVE_ENDPOINT, input=wanted)
        current = known
        if current.template_id is None:
            current = await self._graphql.run(operations.ENDPOINT, id=known.id)
        wanted |= {"id": known.id, "templateId": current.template_id}
        saved = await self._graphql.run(operations.SAVE_ENDPOINT, input=wanted)
        await self._save_template(name, resource, saved.template_id or current.template_id, variables)
        return saved

    async def _save_template(
        self, name: str, resource: Mapping[str, Any], template_id: str | None, variables: Mapping[str, str]
    ) -> None:
        if template_id is None:
            return
        live = await self._graphql.run(operations.TEMPLATE, id=template_id)
        # The platform's own variables (PORT) are added when the template is made and never again: they are kept.
        kept = {item.key: item.value or "" for item in live.env or () if item.key is not None and _is_ports(item.key)}
        wanted = template_input(name, resource, {**kept, **variables})
        fields = {
            "id": template_id,
            "name": live.name or wanted["name"],
            "imageName": wanted["imageName"],
            "containerDiskInGb": wanted["containerDiskInGb"],
            "dockerArgs": wanted["dockerArgs"],
            "env": wanted["env"],
            "volumeInGb": 0,
        }
        await self._graphql.run(operations.SAVE_TEMPLATE, input=fields)

    def _variables(
        self, environment: Environment, name: str, resource: Mapping[str, Any], manifest: Mapping[str, Any]
    ) -> dict[str, str]:
        found: object = resource.get("env")
        own = cast("dict[str, object]", found) if isinstance(found, dict) else {}
        variables = {key: str(value) for key, value in own.items()}
        variables |= {"FLASH_RESOURCE_NAME": name, "FLASH_APP": environment.app, "FLASH_ENV": environment.name}
        if fingerprint := manifest.get("source_fingerprint"):
            variables["_FLASH_SOURCE_FINGERPRINT"] = str(fingerprint)
        if resource.get("is_load_balanced"):
            variables["FLASH_ENDPOINT_TYPE"] = "lb"
        if resource.get("makes_remote_calls"):
            variables |= {"FLASH_ENVIRONMENT_ID": environment.id, "RUNPOD_API_KEY": self._target.token}
        return variables

    async def _note_endpoints(
        self,
        build_id: BuildId,
        manifest: Mapping[str, Any],
        resources: Mapping[str, Mapping[str, Any]],
        made: Mapping[str, OfficialEndpoint],
    ) -> None:
        """The stored manifest names the endpoints: older workers look there for each other."""
        urls = {
            name: self._target.endpoint_url(item.id, is_load_balanced=bool(resources[name].get("is_load_balanced")))
            for name, item in made.items()
        }
        noted = {
            name: {**resource, "endpoint_id": made[name].id} if name in made else dict(resource)
            for name, resource in resources.items()
        }
        changed = {**manifest, "resources": noted, "resources_endpoints": urls}
        await self._graphql.run(operations.UPDATE_MANIFEST, input={"flashBuildId": build_id, "manifest": changed})


def _is_ports(key: str) -> bool:
    return key in {"PORT", "PORT_HEALTH"}


def _resources(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: object = manifest.get("resources")
    listed = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    return {name: cast("dict[str, Any]", item) for name, item in listed.items() if isinstance(item, dict)}


def endpoint_input(environment_id: str, name: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """The `EndpointInput` of a resource, without its template."""
    wanted: dict[str, Any] = {key: resource[key] for key in _COPIED if resource.get(key) is not None}
    wanted |= {
        "name": name,
        "type": "LB" if resource.get("is_load_balanced") else "QB",
        "flashEnvironmentId": environment_id,
        "flashBootType": "FLASHBOOT",
        "executionTimeoutMs": 0,
        "workersPFBTarget": 0,
    }
    if "instanceIds" not in wanted:
        wanted |= _GPU_ONLY
        if resource.get("minCudaVersion"):
            wanted["minCudaVersion"] = resource["minCudaVersion"]
    if resource.get("networkVolumeId"):
        wanted["networkVolumeId"] = resource["networkVolumeId"]
    return wanted


def template_input(name: str, resource: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """The `TemplateInput` of a resource."""
    found: object = resource.get("template")
    template = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    return {
        "name": f"{name}__flash",
        "imageName": resource.get("imageName") or "",
        "containerDiskInGb": template.get("containerDiskInGb") or _DISK_GB,
        "dockerArgs": template.get("dockerArgs") or "",
        "startScript": template.get("startScript") or "",
        "advancedStart": bool(template.get("advancedStart")),
        "containerRegistryAuthId": template.get("containerRegistryAuthId") or "",
        "config": {},
        "ports": "",
        "env": [{"key": key, "value": value} for key, value in variables.items()],
    }
