"""The platform as a web app: all routes in one table, and one place where errors become answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flash_tui.local import control, extension
from flash_tui.local.front.answer import error_body
from flash_tui.local.platform import Platform
from flash_tui.models.errors import (
    BootFailed,
    BuildFailed,
    Conflict,
    FlashTuiError,
    NotFound,
    TargetUnreachable,
    Unauthorised,
    UsageError,
)

_log = logging.getLogger(__name__)

_STATUS: Final[dict[type[FlashTuiError], int]] = {
    UsageError: HTTPStatus.BAD_REQUEST,
    Unauthorised: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    BuildFailed: HTTPStatus.UNPROCESSABLE_ENTITY,
    BootFailed: HTTPStatus.UNPROCESSABLE_ENTITY,
    TargetUnreachable: HTTPStatus.SERVICE_UNAVAILABLE,
}


def build_app(platform: Platform) -> ASGIApp:
    """Every route of the platform but those of load-balanced endpoints, which never come here."""
    return with_errors([*_platform_routes(platform), *_parts(platform)])


def with_errors(routes: Sequence[BaseRoute]) -> ASGIApp:
    """The routes, and every error of theirs as an answer."""
    return Starlette(
        routes=routes,
        middleware=[Middleware(ErrorBoundary)],
        exception_handlers={FlashTuiError: _ours, HTTPException: _theirs},
    )


def _parts(platform: Platform) -> list[BaseRoute]:
    services = platform.services
    return [*platform.engine.routes(), *control.routes(services), *extension.routes(services)]


def _platform_routes(platform: Platform) -> list[BaseRoute]:
    async def health(_: Request) -> Response:
        return JSONResponse(platform.document.model_dump(mode="json"))

    async def stop(_: Request) -> Response:
        platform.stop_requested.set()
        return JSONResponse({"stopping": True}, HTTPStatus.ACCEPTED)

    return [
        Route("/flash-tui/v1/platform", health, methods=["GET"]),
        Route("/flash-tui/v1/platform/stop", stop, methods=["POST"]),
    ]


async def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, FlashTuiError)  # registered for it
    status = next((_STATUS[family] for family in type(error).__mro__ if family in _STATUS), 500)
    return JSONResponse({"error": error.document().model_dump(mode="json", exclude_none=True)}, status)


async def _theirs(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # registered for it
    body = error_body(error.status_code, error.detail, where=f"{request.method} {request.url.path}")
    return Response(body, error.status_code, error.headers, media_type="application/json")


class ErrorBoundary:
    """A handler that breaks costs its own request only: logged whole, shown short."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:  # noqa: BLE001 - the rim of the platform: whatever broke, the next request is served
            _log.exception("%s %s broke", scope.get("method"), scope.get("path"))
            if not has_begun:
                hint = "`flash-tui platform logs` shows where; it is a bug of flash-tui"
                body = error_body(HTTPStatus.INTERNAL_SERVER_ERROR, "the platform broke on this request", hint=hint)
                answer = Response(body, HTTPStatus.INTERNAL_SERVER_ERROR, media_type="application/json")
                await answer(scope, receive, send)
