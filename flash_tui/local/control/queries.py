"""What official clients ask. An unknown app is an error they know by its words; an unknown environment is null."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from flash_tui.local.control import login
from flash_tui.local.control.context import Info
from flash_tui.local.control.objects import (
    ALIVE,
    all_apps,
    app_object,
    build_object,
    endpoint_object,
    environment_object,
    volume_object,
)
from flash_tui.local.store import apps, builds, environments
from flash_tui.local.store.endpoints import Lifecycle, find_endpoint, list_endpoints
from flash_tui.local.store.templates import find_template
from flash_tui.local.store.volumes import list_volumes
from flash_tui.models.identifiers import AppId, BuildId, EndpointId, EnvironmentId, TemplateId

Answer = dict[str, Any]


async def flash_app(_: object, info: Info, flashAppId: str) -> Answer:  # noqa: N803 - the SDL's name
    def read(connection: sqlite3.Connection) -> Answer:
        return app_object(connection, apps.get_app_by_id(connection, AppId(flashAppId)))

    return await info.context.store.transact(read)


async def flash_app_by_name(_: object, info: Info, flashAppName: str) -> Answer:  # noqa: N803
    def read(connection: sqlite3.Connection) -> Answer:
        return app_object(connection, apps.get_app(connection, flashAppName))

    return await info.context.store.transact(read)


async def flash_environment(_: object, info: Info, flashEnvironmentId: str) -> Answer | None:  # noqa: N803
    def read(connection: sqlite3.Connection) -> Answer | None:
        found = environments.find_environment(connection, EnvironmentId(flashEnvironmentId))
        return None if found is None else environment_object(connection, found)

    return await info.context.store.transact(read)


async def flash_environment_by_name(
    _: object,
    info: Info,
    input: Mapping[str, str],  # noqa: A002 - the SDL's name
) -> Answer | None:
    def read(connection: sqlite3.Connection) -> Answer | None:
        found = environments.find_environment_named(connection, AppId(input["flashAppId"]), input["name"])
        return None if found is None else environment_object(connection, found)

    return await info.context.store.transact(read)


async def flash_build(_: object, info: Info, flashBuildId: str) -> Answer:  # noqa: N803
    def read(connection: sqlite3.Connection) -> Answer:
        build = builds.get_build(connection, BuildId(flashBuildId))
        app_id = builds.app_of_build(connection, build.id)
        return build_object(build, app_id, builds.get_object_key(connection, build.id))

    return await info.context.store.transact(read)


async def build_manifest(build: Answer, info: Info) -> Answer:
    """A JSON object, with what deploys have written into it."""
    return await info.context.store.transact(partial(builds.get_deployed_manifest, build_id=build["id"]))


async def pod_template(_: object, info: Info, id: str) -> Answer | None:  # noqa: A002
    return await info.context.store.transact(partial(find_template, template_id=TemplateId(id)))


async def myself(_: object, info: Info) -> Answer:
    """The one user there is. Fields are read when they are asked for."""
    store = info.context.store

    async def flash_apps(_: Info) -> list[Answer]:
        return await store.transact(all_apps)

    async def all_endpoints(_: Info) -> list[Answer]:
        return await store.transact(
            lambda c: [endpoint_object(c, endpoint) for endpoint in list_endpoints(c, lifecycles=ALIVE)]
        )

    async def one_endpoint(_: Info, id: str) -> Answer | None:  # noqa: A002
        def read(connection: sqlite3.Connection) -> Answer | None:
            found = find_endpoint(connection, EndpointId(id))
            is_there = found is not None and found.lifecycle is not Lifecycle.RETIRED
            return endpoint_object(connection, found) if found is not None and is_there else None

        return await store.transact(read)

    async def volumes(_: Info) -> list[Answer]:
        return [volume_object(volume) for volume in await store.transact(list_volumes)]

    return {
        "id": "local",
        "pubKey": None,
        "flashApps": flash_apps,
        "endpoints": all_endpoints,
        "endpoint": one_endpoint,
        "networkVolumes": volumes,
        "pods": [],
    }


def gpu_types(_: object, __: Info, input: Mapping[str, Any] | None = None) -> list[Answer]:  # noqa: A002
    """This computer offers no GPUs: whatever is asked for is out of stock."""
    asked = input or {}
    wanted = asked.get("ids") or ([asked["id"]] if asked.get("id") else [])
    return [{"id": name, "displayName": name, "lowestPrice": {"stockStatus": None}} for name in wanted]


def cpu_flavors(_: object, __: Info, input: Mapping[str, Any] | None = None) -> list[Answer]:  # noqa: A002
    return [{"id": (input or {}).get("id"), "specifics": {"stockStatus": "High"}}]


ANSWERS: Final = {
    "myself": myself,
    "flashApp": flash_app,
    "flashAppByName": flash_app_by_name,
    "flashEnvironment": flash_environment,
    "flashEnvironmentByName": flash_environment_by_name,
    "flashBuild": flash_build,
    "flashAuthRequestStatus": login.status,
    "podTemplate": pod_template,
    "gpuTypes": gpu_types,
    "cpuFlavors": cpu_flavors,
}

BUILD_FIELDS: Final = {"manifest": build_manifest}
