"""`logs`: what workers and deployments wrote, oldest first; with `-f`, also what they write from now on."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flash_tui.cli import documents
from flash_tui.cli.connect import open_client
from flash_tui.cli.options import Invocation
from flash_tui.cli.output import Output
from flash_tui.models.errors import UsageError
from flash_tui.models.log import LogLine

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


async def logs(invocation: Invocation) -> int:
    arguments, settings = invocation.arguments, invocation.settings
    since = parse_since(arguments.since, datetime.now(UTC)) if arguments.since else None
    async with open_client(invocation) as client:
        lines = await client.logs(settings.app, arguments.environment, arguments.endpoint, since=since)
        for line in lines:
            _print(invocation.output, line)
        if arguments.follow:
            newest = lines[-1].at if lines else None
            async for line in client.follow_logs(settings.app, arguments.environment, arguments.endpoint):
                if newest is None or line.at > newest:
                    _print(invocation.output, line)
    return 0


def _print(output: Output, line: LogLine) -> None:
    if output.as_json:
        output.object_line(documents.log_line(line))
        return
    who = " ".join(filter(None, (line.endpoint, line.worker, f"v{line.build}" if line.build else None)))
    when = line.at.astimezone().strftime("%H:%M:%S")
    output.line(f"{when} {line.environment} {who or 'platform'}  {_CONTROL.sub('', line.text)}")


def parse_since(text: str, now: datetime) -> datetime:
    """`30s`, `5m`, `2h`, `1d` before now, or a time in ISO form.

    Raises:
        UsageError: neither.
    """
    found = re.fullmatch(r"(\d+)([smhd])", text.strip())
    if found:
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--since {text}: no age and no time", hint="say 30s, 5m, 2h, 1d or a time") from error
    return when if when.tzinfo is not None else when.astimezone()
