"""Login requests of official tools, shown to and answered by the person at this computer."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flash_tui.local.documents import answer, answer_all
from flash_tui.local.services import Services
from flash_tui.local.store import logins as rows
from flash_tui.local.store.logins import LoginRequest, LoginStatus
from flash_tui.models.platform import LoginDocument


def _document(login: LoginRequest) -> LoginDocument:
    return LoginDocument(
        id=login.id, status=login.status.value, created_at=login.created_at, expires_at=login.expires_at
    )


def routes(services: Services) -> list[BaseRoute]:
    store = services.store

    async def pending(_: Request) -> Response:
        return answer_all([_document(login) for login in await store.transact(rows.pending_logins)])

    async def move(request: Request, target: LoginStatus) -> Response:
        login_id = request.path_params["login"]
        step = partial(rows.move_login, login_id=login_id, source=LoginStatus.PENDING, target=target)
        return answer(_document(await store.transact(step)))

    async def approve(request: Request) -> Response:
        return await move(request, LoginStatus.APPROVED)

    async def deny(request: Request) -> Response:
        return await move(request, LoginStatus.DENIED)

    return [
        Route("/logins", pending),
        Route("/logins/{login}/approve", approve, methods=["POST"]),
        Route("/logins/{login}/deny", deny, methods=["POST"]),
    ]
