"""Builds: handed over in parts, read back whole, as a manifest, or file by file."""

from __future__ import annotations

import struct
from functools import partial
from typing import Any, Final, cast

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from flash_tui.local import limits
from flash_tui.local.artifacts.code_files import list_code, read_code
from flash_tui.local.documents import answer, answer_all, parse
from flash_tui.local.services import Services
from flash_tui.local.store import apps as app_rows
from flash_tui.local.store import builds as build_rows
from flash_tui.models.build import BuildUpload
from flash_tui.models.errors import NotFound, UsageError
from flash_tui.models.identifiers import BuildId

_LENGTH: Final = struct.Struct(">I")


def split_upload(content: bytes) -> tuple[BuildUpload, bytes]:
    """The body of POST /builds: length (4 bytes, big-endian), BuildUpload as JSON, TAIL. Raises UsageError."""
    hint = "send a 4-byte big-endian length, BuildUpload as JSON of that length, then the bytes behind the layer"
    if len(content) < _LENGTH.size:
        raise UsageError("the body is too short for a build", where="POST /builds", hint=hint)
    (length,) = _LENGTH.unpack_from(content)
    end = _LENGTH.size + length
    if end > len(content):
        raise UsageError("the body is shorter than the length it begins with", where="POST /builds", hint=hint)
    return parse(BuildUpload, content[_LENGTH.size : end], "POST /builds"), content[end:]


async def _bounded_body(request: Request, limit: int) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise UsageError("the build is larger than the limit", where="POST /builds", hint=f"{limit} bytes at most")
    return bytes(content)


def without_keys(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest as it may be shown: official deploys write endpoint keys into theirs."""
    resources = manifest.get("resources")
    if not isinstance(resources, dict):
        return manifest
    shown = {
        name: {key: value for key, value in cast("dict[str, Any]", resource).items() if key != "aiKey"}
        if isinstance(resource, dict)
        else resource
        for name, resource in cast("dict[str, Any]", resources).items()
    }
    return manifest | {"resources": shown}


def routes(services: Services) -> list[BaseRoute]:
    store, artifacts, registry = services.store, services.artifacts, services.registry

    async def list_builds(request: Request) -> Response:
        app = await store.transact(partial(app_rows.get_app, name=request.path_params["app"]))
        return answer_all(await store.transact(partial(build_rows.list_builds, app_id=app.id)))

    async def get_build(request: Request) -> Response:
        app, build_id = request.path_params["app"], request.path_params["build"]
        found = await store.transact(partial(build_rows.get_build, build_id=BuildId(build_id)))
        if found.app != app:
            raise NotFound(f"build not found: {build_id}", where=app, hint="`flash-tui builds list` shows its builds")
        return answer(found)

    async def create_build(request: Request) -> Response:
        upload, tail = split_upload(await _bounded_body(request, limits.MAX_ARTIFACT_BODY_BYTES))
        build, is_new = await registry.register_parts(upload, tail)
        return answer(build, 201 if is_new else 200)

    async def manifest(request: Request) -> Response:
        found = await store.transact(partial(build_rows.get_manifest, build_id=request.path_params["build"]))
        return JSONResponse(without_keys(found))

    async def artifact(request: Request) -> Response:
        path = await artifacts.whole_file(request.path_params["build"])
        return FileResponse(path, media_type="application/gzip", filename="artifact.tar.gz")

    async def files(request: Request) -> Response:
        folder = await artifacts.code_folder(request.path_params["build"])
        return answer_all(await anyio.to_thread.run_sync(list_code, folder))

    async def file(request: Request) -> Response:
        folder = await artifacts.code_folder(request.path_params["build"])
        return PlainTextResponse(await anyio.to_thread.run_sync(read_code, folder, request.path_params["path"]))

    return [
        Route("/apps/{app}/builds", list_builds),
        Route("/apps/{app}/builds/{build}", get_build),
        Route("/builds", create_build, methods=["POST"]),
        Route("/builds/{build}/manifest", manifest),
        Route("/builds/{build}/artifact", artifact),
        Route("/builds/{build}/files", files),
        Route("/builds/{build}/files/{path:path}", file),
    ]
