"""Worker logs of a target without `logs`: by worker, as the official tool reads them.

Source: runpod_flash `core/resources/request_logs.py`: `metrics` names the ready workers, `/v1/pod/ID/logs` has lines
that begin with their time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote

from flash_tui.client.connection import Connection
from flash_tui.client.data_plane import DataPlane
from flash_tui.models.app import Environment
from flash_tui.models.document import Document
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import FlashTuiError
from flash_tui.models.log import LogLine


class _PodLogs(Document):
    container: tuple[str, ...] = ()
    system: tuple[str, ...] = ()


async def read_logs(
    connection: Connection,
    data: DataPlane,
    environments: Iterable[Environment],
    endpoint: str | None,
    since: datetime | None,
    limit: int,
) -> tuple[LogLine, ...]:
    """The last `limit` lines of the ready workers, oldest first. A worker that cannot be asked is passed over."""
    lines: list[LogLine] = []
    for environment in environments:
        for item in environment.endpoints:
            if endpoint in {None, item.name, item.id}:
                lines.extend(await _endpoint_lines(connection, data, environment, item))
    wanted = [line for line in lines if since is None or line.at >= since]
    return tuple(sorted(wanted, key=lambda line: line.at)[-limit:])


async def _endpoint_lines(
    connection: Connection, data: DataPlane, environment: Environment, endpoint: Endpoint
) -> Sequence[LogLine]:
    lines: list[LogLine] = []
    with suppress(FlashTuiError):
        for worker in (await data.metrics(endpoint.id)).ready_workers:
            url = f"{connection.target.logs_url}/v1/pod/{quote(worker, safe='')}/logs"
            logs = connection.model(_PodLogs, await connection.json("GET", url), url)
            for stream, texts in (("stdout", logs.container), ("system", logs.system)):
                clean = map(connection.target.hide, texts)
                lines.extend(_line(environment, endpoint, worker, stream, text) for text in clean)
    return lines


def _line(environment: Environment, endpoint: Endpoint, worker: str, stream: str, text: str) -> LogLine:
    moment, _, rest = text.partition(" ")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        at, rest = datetime.now(UTC), text
    return LogLine(
        at=at if at.tzinfo is not None else at.replace(tzinfo=UTC),
        app=environment.app,
        environment=environment.name,
        endpoint=endpoint.name,
        worker=worker,
        build=environment.build.version if environment.build is not None else None,
        stream=stream,
        text=rest,
    )
