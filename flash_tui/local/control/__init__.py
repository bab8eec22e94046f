"""The official control plane: GraphQL, artifact URLs, volumes over REST, the login flow."""

from __future__ import annotations

from starlette.routing import BaseRoute

from flash_tui.local.control import artifact_urls, graphql_route, login_page, pod_logs, volumes
from flash_tui.local.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """All of it; errors of our family become answers in the app that holds the routes."""
    parts = (graphql_route, artifact_urls, volumes, pod_logs, login_page)
    return [route for part in parts for route in part.routes(services)]
