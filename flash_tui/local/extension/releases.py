"""Releases: begun, waited for, cancelled. The platform boots, checks and switches by itself meanwhile."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flash_tui.local.documents import answer, body, number
from flash_tui.local.services import Services
from flash_tui.models.deployment import ReleaseRequest
from flash_tui.models.identifiers import DeploymentId

LONGEST_WAIT_S: Final = 60


def routes(services: Services) -> list[BaseRoute]:
    releases = services.releases

    async def begin(request: Request) -> Response:
        deployment = await releases.begin(await body(request, ReleaseRequest))
        return answer(deployment, 202 if deployment.outcome is None else 200)

    async def wait(request: Request) -> Response:
        timeout_s = number(request, "wait_s", 0, at_most=LONGEST_WAIT_S)
        return answer(await releases.wait(DeploymentId(request.path_params["release"]), timeout_s))

    async def cancel(request: Request) -> Response:
        return answer(await releases.cancel(DeploymentId(request.path_params["release"])))

    return [
        Route("/releases", begin, methods=["POST"]),
        Route("/releases/{release}", wait, methods=["GET"]),
        Route("/releases/{release}", cancel, methods=["DELETE"]),
    ]
