"""Callers who never stop asking: requests in flight on an endpoint all the time, every answer kept with its times.

Plain connections, nothing between: what a pool would mend by itself is counted as the failure it is. An endpoint
answers `{"save": NUMBER}`, so that an answer tells which code gave it.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from flash_tui.paths import Home
from tests.command import FlashTui

IN_FLIGHT = 4
TIMEOUT_S = 30.0
STATUS_PAUSE_S = 0.01
FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"})


class Failed(Exception):
    """The answer was not what a caller wants to hear."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One request. Times are monotonic seconds."""

    caller: int
    began: float
    ended: float
    save: int
    """Which code answered; -1 if it failed."""
    failure: str | None = None


class Connection:
    """One keep-alive connection; opened anew only after it broke, which `opened` counts."""

    def __init__(self, url: str, token: str) -> None:
        self._url = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None
        self.opened = 0

    def ask(self, method: str, path: str, body: object = None, *, text: bool = False) -> Any:
        """The answer's document, or its text. Raises Failed, OSError, http.client.HTTPException, ValueError."""
        data = None if body is None else json.dumps(body).encode()
        try:
            connection = self._connected()
            connection.request(method, self._url.path + path, body=data, headers=self._headers)
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            self.close()
            raise
        if answer.will_close:
            self.close()
        if answer.status != http.HTTPStatus.OK:
            raise Failed(f"{answer.status} {content.decode(errors='replace')}")
        return content.decode() if text else json.loads(content)

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._url.netloc, timeout=TIMEOUT_S)
            self.opened += 1
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Caller(Protocol):
    """One at a time asks for the number of the code that serves."""

    connection: Connection

    def ask(self) -> int: ...


class HttpCaller:
    """Calls a load-balanced endpoint by the methods in turn: a GET may be repeated on the way, a POST not."""

    def __init__(self, url: str, token: str, methods: Sequence[str] = ("GET", "POST")) -> None:
        self.connection = Connection(url, token)
        self._methods = itertools.cycle(methods)

    def ask(self) -> int:
        method = next(self._methods)
        return self.connection.ask(method, "/save", {} if method == "POST" else None)["save"]


class QueueCaller:
    """Calls a queue endpoint, by `runsync` and by `run` and `status` in turn."""

    def __init__(self, url: str, token: str) -> None:
        self.connection = Connection(url, token)
        self._is_sync = itertools.cycle((True, False))

    def ask(self) -> int:
        if next(self._is_sync):
            job = self.connection.ask("POST", "/runsync", {"input": {}})
        else:
            job = final(self.connection, submit(self.connection))
        if job["status"] != "COMPLETED":
            raise Failed(f"job {job}")
        return job["output"]["save"]


def submit(connection: Connection, **arguments: object) -> str:
    """Hand a job to a queue endpoint; its id."""
    return connection.ask("POST", "/run", {"input": arguments})["id"]


def status(connection: Connection, job_id: str) -> str:
    return connection.ask("GET", f"/status/{job_id}")["status"]


def final(connection: Connection, job_id: str) -> Any:
    """The job once it has ended; asks as a polling caller does."""
    deadline = time.monotonic() + TIMEOUT_S
    while (job := connection.ask("GET", f"/status/{job_id}"))["status"] not in FINAL:
        if time.monotonic() > deadline:
            raise Failed(f"no end within {TIMEOUT_S:.0f} s: {job}")
        time.sleep(STATUS_PAUSE_S)
    return job


class Load:
    """`IN_FLIGHT` callers of one endpoint."""

    def __init__(self, make: Callable[[], Caller], callers: int = IN_FLIGHT) -> None:
        self.callers = [make() for _ in range(callers)]
        self.answers: list[Answer] = []
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Generator[None]:
        """Ask until left; every request that was begun is waited for."""
        threads = [threading.Thread(target=self._keep_asking, args=pair) for pair in enumerate(self.callers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
            for caller in self.callers:
                caller.connection.close()

    def _keep_asking(self, number: int, caller: Caller) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            save, failure = -1, None
            try:
                save = caller.ask()
            except (OSError, http.client.HTTPException, ValueError, KeyError, Failed) as error:
                failure = f"{type(error).__name__}: {error}"
            self.answers.append(Answer(number, began, time.monotonic(), save, failure))

    @property
    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.failure is not None]

    @property
    def opened(self) -> int:
        """How many connections it took."""
        return sum(caller.connection.opened for caller in self.callers)

    def stale(self, since: Sequence[tuple[float, int]]) -> list[tuple[Answer, int]]:
        """Answers of code older than what was live when the request began, with what should have answered.

        `since` has (monotonic seconds, number) of what went live, oldest first.
        """
        found: list[tuple[Answer, int]] = []
        for answer in self.answers:
            live = [number for at, number in since if at <= answer.began]
            if answer.failure is None and live and answer.save < live[-1]:
                found.append((answer, live[-1]))
        return found

    @property
    def longest_s(self) -> float:
        return max(answer.ended - answer.began for answer in self.answers)

    def summary(self, name: str) -> str:
        """A line of figures."""
        times = sorted(answer.ended - answer.began for answer in self.answers)
        return (
            f"{name}: {len(times)} requests, {len(self.failures)} failed, {self.opened} connections, "
            f"p50 {times[len(times) // 2] * 1e3:.0f} ms, longest {times[-1] * 1e3:.0f} ms"
        )


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint of a deployed project, and the key to it."""

    url: str
    token: str

    def http(self) -> HttpCaller:
        return HttpCaller(self.url, self.token)

    def reader(self) -> HttpCaller:
        """Its requests may be repeated: it survives the death of a worker."""
        return HttpCaller(self.url, self.token, ("GET",))

    def queue(self) -> QueueCaller:
        return QueueCaller(self.url, self.token)

    def connection(self) -> Connection:
        return Connection(self.url, self.token)

    def platform(self) -> Connection:
        """To the platform it runs on."""
        return Connection("{0.scheme}://{0.netloc}".format(urlsplit(self.url)), self.token)


def find_endpoint(command: FlashTui, project: Path, name: str, environment: str = "dev") -> Place:
    """Where an endpoint of a deployed project is."""
    token = Home(command.home, command.layers).token_file.read_text().strip()
    return Place(command.json("endpoint", "get", name, "-e", environment, cwd=project)["url"], token)
