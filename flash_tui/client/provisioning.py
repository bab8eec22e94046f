"""The endpoints of a build on a target that leaves their making to its clients. Source: runpod_flash
`core/resources`, `runtime/resource_provisioner.py`, `cli/utils/deployment.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flash_tui.client import operations
from flash_tui.client.connection import Connection
from flash_tui.client.graphql import GraphQL
from flash_tui.client.operations import OfficialEndpoint, OfficialEnvironment
from flash_tui.client.volumes import create_volume
from flash_tui.models.app import Environment
from flash_tui.models.identifiers import BuildId, EndpointId

_COPIED = ("workersMin", "workersMax", "idleTimeout", "scalerType", "scalerValue", "gpuIds", "instanceIds", "locations")
_GPU_ONLY: Mapping[str, object] = {"gpuCount": 1, "allowedCudaVersions": ""}
_DISK_GB = 64
_VOLUME_GB = 100
_DATA_CENTER = "EU-RO-1"


@dataclass(frozen=True, slots=True)
class Provisioned:
    """An endpoint that must come up."""

    id: EndpointId
    name: str
    workers_min: int


class Provisioner:
    """Makes what a manifest lists."""

    def __init__(self, connection: Connection, graphql: GraphQL) -> None:
        self._connection = connection
        self._target = connection.target
        self._graphql = graphql

    async def provision(self, environment: Environment, build_id: BuildId) -> tuple[Provisioned, ...]:
        """Create or update an endpoint per resource, remove those without one."""
        manifest = (await self._graphql.run(operations.BUILD, input=build_id)).manifest or {}
        official = await self._graphql.run(operations.ENVIRONMENT, flashEnvironmentId=environment.id)
        known = {endpoint.resource_name: endpoint for endpoint in official.endpoints or ()}
        resources = _resources(manifest)
        made: dict[str, OfficialEndpoint] = {}
        for name, resource in resources.items():
            variables = self._variables(environment, name, resource, manifest)
            made[name] = await self._save(official, name, resource, known.get(name), variables)
        kept = {endpoint.id for endpoint in made.values()}
        for endpoint in official.endpoints or ():
            if endpoint.id not in kept:  # its resource is gone, or it is a double that another tool made
                await self._graphql.run(operations.DELETE_ENDPOINT, id=endpoint.id)
        await self._note_endpoints(build_id, manifest, resources, made)
        return tuple(
            Provisioned(EndpointId(endpoint.id), name, int(resources[name].get("workersMin") or 0))
            for name, endpoint in made.items()
        )

    async def _save(
        self,
        environment: OfficialEnvironment,
        name: str,
        resource: Mapping[str, Any],
        known: OfficialEndpoint | None,
        variables: Mapping[str, str],
    ) -> OfficialEndpoint:
        wanted = endpoint_input(environment.id, name, resource, await self._volumes(resource))
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

    async def _volumes(self, resource: Mapping[str, Any]) -> list[str]:
        """Ids of the volumes that a resource names; those that do not exist yet are made."""
        found: list[str] = []
        for volume in wanted_volumes(resource):
            if volume.get("id"):
                found.append(str(volume["id"]))
                continue
            size, place = int(volume.get("size") or _VOLUME_GB), str(volume.get("dataCenterId") or _DATA_CENTER)
            made = await create_volume(self._connection, str(volume.get("name") or ""), size, place)
            found.append(made.id)
        return found

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


def wanted_volumes(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a resource says about its volumes: {name, id?, size, dataCenterId} each."""
    listed: object = resource.get("networkVolumes")
    rows = cast("list[object]", listed) if isinstance(listed, list) else [resource.get("networkVolume")]
    found = [cast("dict[str, Any]", row) for row in rows if isinstance(row, dict)]
    if not found and resource.get("networkVolumeId"):
        return [{"id": resource["networkVolumeId"]}]
    return list(found)


def endpoint_input(
    environment_id: str, name: str, resource: Mapping[str, Any], volumes: Sequence[str] = ()
) -> dict[str, Any]:
    """The `EndpointInput` of a resource, without its template. `volumes` are ids."""
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
    if len(volumes) == 1:
        wanted["networkVolumeId"] = volumes[0]
    elif volumes:
        wanted["networkVolumeIds"] = [{"networkVolumeId": volume} for volume in volumes]
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
