"""What the data plane says: job documents in the official form, and JSON that may hold what JSON does not know.

Outputs are user data; Python's own `NaN` and `Infinity` go through as workers wrote them, since the official clients
read them. Numbers of milliseconds are integers and a worker is always named: the official client insists.
Source: runpod_flash 1.21 `core/resources/serverless.py:JobOutput`.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from flash_tui.local.data.queue import ActiveJob
from flash_tui.models.errors import UsageError

NO_CONTENT = HTTPStatus.NO_CONTENT


class JsonText(Response):
    """An answer that is JSON text already."""

    media_type = "application/json"


def json_answer(value: object, status: int = HTTPStatus.OK) -> JsonText:
    return JsonText(json.dumps(value), status)


def job_text(job: ActiveJob) -> str:
    """The official job document. The end of a job is told only once it is stored."""
    row = job.row
    head: dict[str, Any] = {"id": row.id, "status": row.status.value}
    output = row.output_json
    if row.status.is_final:
        head |= {
            "delayTime": int(row.delay_ms or 0),
            "executionTime": int(row.execution_ms or 0),
            "workerId": row.worker or "",
        }
        if row.error:
            head["error"] = row.error
    elif row.started_at is not None:
        head |= {"delayTime": int(row.delay_ms or 0), "workerId": row.worker or ""}
        output = job.progress_json
    text = json.dumps(head)
    return text if output is None else f'{text[:-1]}, "output": {output}}}'


def taken_text(job: ActiveJob) -> str:
    """A job as a worker gets it: `input` always there, null and {} included."""
    return f'{{"id": {json.dumps(job.row.id)}, "input": {job.row.input_json}}}'


async def read_object(request: Request, limit_bytes: int) -> dict[str, Any]:
    """The body as a JSON object, whatever type it claims to be; an empty body is {}.

    Raises:
        UsageError: it is too large, no JSON, or no object.
    """
    body = await request.body()
    where = request.url.path
    if len(body) > limit_bytes:
        raise UsageError(f"the body has {len(body)} bytes, more than {limit_bytes}", where=where, hint="send less")
    try:
        value: object = json.loads(body) if body.strip() else None
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is no JSON", where=where, hint='send {"input": …}') from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError("the body is no JSON object", where=where, hint='send {"input": …}')
    return cast("dict[str, Any]", value)
