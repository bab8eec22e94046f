"""`app`, `env`, `builds`, `endpoint`, `volume`: list, get, create, delete."""

from __future__ import annotations

from datetime import UTC, datetime

from flash_tui.cli import documents
from flash_tui.cli.confirm import confirm_name
from flash_tui.cli.connect import open_client
from flash_tui.cli.options import Invocation
from flash_tui.models.app import Environment
from flash_tui.models.build import Build
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.human import age, short_digest, size

# --- apps -------------------------------------------------------------------------------------------------------------


async def list_apps(invocation: Invocation) -> int:
    async with open_client(invocation) as client:
        apps = await client.apps()
    if invocation.output.as_json:
        invocation.output.document([documents.app(app) for app in apps])
    else:
        rows = ((app.name, ", ".join(app.environments) or "-", str(app.builds)) for app in apps)
        invocation.output.table(("app", "environments", "builds"), rows)
    return 0


async def get_app(invocation: Invocation) -> int:
    """An app with its environments and builds."""
    output, settings = invocation.output, invocation.settings
    async with open_client(invocation) as client:
        app = await client.app(invocation.arguments.name or settings.app)
        environments = await client.environments(app.name)
        builds = await client.builds(app.name)
    ordered = documents.in_pipeline_order(environments, settings.pipeline)
    if output.as_json:
        document = documents.app(app)
        document["environments"] = [documents.environment(environment) for environment in ordered]
        document["builds"] = [documents.build(build) for build in builds]
        output.document(document)
        return 0
    output.line(f"{app.name}  {app.id}")
    output.line()
    output.table(_ENVIRONMENT_HEADERS, (_environment_row(environment) for environment in ordered))
    output.line()
    output.table(_BUILD_HEADERS, (_build_row(build) for build in builds))
    return 0


async def create_app(invocation: Invocation) -> int:
    async with open_client(invocation) as client:
        app = await client.create_app(invocation.arguments.name)
    return _done(
        invocation, documents.app(app), f"{app.name} is there, with {', '.join(app.environments) or 'nothing'}"
    )


async def delete_app(invocation: Invocation) -> int:
    name: str = invocation.arguments.name
    async with open_client(invocation) as client:
        app = await client.app(name)
        confirm_name(invocation, name, f"This deletes {name}, its {len(app.environments)} environments and its builds.")
        await client.delete_app(name)
    return _done(invocation, {"deleted": name}, f"{name} is deleted")


# --- environments -----------------------------------------------------------------------------------------------------

_ENVIRONMENT_HEADERS = ("environment", "state", "build", "endpoints", "updated")


def _environment_row(environment: Environment) -> tuple[str, ...]:
    build = environment.build.label if environment.build is not None else "-"
    when = age(environment.updated_at, datetime.now(UTC))
    return environment.name, str(environment.state), build, str(len(environment.endpoints)), when


async def list_environments(invocation: Invocation) -> int:
    async with open_client(invocation) as client:
        environments = await client.environments(invocation.settings.app)
    ordered = documents.in_pipeline_order(environments, invocation.settings.pipeline)
    if invocation.output.as_json:
        invocation.output.document([documents.environment(environment) for environment in ordered])
    else:
        invocation.output.table(_ENVIRONMENT_HEADERS, (_environment_row(environment) for environment in ordered))
    return 0


async def get_environment(invocation: Invocation) -> int:
    async with open_client(invocation) as client:
        environment = await client.environment(invocation.settings.app, invocation.arguments.environment)
    if invocation.output.as_json:
        invocation.output.document(documents.environment(environment))
        return 0
    tell_environment(invocation, environment)
    return 0


def tell_environment(invocation: Invocation, environment: Environment) -> None:
    output = invocation.output
    output.table(_ENVIRONMENT_HEADERS, (_environment_row(environment),))
    if environment.error is not None:
        output.line()
        output.line(f"last act failed: {environment.error.what}")
    if environment.endpoints:
        output.line()
        output.table(_ENDPOINT_HEADERS, (_endpoint_row(endpoint) for endpoint in environment.endpoints))
    for volume in environment.volumes:
        output.line(f"volume {volume.name}  {volume.size_gb} GB  {volume.data_center}")


async def create_environment(invocation: Invocation) -> int:
    async with open_client(invocation) as client:
        environment = await client.create_environment(invocation.settings.app, invocation.arguments.environment)
    return _done(invocation, documents.environment(environment), f"{environment.name} is there")


async def delete_environment(invocation: Invocation) -> int:
    name: str = invocation.arguments.environment
    async with open_client(invocation) as client:
        await client.environment(invocation.settings.app, name)
        confirm_name(invocation, name, f"This deletes {name} and its endpoints; builds and history stay.")
        await client.delete_environment(invocation.settings.app, name)
    return _done(invocation, {"deleted": name}, f"{name} is deleted")


