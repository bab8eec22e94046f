"""`call`: one endpoint invoked, its answer as the document that commands print."""

from __future__ import annotations

from flash_tui.client.data_plane import DataPlane, readable
from flash_tui.client.routes import choose_request
from flash_tui.models.app import Environment
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import Conflict, UsageError
from flash_tui.models.job import HttpAnswer, QueueAnswer
from flash_tui.models.states import EndpointKind, EndpointState


async def call(
    data: DataPlane, environment: Environment, endpoint: Endpoint, argument: object, route: str | None
) -> QueueAnswer | HttpAnswer:
    """Invoke an endpoint of an environment.

    Raises:
        UsageError: which route is meant is not clear, or a queue endpoint is given one.
        Conflict: the endpoint runs in the cloud only.
    """
    if endpoint.state == EndpointState.CLOUD_ONLY:
        hint = "deploy with --target runpod to call it"
        raise Conflict(f"{endpoint.name} runs in the cloud only", where=environment.name, hint=hint)
    if endpoint.kind == EndpointKind.QUEUE:
        if route is not None:
            raise UsageError(f"{endpoint.name} is a queue endpoint: it has no routes", hint="leave out --route")
        return await _queue(data, environment, endpoint, argument)
    return await _http(data, environment, endpoint, argument, route)


def _version(environment: Environment) -> int | None:
    return environment.build.version if environment.build is not None else None


async def _queue(data: DataPlane, environment: Environment, endpoint: Endpoint, argument: object) -> QueueAnswer:
    # What has no parameters is called with this mark: a platform may drop an empty input. Source: `flash_sentinel.py`.
    value = {"__empty": True} if argument is None or argument == {} else argument
    job = await data.run(endpoint.id, value)
    return QueueAnswer(
        endpoint=endpoint.name,
        environment=environment.name,
        build=_version(environment),
        status=job.status,
        output=job.output,
        error=job.error_text,
        delay_ms=job.delay_ms,
        execution_ms=job.execution_ms,
    )


async def _http(
    data: DataPlane, environment: Environment, endpoint: Endpoint, argument: object, route: str | None
) -> HttpAnswer:
    request = choose_request(endpoint, route, argument)
    url = endpoint.url.rstrip("/") + request.path
    answer, elapsed_ms = await data.request(request.method, url, body=request.body, parameters=request.parameters)
    return HttpAnswer(
        endpoint=endpoint.name,
        environment=environment.name,
        build=_version(environment),
        status_code=answer.status,
        headers=dict(answer.headers),
        output=readable(answer),
        elapsed_ms=elapsed_ms,
    )
