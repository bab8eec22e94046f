"""A worker's lines, as `flash dev` fetches them while it waits.

Source: runpod_flash 1.21 `core/resources/request_logs.py`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flash_tui.local.control.objects import time_text
from flash_tui.local.journal.log_archive import LogQuery
from flash_tui.local.services import Services
from flash_tui.models.log import LogLine

_LINES = 1000


def _texts(lines: tuple[LogLine, ...], *, system: bool) -> list[str]:
    return [f"{time_text(line.at)} {line.text}" for line in lines if (line.stream == "system") is system]


def routes(services: Services) -> list[BaseRoute]:
    async def logs(request: Request) -> Response:
        lines = await services.journal.logs(LogQuery(worker=request.path_params["worker"], limit=_LINES))
        return JSONResponse({"container": _texts(lines, system=False), "system": _texts(lines, system=True)})

    return [Route("/v1/pod/{worker}/logs", logs)]
