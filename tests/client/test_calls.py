"""`call`: jobs followed to their end and withdrawn with us; HTTP answers as they come."""

from __future__ import annotations

import anyio
import httpx
import pytest

from flash_tui.client import limits
from flash_tui.client.calls import call
from flash_tui.client.data_plane import DataPlane
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import Conflict, UsageError
from flash_tui.models.job import HttpAnswer, QueueAnswer
from flash_tui.models.states import EndpointKind, EndpointState, JobStatus
from tests.builders import an_endpoint, an_environment
from tests.client.networks import ORIGIN, Handler, Script, a_connection

pytestmark = pytest.mark.anyio

QUEUE = an_endpoint("resize", kind=EndpointKind.QUEUE)
WEB = an_endpoint("web", url=f"{ORIGIN}/lb/ep1", routes=("POST /process",))
DONE = {"id": "j", "status": "COMPLETED", "output": {"n": 1}, "delayTime": 2, "executionTime": 5, "workerId": "w"}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIRST_JOB_POLL_S", 0.0)


async def called(handler: Handler, endpoint: Endpoint, argument: object = None, route: str | None = None):
    async with a_connection(handler) as connection:
        return await call(DataPlane(connection), an_environment(), endpoint, argument, route)


async def test_a_job_is_followed_until_it_ends() -> None:
    queued, running = {"id": "j", "status": "IN_QUEUE"}, {"id": "j", "status": "IN_PROGRESS"}
    script = Script(*(httpx.Response(200, json=document) for document in (queued, running, DONE)))
    answer = await called(script, QUEUE, {"text": "x"})
    assert answer == QueueAnswer(
        endpoint="resize", environment="dev", build=14, status=JobStatus.COMPLETED, output={"n": 1},
        delay_ms=2, execution_ms=5,
    )  # fmt: skip
    paths = [request.url.path for request in script.asked]
    assert paths == ["/v2/epresize/runsync", "/v2/epresize/status/j", "/v2/epresize/status/j"]


@pytest.mark.parametrize(("argument", "sent"), [(None, {"__empty": True}), ({}, {"__empty": True}), ([1], [1])])
async def test_an_empty_input_is_marked_as_the_official_client_does(argument: object, sent: object) -> None:
    script = Script(httpx.Response(200, json=DONE))
    await called(script, QUEUE, argument)
    assert script.documents() == [{"input": sent}]


@pytest.mark.parametrize("error", ["boom", {"type": "boom"}])
async def test_a_failed_job_is_an_answer(error: object) -> None:
    failed = {"id": "j", "status": "FAILED", "error": error}
    answer = await called(Script(httpx.Response(200, json=failed)), QUEUE)
    assert isinstance(answer, QueueAnswer)
    assert answer.status is JobStatus.FAILED
    assert "boom" in (answer.error or "")


async def test_an_interrupted_call_cancels_its_job() -> None:
    polled = anyio.Event()
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        if "/status/" in request.url.path:
            polled.set()
        return httpx.Response(200, json={"id": "j", "status": "IN_PROGRESS"})

    async with anyio.create_task_group() as group:
        group.start_soon(called, handle, QUEUE)
        await polled.wait()
        group.cancel_scope.cancel()
    assert asked[-1] == "POST /v2/epresize/cancel/j"


async def test_an_interruption_before_the_id_is_known_still_cancels_the_job() -> None:
    script = Script(httpx.Response(200, json={"id": "j", "status": "IN_QUEUE"}))
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with a_connection(script) as connection:
            await DataPlane(connection).run(QUEUE.id, None)
    assert [request.url.path.split("/")[3] for request in script.asked] == ["runsync", "cancel"]


async def test_a_route_is_called_at_the_endpoints_own_address() -> None:
    script = Script(httpx.Response(201, json={"ok": True}, headers={"X-Kind": "test"}))
    answer = await called(script, WEB, {"a": 1})
    assert isinstance(answer, HttpAnswer)
    assert (answer.status_code, answer.output, answer.headers["x-kind"]) == (201, {"ok": True}, "test")
    assert str(script.asked[0].url) == f"{ORIGIN}/lb/ep1/process"
    assert script.documents() == [{"a": 1}]


async def test_an_answer_of_400_and_up_is_an_answer() -> None:
    answer = await called(Script(httpx.Response(500, text="Internal Server Error")), WEB)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status_code, answer.output) == (500, "Internal Server Error")


async def test_content_that_only_claims_to_be_json_is_shown_as_text() -> None:
    broken = httpx.Response(200, content=b'{"a', headers={"Content-Type": "application/json"})
    answer = await called(Script(broken), WEB)
    assert answer.output == '{"a'


async def test_a_queue_endpoint_takes_no_route() -> None:
    with pytest.raises(UsageError, match="queue endpoint"):
        await called(Script(httpx.Response(200, json=DONE)), QUEUE, None, "POST /x")


async def test_what_runs_in_the_cloud_only_is_not_called() -> None:
    with pytest.raises(Conflict, match="cloud only"):
        await called(Script(httpx.Response(200)), an_endpoint(state=EndpointState.CLOUD_ONLY))
