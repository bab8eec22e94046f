"""What happened: deployments, logs, jobs."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flash_tui.local.documents import answer_all, moment, number
from flash_tui.local.journal.log_archive import LogQuery
from flash_tui.local.services import Services
from flash_tui.local.store import deployments as deployment_rows
from flash_tui.local.store import jobs as job_rows

_MOST_DEPLOYMENTS = 10_000
_MOST_LINES = 50_000
_MOST_JOBS = 1_000


def routes(services: Services) -> list[BaseRoute]:
    async def deployments(request: Request) -> Response:
        """Also of an app or environment that is gone: its records are not."""
        query = partial(
            deployment_rows.list_deployments,
            app=request.path_params["app"],
            environment=request.query_params.get("environment"),
            limit=number(request, "limit", 100, at_most=_MOST_DEPLOYMENTS),
        )
        return answer_all(await services.store.transact(query))

    async def logs(request: Request) -> Response:
        query = LogQuery(
            app=request.query_params.get("app"),
            environment=request.query_params.get("environment"),
            endpoint=request.query_params.get("endpoint"),
            worker=request.query_params.get("worker"),
            since=moment(request, "since"),
            limit=number(request, "limit", 1000, at_most=_MOST_LINES),
        )
        return answer_all(await services.journal.logs(query))

    async def jobs(request: Request) -> Response:
        query = partial(
            job_rows.list_jobs,
            endpoint_id=request.query_params.get("endpoint_id"),
            status=request.query_params.get("status"),
            limit=number(request, "limit", 100, at_most=_MOST_JOBS),
        )
        return answer_all(await services.store.transact(query))

    return [
        Route("/apps/{app}/deployments", deployments),
        Route("/logs", logs),
        Route("/jobs", jobs),
    ]
