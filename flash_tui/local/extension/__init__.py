"""Our own dialect: REST under /flash-tui/v1, whose documents are the models. What the official protocol cannot say."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount

from flash_tui.local.extension import apps, builds, events, history, logins, releases
from flash_tui.local.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """All of it; errors of our family become answers in the app that holds the routes."""
    parts = (apps, builds, events, history, logins, releases)
    return [Mount("/flash-tui/v1", routes=[route for part in parts for route in part.routes(services)])]
