"""What official clients change."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, cast

from flash_tui.local.control import login
from flash_tui.local.control.context import Info
from flash_tui.local.control.objects import build_object, endpoint_object, environment_object, signed_url
from flash_tui.local.control.saving import attach_template, save_endpoint, save_template
from flash_tui.local.store import builds, endpoints, environments
from flash_tui.local.store.endpoints import StoredEndpoint
from flash_tui.models.errors import NotFound, UsageError
from flash_tui.models.identifiers import AppId, BuildId, EndpointId, EnvironmentId, TemplateId
from flash_tui.models.manifest import parse_manifest

Answer = dict[str, Any]
Input = Mapping[str, Any]


def _manifest(raw: object) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise UsageError("the manifest is no JSON object", where="manifest", hint="send flash_manifest.json as it is")
    return cast("dict[str, Any]", raw)


async def create_app(_: object, info: Info, input: Input) -> Answer:  # noqa: A002 - the SDL's name
    app = await info.context.registry.create_app(input["name"], may_exist=False)
    return {"id": app.id, "name": app.name, "flashEnvironments": [], "flashBuilds": []}


async def delete_app(_: object, info: Info, flashAppId: str) -> bool:  # noqa: N803 - the SDL's name
    await info.context.registry.delete_app(AppId(flashAppId))
    return True


async def create_environment(_: object, info: Info, input: Input) -> Answer:  # noqa: A002
    services = info.context
    created = await services.registry.create_environment(AppId(input["flashAppId"]), input["name"])
    return await services.store.transact(partial(environment_object, environment=created))


async def delete_environment(_: object, info: Info, flashEnvironmentId: str) -> bool:  # noqa: N803
    await info.context.registry.delete_environment(EnvironmentId(flashEnvironmentId))
    return True


async def prepare_upload(_: object, info: Info, input: Input) -> Answer:  # noqa: A002
    services = info.context
    upload = await services.registry.announce_upload(AppId(input["flashAppId"]), input["tarballSize"])
    signed = signed_url(services, "PUT", upload.object_key)
    return {"uploadUrl": signed["url"], "objectKey": upload.object_key, "expiresAt": signed["expiresAt"]}


async def finalize_upload(_: object, info: Info, input: Input) -> Answer:  # noqa: A002
    app_id, object_key = AppId(input["flashAppId"]), input["objectKey"]
    build = await info.context.registry.finalize_upload(app_id, object_key, _manifest(input["manifest"]))
    return build_object(build, app_id, object_key)


async def deploy_build(_: object, info: Info, input: Input) -> Answer:  # noqa: A002
    """Makes the build the desired one; its artifact can be fetched by the URL in the answer."""
    services = info.context
    build_id = BuildId(input["flashBuildId"])
    environment = await services.deploys.want(EnvironmentId(input["flashEnvironmentId"]), build_id)

    def read(connection: sqlite3.Connection) -> tuple[Answer, str]:
        object_key = builds.get_object_key(connection, build_id) or f"{build_id}.tar.gz"
        return environment_object(connection, environment), object_key

    answer, object_key = await services.store.transact(read)
    signed = signed_url(services, "GET", object_key)
    artifact = {"objectKey": object_key, "downloadUrl": signed["url"], "expiresAt": signed["expiresAt"]}
    return answer | {"activeArtifact": artifact}


async def update_manifest(_: object, info: Info, input: Input) -> Answer:  # noqa: A002
    """What a deploy adds (endpoint ids, URLs, keys) is kept beside the manifest as built, which never changes."""
    build_id, manifest = BuildId(input["flashBuildId"]), _manifest(input["manifest"])
    parse_manifest(manifest)

    def work(connection: sqlite3.Connection) -> Answer:
        builds.set_deployed_manifest(connection, build_id, manifest)
        build = builds.get_build(connection, build_id)
        return build_object(build, builds.app_of_build(connection, build_id), None)

    return await info.context.store.transact(work)


async def save_one_endpoint(_: object, info: Info, input: Input) -> Answer:  # noqa: A002
    services = info.context

    def work(connection: sqlite3.Connection) -> tuple[StoredEndpoint, Answer]:
        saved = save_endpoint(connection, dict(input))
        active = None
        if saved.environment_id is not None:
            active = environments.get_environment(connection, saved.environment_id).active_build_id
        return saved, endpoint_object(connection, saved, active)

    saved, answer = await services.store.transact(work)
    if saved.environment_id is not None:
        services.deploys.saved(saved.environment_id, saved.name)
    return answer


async def delete_endpoint(_: object, info: Info, id: str) -> None:  # noqa: A002
    await info.context.registry.delete_endpoint(EndpointId(id))


async def save_one_template(_: object, info: Info, input: Input | None = None) -> Answer:  # noqa: A002
    if input is None:
        raise UsageError("saveTemplate needs an input", where="saveTemplate", hint="send the template's fields")
    return await info.context.store.transact(partial(save_template, fields=dict(input)))


async def update_endpoint_template(_: object, info: Info, input: Input) -> Answer:  # noqa: A002
    def work(connection: sqlite3.Connection) -> Answer:
        found = endpoints.get_endpoint(connection, EndpointId(input["endpointId"]))
        attached = attach_template(connection, found, TemplateId(input["templateId"]))
        if attached is None:
            raise NotFound("template not found", where=input["templateId"], hint="save the template first")
        return endpoint_object(connection, attached)

    return await info.context.store.transact(work)


ANSWERS: Final = {
    "createFlashApp": create_app,
    "deleteFlashApp": delete_app,
    "createFlashEnvironment": create_environment,
    "deleteFlashEnvironment": delete_environment,
    "prepareFlashArtifactUpload": prepare_upload,
    "finalizeFlashArtifactUpload": finalize_upload,
    "deployBuildToEnvironment": deploy_build,
    "updateFlashBuildManifest": update_manifest,
    "createFlashAuthRequest": login.create,
    "saveEndpoint": save_one_endpoint,
    "deleteEndpoint": delete_endpoint,
    "saveTemplate": save_one_template,
    "updateEndpointTemplate": update_endpoint_template,
}
