"""The commands for what an app has: apps, environments, builds, history, endpoints, volumes, jobs."""

from __future__ import annotations

from flash_tui.cli.options import (
    BUILD_HELP,
    Parser,
    Subparsers,
    add_app,
    add_environment,
    add_json,
    add_yes,
    command,
    group,
)


def add_resources(commands: Subparsers[Parser]) -> None:
    _add_apps_and_environments(commands)
    _add_builds_and_history(commands)
    _add_endpoints_and_volumes(commands)
    _add_jobs(commands)


def _add_apps_and_environments(commands: Subparsers[Parser]) -> None:
    app = group(commands, "app", "apps: list, get, create, delete")
    add_json(command(app, "list", "flash_tui.cli.resources:list_apps", "list apps"))
    for name, summary in (("get", "show an app, its environments and builds"), ("create", "create an app")):
        parser = command(app, name, f"flash_tui.cli.resources:{name}_app", summary)
        parser.add_argument("name", metavar="APP", nargs="?" if name == "get" else None)
        add_json(parser)
    delete = command(app, "delete", "flash_tui.cli.resources:delete_app", "delete an app and all it has")
    delete.add_argument("name", metavar="APP")
    add_yes(delete)
    add_json(delete)

    env = group(commands, "env", "environments: list, get, create, delete")
    listing = command(env, "list", "flash_tui.cli.resources:list_environments", "list an app's environments")
    add_app(listing)
    add_json(listing)
    for name, summary in (("get", "show an environment"), ("create", "create an environment")):
        parser = command(env, name, f"flash_tui.cli.resources:{name}_environment", summary)
        parser.add_argument("environment", metavar="ENV")
        add_app(parser)
        add_json(parser)
    delete = command(env, "delete", "flash_tui.cli.resources:delete_environment", "delete an environment")
    delete.add_argument("environment", metavar="ENV")
    add_app(delete)
    add_yes(delete)
    add_json(delete)


def _add_builds_and_history(commands: Subparsers[Parser]) -> None:
    builds = group(commands, "builds", "builds: list, diff")
    listing = command(builds, "list", "flash_tui.cli.resources:list_builds", "list an app's builds, newest first")
    add_app(listing)
    add_json(listing)
    diff = command(
        builds,
        "diff",
        "flash_tui.cli.resources:diff_builds",
        "say what changed from one build to another",
        examples=("flash-tui builds diff v12 v14",),
    )
    diff.add_argument("a", metavar="A", help=BUILD_HELP)
    diff.add_argument("b", metavar="B", help=BUILD_HELP)
    add_app(diff)
    add_json(diff)

    history = command(commands, "history", "flash_tui.cli.status:history", "list deployments, newest first")
    history.add_argument("environment", metavar="ENV", nargs="?", help="only this environment's")
    history.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (default: 20)")
    add_app(history)
    add_json(history)


def _add_endpoints_and_volumes(commands: Subparsers[Parser]) -> None:
    endpoint = group(commands, "endpoint", "endpoints: list, get")
    listing = command(endpoint, "list", "flash_tui.cli.resources:list_endpoints", "list an environment's endpoints")
    get = command(endpoint, "get", "flash_tui.cli.resources:get_endpoint", "show an endpoint and its workers")
    get.add_argument("endpoint", metavar="ENDPOINT")
    for parser in (listing, get):
        add_environment(parser)
        add_app(parser)
        add_json(parser)

    volume = group(commands, "volume", "volumes: list, create, delete")
    add_json(command(volume, "list", "flash_tui.cli.resources:list_volumes", "list volumes"))
    create = command(volume, "create", "flash_tui.cli.resources:create_volume", "create a volume")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--size", type=int, default=10, metavar="GB", help="in GB (default: 10)")
    create.add_argument("--data-center", default="EU-RO-1", metavar="ID", help="default: EU-RO-1")
    add_json(create)
    delete = command(volume, "delete", "flash_tui.cli.resources:delete_volume", "delete a volume and what is on it")
    delete.add_argument("volume", metavar="VOLUME", help="its name or id")
    add_yes(delete)
    add_json(delete)


def _add_jobs(commands: Subparsers[Parser]) -> None:
    job = group(commands, "job", "jobs of queue endpoints: list, get, cancel, retry")
    listing = command(job, "list", "flash_tui.cli.jobs:list_jobs", "list an endpoint's jobs, newest first")
    listing.add_argument("endpoint", metavar="ENDPOINT")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (default: 20)")
    parsers = [listing]
    for name, summary in (("get", "show a job"), ("cancel", "cancel a job"), ("retry", "run a failed job again")):
        parser = command(job, name, f"flash_tui.cli.jobs:{name}_job", summary)
        parser.add_argument("endpoint", metavar="ENDPOINT")
        parser.add_argument("job", metavar="JOB")
        parsers.append(parser)
    for parser in parsers:
        add_environment(parser)
        add_app(parser)
        add_json(parser)
