"""`status` and `history`: how the environments are, and how they came to be so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from flash_tui.cli import documents
from flash_tui.cli.connect import open_client
from flash_tui.cli.options import Invocation
from flash_tui.models.app import Environment
from flash_tui.models.deployment import Deployment
from flash_tui.models.events import EnvironmentChanged, EnvironmentGone, Event, StreamReset
from flash_tui.models.human import age, duration
from flash_tui.models.states import EndpointState, EnvironmentState

_MARKS = {
    EnvironmentState.DEPLOYED: ("●", "green"),
    EnvironmentState.FAILED: ("✗", "red"),
    EnvironmentState.PENDING: ("○", "dim"),
}
_BUSY = ("◐", "yellow")


async def status(invocation: Invocation) -> int:
    """Exit code 1 if an environment has failed or one of its endpoints is unhealthy."""
    settings = invocation.settings
    async with open_client(invocation) as client:
        state = await client.state(settings.app)
        environments = [item for item in state.environments if item.app == settings.app]
        if not environments:
            environments = list(await client.environments(settings.app))  # says so if there is no such app
        ordered = documents.in_pipeline_order(environments, settings.pipeline)
        _tell(invocation, ordered)
        if invocation.arguments.watch:
            known = {item.name: item for item in ordered}
            async for _, event in client.events(state.cursor, settings.app):
                if _fold(known, event, settings.app):
                    ordered = documents.in_pipeline_order(known.values(), settings.pipeline)
                    _tell(invocation, ordered)
    return 0 if all(is_well(environment) for environment in ordered) else 1


def is_well(environment: Environment) -> bool:
    """Neither did the last act fail, nor is an endpoint unhealthy."""
    endpoints = environment.endpoints
    return environment.state != EnvironmentState.FAILED and all(
        endpoint.state != EndpointState.UNHEALTHY for endpoint in endpoints
    )


def _fold(known: dict[str, Environment], event: Event, app: str) -> bool:
    """Take an event in; whether a line would look different."""
    if isinstance(event, EnvironmentChanged) and event.environment.app == app:
        before = known.get(event.environment.name)
        known[event.environment.name] = event.environment
        return before is None or _what(before) != _what(event.environment)
    if isinstance(event, EnvironmentGone) and event.app == app:
        return known.pop(event.environment, None) is not None
    return isinstance(event, StreamReset)


def _what(environment: Environment) -> tuple[object, ...]:
    endpoints = tuple((endpoint.name, endpoint.state) for endpoint in environment.endpoints)
    return environment.state, environment.build, environment.error, endpoints


def _tell(invocation: Invocation, environments: Sequence[Environment]) -> None:
    output = invocation.output
    if output.as_json:
        rows = [documents.environment(environment) for environment in environments]
        if invocation.arguments.watch:
            output.object_line(rows)
        else:
            output.document(rows)
        return
    for environment in environments:
        mark, colour = _MARKS.get(environment.state, _BUSY)
        build = environment.build.label if environment.build is not None else "-"
        unwell = [item.name for item in environment.endpoints if item.state == EndpointState.UNHEALTHY]
        trouble = environment.error.what if environment.error is not None else ""
        if unwell and not trouble:
            trouble = f"unhealthy: {', '.join(unwell)}"
        when = age(environment.updated_at, datetime.now(UTC))
        text = f"{environment.name:<12} {environment.state!s:<10} {build:<6} {when:<5} {trouble}"
        output.line(f"{output.coloured_data(mark, colour)} {text}".rstrip())


async def history(invocation: Invocation) -> int:
    arguments, settings, output = invocation.arguments, invocation.settings, invocation.output
    async with open_client(invocation) as client:
        deployments = await client.history(settings.app, arguments.environment, arguments.limit)
    if output.as_json:
        output.document([documents.deployment(item) for item in deployments])
    else:
        output.table(("age", "environment", "cause", "from", "to", "outcome", "took"), map(_row, deployments))
    return 0


def _row(item: Deployment) -> tuple[str, ...]:
    before = item.from_build.label if item.from_build is not None else "-"
    after = item.to_build.label if item.to_build is not None else "-"
    took = duration((item.ended_at - item.started_at).total_seconds() * 1000) if item.ended_at is not None else "-"
    outcome = str(item.outcome) if item.outcome is not None else "running"
    when = age(item.started_at, datetime.now(UTC))
    return when, item.environment, str(item.cause), before, after, outcome, took
