"""PUT and GET of artifacts. The URL carries its own secret: the official upload sends no key."""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from flash_tui.local.security import Gate
from flash_tui.local.services import Services
from flash_tui.local.store import builds, uploads
from flash_tui.models.errors import Conflict, Unauthorised
from flash_tui.models.identifiers import BuildId

_SUFFIX = ".tar.gz"


def _build_of(connection: sqlite3.Connection, key: str) -> BuildId:
    """The build that an object key stands for: an upload's, or `{build id}.tar.gz`. Raises NotFound, Conflict."""
    named = builds.find_build(connection, BuildId(key.removesuffix(_SUFFIX)))
    if named is not None:
        return named.id
    upload = uploads.get_upload(connection, key)
    if upload.build_id is None:
        raise Conflict("this upload is no build yet", where=key, hint="finalise it first")
    return upload.build_id


def routes(services: Services) -> list[BaseRoute]:
    gate = Gate(services.token)

    def check(request: Request) -> str:
        """The key of the artifact, if the URL was signed for this method, or the caller has the platform's key."""
        key = request.path_params["key"]
        query = urlsplit(str(request.url)).query
        is_signed = services.signer.verify(request.method, key, query, time.time())
        if not is_signed and not gate.knows_token(request.headers.get("authorization", "").encode("latin-1")):
            raise Unauthorised(
                "this URL is not signed for that, or has expired", where=f"artifact {key}", hint="ask for a new URL"
            )
        return key

    async def put(request: Request) -> Response:
        await services.registry.receive_upload(check(request), request.stream())
        return Response(status_code=200)

    async def get(request: Request) -> Response:
        build_id = await services.store.transact(partial(_build_of, key=check(request)))
        return FileResponse(await services.artifacts.whole_file(build_id), media_type="application/gzip")

    return [
        Route("/artifacts/{key}", put, methods=["PUT"]),
        Route("/artifacts/{key}", get, methods=["GET"]),
    ]
