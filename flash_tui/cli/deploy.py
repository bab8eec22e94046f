"""`deploy`, `promote`, `rollback`, `undeploy`: what brings an environment to a build."""

from __future__ import annotations

import anyio.to_thread

from flash_tui.cli import documents
from flash_tui.cli.confirm import confirm_environment, confirm_name
from flash_tui.cli.connect import open_client
from flash_tui.cli.options import Invocation
from flash_tui.cli.progress import Progress, timings_line
from flash_tui.models.errors import UsageError
from flash_tui.models.human import size
from flash_tui.models.release import PromotionPlan, ReleaseResult
from flash_tui.watch.control import send_command
from flash_tui.watch.folder import content_of
from flash_tui.watch.memory import remember


async def deploy(invocation: Invocation) -> int:
    arguments, settings = invocation.arguments, invocation.settings
    environment = arguments.environment or settings.pipeline.first
    confirm_environment(invocation, environment, "This deploys to it")
    result = await deploy_project(invocation, environment)
    code = tell(invocation, result)
    if arguments.resume and await send_command(settings, environment, "resume"):
        invocation.output.say(f"the watch of {environment} goes on")
    return code


async def deploy_project(invocation: Invocation, environment: str) -> ReleaseResult:
    """Deploy, and remember what went live: a later watch of the folder starts from that."""
    settings = invocation.settings
    files = await anyio.to_thread.run_sync(content_of, settings)
    async with open_client(invocation) as client:
        result = await client.deploy(environment, report=Progress(invocation.output))
    if result.error is None and result.build is not None:
        build = result.build
        remember(settings, environment, files, build_id=build.id, version=build.version)
    return result


async def promote(invocation: Invocation) -> int:
    arguments = invocation.arguments
    async with open_client(invocation) as client:
        source, code = arguments.source, 0
        while True:
            plan = await client.promotion_plan(source, arguments.destination, invocation.settings.app, arguments.build)
            if arguments.dry_run:
                return _tell_plan(invocation, plan)
            following = invocation.settings.pipeline.after(plan.target)
            goes_on = arguments.all_the_way and following is not None
            confirm_environment(invocation, plan.target, f"This puts {plan.build.label} into it")
            result = await client.promote(plan, report=Progress(invocation.output))
            code = result.error is not None
            if code or not goes_on:
                return tell(invocation, result)
            _tell_release(invocation, result)
            source, arguments.destination, arguments.build = plan.target, following, None


async def rollback(invocation: Invocation) -> int:
    arguments, settings = invocation.arguments, invocation.settings
    environment: str = arguments.environment
    async with open_client(invocation) as client:
        plan = await client.rollback_plan(environment, settings.app, arguments.to)
        confirm_environment(invocation, environment, f"This puts back {plan.build.label}")
        paused = await send_command(settings, environment, f"pause {environment} was rolled back to {plan.build.label}")
        result = await client.rollback(plan, report=Progress(invocation.output))
    code = tell(invocation, result)
    if paused and result.error is None:
        invocation.output.say(f"the watch of {environment} is paused, else the next save would undo this")
        invocation.output.say("it goes on with: flash-tui deploy --resume")
    elif paused:
        await send_command(settings, environment, "resume")
    return code


async def undeploy(invocation: Invocation) -> int:
    arguments, settings = invocation.arguments, invocation.settings
    environment: str = arguments.environment
    async with open_client(invocation) as client:
        await client.environment(settings.app, environment)
        confirm_name(invocation, environment, f"This removes all endpoints of {environment}; its builds stay.")
        result = await client.undeploy(environment, settings.app, report=Progress(invocation.output))
    return tell(invocation, result)


def tell(invocation: Invocation, result: ReleaseResult) -> int:
    """Print how a release ended, as document or in words; the exit code."""
    if invocation.output.as_json:
        invocation.output.document(documents.release(result))
    _tell_release(invocation, result)
    return 0 if result.error is None else 1


def _tell_release(invocation: Invocation, result: ReleaseResult) -> None:
    output = invocation.output
    if result.error is not None:
        output.error(result.error, alone=False)
        if result.build is not None:
            output.say(f"{result.build.label} still serves in {result.environment}")
        return
    if result.deployment is None:
        what = "has no endpoints" if result.build is None else f"serves {result.build.label} already"
        output.say(f"{result.environment} {what}: nothing had to change")
        return
    if result.build is None:
        output.say(f"{result.environment} has no endpoints any more")
        return
    label = output.coloured(result.build.label, "green")
    before = f", before {result.previous_build.label}" if result.previous_build is not None else ""
    output.say(f"{result.environment}: {label} is live ({size(result.build.size_bytes)}{before})")
    for endpoint in result.endpoints:
        output.say(f"  {endpoint.name:<20} {endpoint.kind!s:<14} {endpoint.url}")
    if result.timings_ms:
        output.say(f"  {timings_line(result.timings_ms)}")


def _tell_plan(invocation: Invocation, plan: PromotionPlan) -> int:
    output = invocation.output
    if invocation.arguments.all_the_way and invocation.settings.pipeline.after(plan.target):
        raise UsageError(
            "--dry-run shows one step", hint=f"leave out --all-the-way; the next is {plan.source} to {plan.target}"
        )
    if output.as_json:
        output.document(plan.as_json())
        return 0
    replaced = f", in place of {plan.replaces.label}" if plan.replaces is not None else ""
    output.line(f"{plan.build.label} would go from {plan.source} to {plan.target}{replaced}")
    for change in plan.changes:
        output.line(f"  {change.kind:<12} {change.name:<24} {change.change}")
    return 0
