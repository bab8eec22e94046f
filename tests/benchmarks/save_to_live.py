"""Save → the first answer of the new code, seen from outside, against `uvicorn --reload` in the same run.

One client polls a load-balanced endpoint while its file is saved; a second one keeps requests in flight all the time,
and counts those that failed.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from tests.benchmarks.common import MS, ratio, row, sample_project
from tests.command import FlashTui, until

SAVES = 20
POLL_S = 0.002
REST_S = 0.5
PEER_WATCH_S = 2.0  # the peer begins to watch some time after its first answer
PEER = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

VERSION = {version}

async def version(request):
    return JSONResponse({{"version": VERSION}})

app = Starlette(routes=[Route("/version", version)])
"""
GREETING = re.compile(r'GREETING = ".*"')


class Client:
    """One keep-alive connection, opened anew after an error, which is counted."""

    def __init__(self, url: str, key: str, token: str | None = None) -> None:
        """`key` names the field of the answer that holds the version, as the first number in it."""
        self._url = urlsplit(url)
        self._key = key
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection: http.client.HTTPConnection | None = None
        self.failed: dict[str, int] = {}
        self.answered = 0

    def version(self) -> int | None:
        assert self._url.hostname is not None
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=10)
            self._connection.request("GET", self._url.path, headers=self._headers)
            answer = self._connection.getresponse()
            number = int(str(json.loads(answer.read())[self._key]).partition(",")[0])
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self.failed[type(error).__name__] = self.failed.get(type(error).__name__, 0) + 1
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return None
        self.answered += 1
        return number


def measure(save: Callable[[int], None], watcher: Client, load: Client) -> list[float]:
    """Save SAVES versions, each timed from just before the write to the first answer of the new code."""
    over = threading.Event()

    def keep_asking() -> None:
        while not over.is_set():
            load.version()
            time.sleep(POLL_S)

    thread = threading.Thread(target=keep_asking)
    thread.start()
    samples: list[float] = []
    try:
        for number in range(1, SAVES + 1):
            start = time.perf_counter()
            save(number)
            while watcher.version() != number:
                assert time.perf_counter() - start < 60, f"save {number} never went live"
                time.sleep(POLL_S)
            samples.append((time.perf_counter() - start) * MS)
            time.sleep(REST_S + number % 7 * 0.03)
    finally:
        over.set()
        thread.join()
    return samples


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def peer_samples() -> tuple[list[float], dict[str, int]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "app.py"
        file.write_text(PEER.format(version=0))
        port = free_port()
        argv = [sys.executable, "-m", "uvicorn", "app:app", "--reload", "--port", str(port), "--log-level", "warning"]
        server = subprocess.Popen(
            argv,
            cwd=folder,
            # Byte code is keyed by whole seconds and size: with it, the peer would serve old code after a quick save.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}/version"
            until(lambda: Client(url, "version").version() == 0, what="the peer to answer")
            time.sleep(PEER_WATCH_S)
            load = Client(url, "version")
            samples = measure(lambda number: _write(file, PEER.format(version=number)), Client(url, "version"), load)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(10)
        return samples, load.failed


def _write(file: Path, text: str) -> None:
    file.write_text(text)


def our_samples(command: FlashTui, project: Path) -> tuple[list[float], dict[str, int]]:
    file = project / "words.py"  # what both endpoints of the sample share, so that a save restarts both

    def save(number: int) -> None:
        file.write_text(GREETING.sub(f'GREETING = "{number}"', file.read_text()))

    save(0)
    command.run("deploy", cwd=project)
    url = command.json("endpoint", "get", "lb_worker", cwd=project)["url"] + "/hello"
    token = (command.home / "platform" / "token").read_text().strip()
    load = Client(url, "message", token)
    with command.started("watch", "--json", cwd=project) as watch:
        assert watch.stdout is not None
        stages: list[dict[str, float]] = []
        reader = threading.Thread(target=_collect, args=(watch.stdout, stages))
        reader.start()
        until(lambda: stages, what="the watch to be ready")
        save(-1)  # the first save waits for a warm interpreter
        until(lambda: len(stages) > 1, what="the first save to be live")
        samples = measure(save, Client(url, "message", token), load)
    reader.join()
    _tell_stages(stages[2:])
    return samples, load.failed


def _collect(lines: TextIO, stages: list[dict[str, float]]) -> None:
    """Note the stage times of each save, behind an empty entry that says the watch is ready."""
    for line in lines:
        event = json.loads(line)
        if event.get("event") in {"ready", "live"}:
            stages.append(event.get("stages_ms", {}))


def _tell_stages(stages: list[dict[str, float]]) -> None:
    for name in stages[0]:
        row(f"  stage {name}", [saved[name] for saved in stages if name in saved])


def main() -> None:
    with sample_project() as (command, project):
        peer, peer_failed = peer_samples()
        ours, our_failed = our_samples(command, project)
    median = row("uvicorn --reload: save to live", peer, f"failed requests {sum(peer_failed.values())}")
    ours_median = row("flash-tui watch: save to live", ours, f"failed requests {sum(our_failed.values())}")
    ratio("save to live / uvicorn --reload", ours_median, median)


if __name__ == "__main__":
    main()
