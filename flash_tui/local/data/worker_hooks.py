"""`/v2/{endpoint}/job-…` as the official worker speaks it: long polls for jobs and for jobs to stop, results, pings.

A worker asks again at once whatever the answer, so a poll is held until there is something to say.
Source: runpod 1.12 `serverless/modules/rp_job.py`, `rp_http.py`, `rp_scale.py`, `rp_ping.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from flash_tui.local import limits
from flash_tui.local.data.answers import NO_CONTENT, json_answer, read_object, taken_text
from flash_tui.local.data.dispatcher import Dispatcher
from flash_tui.local.data.queue import ActiveJob
from flash_tui.local.workers.fleet import Fleet
from flash_tui.local.workers.reconcile import Role
from flash_tui.local.workers.worker import RunningWorker
from flash_tui.models.errors import BootFailed
from flash_tui.models.identifiers import JobId

T = TypeVar("T")
_MAX_BATCH = 256


async def while_connected(request: Request, work: Callable[[], Awaitable[T]]) -> T | None:
    """What `work` comes to; None if the client went away first, and then `work` is cancelled."""
    answers: list[T] = []
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        answers.append(await work())
        group.cancel_scope.cancel()
    return answers[0] if answers else None


class _Handover(Response):
    """The answer that carries jobs. If it cannot be written they go back to the queue."""

    media_type = "application/json"

    def __init__(self, text: str, give_back: Callable[[], None]) -> None:
        super().__init__(text)
        self._give_back = give_back

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_written = False
        try:
            if not await _is_gone(receive):
                await super().__call__(scope, receive, send)
                is_written = True
        finally:
            if not is_written:
                self._give_back()


async def _is_gone(receive: Receive) -> bool:
    """Whether the client is known to have left by now. What breaks later shows when the worker asks again."""
    with anyio.move_on_after(0):
        return (await receive())["type"] == "http.disconnect"
    return False


class WorkerHooks:
    """The routes."""

    def __init__(self, dispatcher: Dispatcher, fleet: Fleet) -> None:
        self._dispatcher = dispatcher
        self._fleet = fleet

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/v2/{endpoint}/job-take/{worker}", self.take, methods=["GET"]),
            Route("/v2/{endpoint}/job-take-batch/{worker}", self.take_batch, methods=["GET"]),
            Route("/v2/{endpoint}/job-done/{worker}/{job}", self.done, methods=["POST"]),
            Route("/v2/{endpoint}/job-stream/{worker}/{job}", self.stream, methods=["POST"]),
            Route("/v2/{endpoint}/job-stop/{worker}", self.stop, methods=["GET"]),
            Route("/v2/{endpoint}/ping/{worker}", self.ping, methods=["GET"]),
        ]

    async def take(self, request: Request) -> Response:
        """One job as an object."""
        worker, taken = await self._take(request, 1)
        if worker is None or not taken:
            return Response(status_code=NO_CONTENT)
        return _Handover(taken_text(taken[0]), lambda: self._dispatcher.give_back(worker, taken))

    async def take_batch(self, request: Request) -> Response:
        """Up to `batch_size` jobs as a list."""
        text = request.query_params.get("batch_size", "1")
        size = min(max(int(text), 1), _MAX_BATCH) if text.isdigit() else 1
        worker, taken = await self._take(request, size)
        if worker is None or not taken:
            return Response(status_code=NO_CONTENT)
        items = ", ".join(taken_text(job) for job in taken)
        return _Handover(f"[{items}]", lambda: self._dispatcher.give_back(worker, taken))

    async def _take(self, request: Request, size: int) -> tuple[RunningWorker | None, list[ActiveJob]]:
        worker = self._worker(request)
        if worker is None:
            await while_connected(request, lambda: anyio.sleep(limits.UNKNOWN_POLL_HOLD_S))
            return None, []
        has_work = request.query_params.get("job_in_progress") == "1"
        taken = await while_connected(request, lambda: self._dispatcher.take(worker, size, has_work=has_work))
        return worker, taken or []

    async def done(self, request: Request) -> Response:
        """A result or a progress. 200 also for what comes too late: the worker would only send it again."""
        body = await read_object(request, limits.MAX_CONTROL_BODY_BYTES)
        await self._dispatcher.finish(self._worker(request), JobId(request.path_params["job"]), body)
        return json_answer({})

    async def stream(self, request: Request) -> Response:
        """A piece of a result."""
        body = await read_object(request, limits.MAX_CONTROL_BODY_BYTES)
        await self._dispatcher.add_chunk(self._worker(request), JobId(request.path_params["job"]), body)
        return json_answer({})

    async def stop(self, request: Request) -> Response:
        """Jobs to stop, as soon as there are any."""
        worker = self._worker(request)
        if worker is None:
            await while_connected(request, lambda: anyio.sleep(limits.UNKNOWN_POLL_HOLD_S))
            return Response(status_code=NO_CONTENT)
        await while_connected(request, lambda: _until_told(worker))
        told, worker.to_stop = worker.to_stop, []
        return json_answer({"jobsToStop": told}) if told else Response(status_code=NO_CONTENT)

    async def ping(self, request: Request) -> Response:
        """A sign of life; `status=unhealthy` says that a fitness check failed and the worker ends."""
        worker = self._worker(request)
        if worker is not None and request.query_params.get("status") == "unhealthy":
            check = worker.clean(request.query_params.get("check", "a fitness check"))
            reason = worker.clean(request.query_params.get("reason", ""))
            worker.error = BootFailed(
                f"{worker.plan.endpoint} did not start: {check} failed{f': {reason}' if reason else ''}",
                where=worker.plan.endpoint,
                hint="the check is registered by the handler or by the SDK; make it pass, or take it out",
            ).document()
            worker.bell.ring()
        return json_answer({})

    def _worker(self, request: Request) -> RunningWorker | None:
        worker = self._fleet.worker(request.path_params["worker"])
        is_here = worker is not None and worker.plan.endpoint_id == request.path_params["endpoint"]
        return worker if is_here else None


async def _until_told(worker: RunningWorker) -> None:
    """Until the worker has jobs to stop or is to end itself, but no longer than a poll is held."""
    with anyio.move_on_after(limits.POLL_HOLD_S):
        while not worker.to_stop:
            if worker.role is Role.STOPPING or not worker.is_alive:
                await anyio.sleep(limits.STOPPED_POLL_HOLD_S)
                return
            await worker.bell.wait()
