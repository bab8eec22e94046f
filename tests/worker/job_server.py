"""The platform's side of the worker protocol, as small as it can be: jobs are handed out, results collected."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream


@dataclass
class JobServer:
    """`url` is the base of the hooks; `asked` is set by the first job-take."""

    url: str = ""
    asked: anyio.Event = field(default_factory=anyio.Event)
    pings: list[str] = field(default_factory=list)
    takes: list[str] = field(default_factory=list)
    stopping: anyio.Event = field(default_factory=anyio.Event)

    def __post_init__(self) -> None:
        self._send, self._jobs = anyio.create_memory_object_stream[dict[str, Any]](100)
        self._done_send, self._done = anyio.create_memory_object_stream[tuple[str, Any]](100)

    def close(self) -> None:
        for stream in (self._send, self._jobs, self._done_send, self._done):
            stream.close()

    def put(self, job_id: str, **job_input: object) -> None:
        self._send.send_nowait({"id": job_id, "input": job_input})

    async def result(self) -> tuple[str, Any]:
        """(job id, body) of the next job-done."""
        return await self._done.receive()

    def env(self, home: object, **more: str) -> dict[str, str]:
        return {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "RUNPOD_ENDPOINT_ID": "ep1",
            "RUNPOD_POD_ID": "w-1",
            "RUNPOD_AI_API_KEY": "key",
            "RUNPOD_LOG_LEVEL": "INFO",
            "RUNPOD_PING_INTERVAL": "1000",
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
            "RUNPOD_WEBHOOK_GET_JOB": f"{self.url}/job-take/$ID?gpu=0",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{self.url}/job-done/$RUNPOD_POD_ID/$ID?gpu=0",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{self.url}/job-stream/$RUNPOD_POD_ID/$ID?gpu=0",
            "RUNPOD_WEBHOOK_PING": f"{self.url}/ping/$RUNPOD_POD_ID?gpu=0",
            **more,
        }

    async def answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        if "/job-take" in target:
            self.takes.append(target)
            self.asked.set()
            return await self._take(batch="/job-take-batch/" in target)
        if "/job-done/" in target:
            job = target.partition("?")[0].rpartition("/")[2]
            self._done_send.send_nowait((job, json.loads(body)))
        elif "/job-stop/" in target:
            await self.stopping.wait()
            return 204, b""
        elif "/ping/" in target:
            self.pings.append(target)
        return 200, b"{}"

    async def _take(self, *, batch: bool) -> tuple[int, bytes]:
        taken: list[dict[str, Any]] = []
        async with anyio.create_task_group() as group:

            async def until_stopping() -> None:
                await self.stopping.wait()
                group.cancel_scope.cancel()

            group.start_soon(until_stopping)
            taken.append(await self._jobs.receive())
            group.cancel_scope.cancel()
        if not taken:
            return 204, b""
        return 200, json.dumps(taken if batch else taken[0]).encode()

    async def serve(self, stream: ByteStream) -> None:
        async with stream:
            buffered = BufferedByteReceiveStream(stream)
            while True:
                try:
                    head = (await buffered.receive_until(b"\r\n\r\n", 65536)).decode()
                except (anyio.IncompleteRead, anyio.BrokenResourceError):
                    return
                lines = head.split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
                body = await buffered.receive_exactly(int(headers.get("content-length", 0)))
                status, answer = await self.answer(lines[0].split(" ")[1], body)
                reply = (
                    f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
                )
                try:
                    await stream.send(reply.encode() + answer)
                except anyio.BrokenResourceError:
                    return


@asynccontextmanager
async def job_server() -> AsyncIterator[JobServer]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    server = JobServer(f"http://127.0.0.1:{port}/v2/ep1")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, server.serve)
        yield server
        server.stopping.set()
        group.cancel_scope.cancel()
        server.close()