# --- builds -----------------------------------------------------------------------------------------------------------

_BUILD_HEADERS = ("build", "digest", "size", "age", "runs in")


def _build_row(build: Build) -> tuple[str, ...]:
    digest = short_digest(build.digest) if build.digest is not None else "-"
    where = "gone" if build.gone else ", ".join(build.runs_in) or "-"
    return build.label, digest, size(build.size_bytes), age(build.created_at, datetime.now(UTC)), where


async def list_builds(invocation: Invocation) -> int:
    async with open_client(invocation) as client:
        builds = await client.builds(invocation.settings.app)
    if invocation.output.as_json:
        invocation.output.document([documents.build(build) for build in builds])
    else:
        invocation.output.table(_BUILD_HEADERS, (_build_row(build) for build in builds))
    return 0


async def diff_builds(invocation: Invocation) -> int:
    """What changed from build A to build B."""
    arguments, output, app = invocation.arguments, invocation.output, invocation.settings.app
    async with open_client(invocation) as client:
        before = await client.find_build(app, arguments.a)
        after = await client.find_build(app, arguments.b)
        changes = await client.differences(before, after)
    if output.as_json:
        output.document({"app": app, "from": before.reference(), "to": after.reference(), "changes": list(changes)})
        return 0
    output.say(f"{before.label} to {after.label}: {'no difference' if not changes else ''}".rstrip())
    for change in changes:
        output.line(f"{change.kind:<12} {change.name:<32} {change.change}")
    return 0


# --- endpoints --------------------------------------------------------------------------------------------------------

_ENDPOINT_HEADERS = ("endpoint", "kind", "state", "workers", "url")


def _endpoint_row(endpoint: Endpoint) -> tuple[str, ...]:
    workers = f"{len(endpoint.workers)}/{endpoint.workers_max}"
    return endpoint.name, str(endpoint.kind), str(endpoint.state), workers, endpoint.url


def environment_name(invocation: Invocation) -> str:
    return invocation.arguments.environment or invocation.settings.pipeline.first


async def list_endpoints(invocation: Invocation) -> int:
    async with open_client(invocation) as client:
        endpoints = await client.endpoints(invocation.settings.app, environment_name(invocation))
    if invocation.output.as_json:
        invocation.output.document([documents.endpoint(endpoint) for endpoint in endpoints])
    else:
        invocation.output.table(_ENDPOINT_HEADERS, (_endpoint_row(endpoint) for endpoint in endpoints))
    return 0


async def get_endpoint(invocation: Invocation) -> int:
    output, name = invocation.output, invocation.arguments.endpoint
    async with open_client(invocation) as client:
        endpoint = await client.endpoint(invocation.settings.app, environment_name(invocation), name)
    if output.as_json:
        output.document(documents.endpoint(endpoint))
        return 0
    output.table(_ENDPOINT_HEADERS, (_endpoint_row(endpoint),))
    for route in endpoint.routes:
        output.line(f"  {route}")
    if endpoint.workers:
        output.line()
        rows = (
            (worker.id, str(worker.state), f"v{worker.build}" if worker.build else "-") for worker in endpoint.workers
        )
        output.table(("worker", "state", "build"), rows)
    return 0


# --- volumes ----------------------------------------------------------------------------------------------------------


async def list_volumes(invocation: Invocation) -> int:
    async with open_client(invocation) as client:
        volumes = await client.volumes()
    if invocation.output.as_json:
        invocation.output.document([documents.volume(volume) for volume in volumes])
    else:
        rows = ((volume.name, volume.id, f"{volume.size_gb} GB", volume.data_center) for volume in volumes)
        invocation.output.table(("volume", "id", "size", "data center"), rows)
    return 0


async def create_volume(invocation: Invocation) -> int:
    arguments = invocation.arguments
    async with open_client(invocation) as client:
        volume = await client.create_volume(arguments.name, arguments.size, arguments.data_center)
    return _done(invocation, documents.volume(volume), f"{volume.name} is there: {volume.id}")


async def delete_volume(invocation: Invocation) -> int:
    wanted: str = invocation.arguments.volume
    async with open_client(invocation) as client:
        volume = await client.volume(wanted)
        confirm_name(invocation, volume.name, f"This deletes the volume {volume.name} and all that is on it.")
        await client.delete_volume(volume.id)
    return _done(invocation, {"deleted": volume.name}, f"{volume.name} is deleted")


def _done(invocation: Invocation, document: object, text: str) -> int:
    if invocation.output.as_json:
        invocation.output.document(document)
    else:
        invocation.output.say(text)
    return 0
