"""The page that the official login opens. It shows how to approve; it cannot approve, since a page is no person."""

from __future__ import annotations

import html
import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from flash_tui.local.services import Services

_REQUEST = re.compile(r"[a-z0-9_]{1,64}")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>flash-tui: login</title></head>
<body><h1>A program asks for this platform's key</h1>
<p>If it was you, approve it in a terminal of this computer:</p>
<pre>flash-tui platform approve {request}</pre></body></html>
"""
_HEADERS = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cache-Control": "no-store"}


def routes(services: Services) -> list[BaseRoute]:
    del services

    async def page(request: Request) -> Response:
        asked = request.query_params.get("request", "")
        shown = asked if _REQUEST.fullmatch(asked) else ""
        return HTMLResponse(_PAGE.format(request=html.escape(shown)), headers=_HEADERS)

    return [Route("/flash/login", page)]
