"""Capabilities, the state as a whole, apps and environments."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flash_tui import __version__
from flash_tui.local.documents import answer, answer_all, body
from flash_tui.local.services import Services
from flash_tui.local.store import apps as app_rows
from flash_tui.models.document import Document

CAPABILITIES = ("releases", "events", "history", "logs", "layers", "versions")


class NewApp(Document):
    name: str
    environments: tuple[str, ...] = ()


class NewEnvironment(Document):
    name: str


def routes(services: Services) -> list[BaseRoute]:  # noqa: C901 - a table with its handlers
    store, view, registry = services.store, services.view, services.registry

    async def capabilities(_: Request) -> Response:
        return JSONResponse({"version": __version__, "capabilities": list(CAPABILITIES)})

    async def state(request: Request) -> Response:
        return answer(await view.state(request.query_params.get("app")))

    async def list_apps(_: Request) -> Response:
        return answer_all(await store.transact(app_rows.list_apps))

    async def create_app(request: Request) -> Response:
        new = await body(request, NewApp)
        return answer(await registry.create_app(new.name, new.environments))

    async def get_app(request: Request) -> Response:
        return answer(await store.transact(partial(app_rows.get_app, name=request.path_params["app"])))

    async def delete_app(request: Request) -> Response:
        found = await store.transact(partial(app_rows.get_app, name=request.path_params["app"]))
        await registry.delete_app(found.id)
        return JSONResponse({"deleted": found.name})

    async def list_environments(request: Request) -> Response:
        return answer_all(await view.environments(request.path_params["app"]))

    async def create_environment(request: Request) -> Response:
        new = await body(request, NewEnvironment)
        found = await store.transact(partial(app_rows.get_app, name=request.path_params["app"]))
        created = await registry.create_environment(found.id, new.name)
        return answer(await view.environment(created.id), 201)

    async def get_environment(request: Request) -> Response:
        return answer(await view.environment_named(request.path_params["app"], request.path_params["environment"]))

    async def delete_environment(request: Request) -> Response:
        found = await view.environment_named(request.path_params["app"], request.path_params["environment"])
        await registry.delete_environment(found.id)
        return JSONResponse({"deleted": found.name})

    one_environment = "/apps/{app}/environments/{environment}"
    return [
        Route("/capabilities", capabilities),
        Route("/state", state),
        Route("/apps", list_apps, methods=["GET"]),
        Route("/apps", create_app, methods=["POST"]),
        Route("/apps/{app}", get_app, methods=["GET"]),
        Route("/apps/{app}", delete_app, methods=["DELETE"]),
        Route("/apps/{app}/environments", list_environments, methods=["GET"]),
        Route("/apps/{app}/environments", create_environment, methods=["POST"]),
        Route(one_environment, get_environment, methods=["GET"]),
        Route(one_environment, delete_environment, methods=["DELETE"]),
    ]
