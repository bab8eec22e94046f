"""The real thing without a daemon: front door, engine, and workers forked from a warm interpreter."""

from __future__ import annotations

import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
from starlette.applications import Starlette

from flash_tui.local.artifacts.artifacts import Prepared
from flash_tui.local.engine import Engine, Listeners
from flash_tui.local.front.door import Doorkeeper, FrontDoor
from flash_tui.local.security import Gate, UrlSigner
from flash_tui.local.store import environments
from flash_tui.local.store.builds import NewBuild, register_build
from flash_tui.local.store.database import Store
from flash_tui.local.store.endpoints import list_endpoints
from flash_tui.local.workers.environment import platform_urls
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.identifiers import BuildId, EnvironmentId
from flash_tui.models.log import LogLine
from flash_tui.models.states import Cause
from flash_tui.paths import Home
from flash_tui.runtime import pins
from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import LayerStore
from flash_tui.runtime.redaction import Redactor
from flash_tui.runtime.worker_source import open_worker_source
from flash_tui.runtime.zygote import DiscoveryRequest, LayerPair, Zygote
from tests.local.engine_fixture import errors_as_answers
from tests.local.state_builders import a_digest, a_record, an_app

TOKEN = "a-token-of-the-test"
KEYS = {"RUNPOD_API_KEY": TOKEN, "RUNPOD_AI_API_KEY": TOKEN}


@dataclass(eq=False)
class Folders:
    """Stands in for the artifact store: unpacked builds by id."""

    pair: LayerPair
    of: dict[BuildId, Path] = field(default_factory=dict[BuildId, Path])

    async def prepare(self, build_id: BuildId) -> Prepared:
        return Prepared(self.of[build_id], self.pair)


@dataclass(eq=False)
class RealWorld:
    """What a test holds."""

    engine: Engine
    store: Store
    folders: Folders
    zygote: Zygote
    root: Path
    origin: str
    environment_id: EnvironmentId
    client: httpx.AsyncClient
    lines: list[LogLine] = field(default_factory=list[LogLine])

    async def build(self, **files: str) -> Build:
        """Discover and register a project; `words__py` stands for the file words.py."""
        number = len(self.folders.of)
        sources, code = self.root / f"sources-{number}", self.root / f"code-{number}"
        sources.mkdir()
        for name, text in files.items():
            (sources / name.replace("__", ".")).write_text(text)
        found = await self.zygote.discover(DiscoveryRequest(sources, "shop"))
        assert found.error is None, found.error
        shutil.copytree(sources, code)
        for name, text in found.generated.items():
            (code / name).parent.mkdir(parents=True, exist_ok=True)
            (code / name).write_text(text)
        build = await self._register(found.manifest, f"build {number}")
        self.folders.of[build.id] = code
        return build

    async def _register(self, manifest: dict[str, Any], text: str) -> Build:
        environment = await self.store.transact(lambda c: environments.get_environment(c, self.environment_id))
        new = NewBuild(a_digest(text), 100, manifest, a_record(text))
        build, _ = await self.store.transact(lambda c: register_build(c, environment.app_id, new))
        return build

    async def release(self, build: Build | None) -> Deployment:
        build_id = None if build is None else build.id
        request = ReleaseRequest(environment_id=self.environment_id, build_id=build_id, cause=Cause.DEPLOY)
        begun = await self.engine.releases.begin(request)
        return begun if begun.outcome is not None else await self.engine.releases.wait(begun.id, 60)

    async def url(self, name: str) -> str:
        found = await self.store.transact(lambda c: list_endpoints(c, self.environment_id))
        endpoint = next(endpoint for endpoint in found if endpoint.name == name)
        prefix = "v2" if endpoint.kind == "queue" else "lb"
        return f"{self.origin}/{prefix}/{endpoint.id}"

    async def runsync(self, name: str, value: Any) -> dict[str, Any]:
        answer = await self.client.post(f"{await self.url(name)}/runsync", json={"input": value})
        answer.raise_for_status()
        return answer.json()


@asynccontextmanager
async def warm_zygote(layers: Path, scratch: Path) -> AsyncIterator[tuple[Zygote, LayerPair]]:
    """An interpreter over the newest base layer."""
    base = await LayerStore(layers).base(pins.NEWEST, own_interpreter())
    pair = LayerPair(own_interpreter().path, base.folder)
    zygote = await Zygote.start(pair, scratch)
    try:
        yield zygote, pair
    finally:
        await zygote.aclose()


@asynccontextmanager
async def a_real_world(folder: Path, layers: Path, kind: str = "fork") -> AsyncIterator[RealWorld]:
    """A running platform on an ephemeral port; `kind` is where its workers come from."""
    scratch = folder / "scratch"
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    lines: list[LogLine] = []

    async with warm_zygote(layers, scratch) as (zygote, pair):
        store = await Store.open(folder / "platform.sqlite3")
        app = await store.transact(an_app)
        first = (await store.transact(lambda c: environments.list_environments(c, app.id)))[0]
        folders = Folders(pair)
        engine = Engine(
            home=Home(folder, layers),
            token=TOKEN,
            origin=origin,
            store=store,
            artifacts=folders,
            open_source=partial(open_worker_source, kind=kind, env=platform_urls(origin) | KEYS),
            listeners=Listeners(lambda _: None, lambda _: None, lines.append, Redactor(TOKEN)),
        )
        asgi = Starlette(routes=engine.routes(), exception_handlers=errors_as_answers())
        door = FrontDoor(listener, Doorkeeper(Gate(TOKEN), UrlSigner("secret"), engine.router, asgi))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with anyio.create_task_group() as group:
            await group.start(door.serve)
            async with engine.running(), httpx.AsyncClient(headers=headers, timeout=30) as client:
                yield RealWorld(engine, store, folders, zygote, folder, origin, first.id, client, lines)
            await door.shut()
            group.cancel_scope.cancel()
        await store.aclose()
