"""What lies under a project: which Python, which generation of the SDK, which requirements, hence which layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

import anyio

from flash_tui.build.discover import Discoverer
from flash_tui.build.sdk import asked_python, choose_generation, project_dependencies
from flash_tui.build.snapshot import Snapshot
from flash_tui.build.sources import Mirror, Sources
from flash_tui.models.build import RuntimePlatform
from flash_tui.models.errors import BuildFailed
from flash_tui.runtime import pins
from flash_tui.runtime.interpreters import Interpreter, find_interpreter, own_interpreter
from flash_tui.runtime.layers import Layer, LayerStore, base_key
from flash_tui.runtime.zygote import LayerPair

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a build stands on."""

    interpreter: Interpreter
    base: Layer
    dependencies: Layer
    generation: str
    requirements: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def pair(self) -> LayerPair:
        return LayerPair(self.interpreter.path, self.base.folder, self.dependencies.folder)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the project's files ask for; equal wishes stand on equal ground."""

    key: str
    """Over all files that can change the requirements."""
    python: str | None
    dependencies: tuple[str, ...]
    """`[project] dependencies`."""
    has_requirements: bool


def read_wishes(snapshot: Snapshot, sources: Sources, python: str | None) -> Wishes:
    """Collect the wishes; `python` is the explicit one of the command line. Blocks.

    Raises:
        SourceMovedError: a file has changed since the snapshot.
    """
    modules = {path: sources.read(snapshot, path) for path in snapshot.python_files}
    relevant = [path for path, source in modules.items() if b"dependencies" in source]
    has_file = "requirements.txt" in snapshot.entries
    state = sha256()
    for path in [*relevant, *(["requirements.txt"] if has_file else [])]:
        state.update(f"{path}\0{snapshot.entries[path].sha256}\n".encode("utf-8", "surrogateescape"))
    pyproject = sources.read(snapshot, "pyproject.toml") if "pyproject.toml" in snapshot.entries else None
    return Wishes(
        key=state.hexdigest(),
        python=python or asked_python(modules.values()),
        dependencies=project_dependencies(pyproject),
        has_requirements=has_file or bool(relevant),
    )


@dataclass(slots=True)
class Planner:
    """Turns wishes into ground; remembers what the last ones came to."""

    store: LayerStore
    discoverer: Discoverer
    download_python: bool = False
    requirements_known: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(
        default_factory=dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
    )
    """Key of wishes → (requirements, left out)."""
    _last: tuple[Wishes, Ground] | None = None
    _interpreters: dict[str, Interpreter | None] = field(default_factory=dict[str, Interpreter | None])

    async def ground(
        self, wishes: Wishes, snapshot: Snapshot, sources: Sources, mirror: Mirror, report: Report
    ) -> Ground:
        """The layers for a project; installs what is missing.

        Raises:
            BuildFailed: the requirements cannot be met, or name an SDK that we do not run.
            FlashTuiError: packages cannot be fetched.
        """
        if self._last is not None and self._last[0] == wishes and await self._is_there(self._last[1]):
            return self._last[1]
        interpreter, notes = await self._interpreter(wishes.python)
        requirements, left_out = await self._requirements(wishes, interpreter, snapshot, sources, mirror, report)
        resolution = await self.store.resolve(requirements, interpreter, report)
        generation = choose_generation(resolution.sdk_version, wishes.dependencies)
        base = await self.store.base(generation, interpreter, report)
        layer = await self.store.dependencies(requirements, base, interpreter, report)
        ground = Ground(interpreter, base, layer, generation, requirements, left_out, notes)
        self._last = (wishes, ground)
        return ground

    async def shipped(self, ground: Ground, platform: RuntimePlatform, report: Report) -> tuple[Layer, str]:
        """The dependency layer for another platform than the one we discover on, and the key of its base layer."""
        if platform == ground.interpreter.platform:
            return ground.dependencies, ground.base.key
        stand_in = ground.interpreter.for_platform(platform)
        layer = await self.store.dependencies(ground.requirements, ground.base, stand_in, report)
        return layer, base_key(ground.generation, stand_in)

    async def _is_there(self, ground: Ground) -> bool:
        def find() -> bool:
            return all(self.store.find(layer.key) is not None for layer in (ground.base, ground.dependencies))

        return await anyio.to_thread.run_sync(find)

    async def _interpreter(self, python: str | None) -> tuple[Interpreter, tuple[str, ...]]:
        own = own_interpreter()
        if python is None:
            return own, ()
        if python not in self._interpreters:
            self._interpreters[python] = await anyio.to_thread.run_sync(
                lambda: find_interpreter(python, download=self.download_python)
            )
        found = self._interpreters[python]
        if found is not None:
            return found, ()
        return own, (f"Python {python} is asked for and not installed here: built for Python {own.platform.python}",)

    async def _requirements(
        self,
        wishes: Wishes,
        interpreter: Interpreter,
        snapshot: Snapshot,
        sources: Sources,
        mirror: Mirror,
        report: Report,
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if not wishes.has_requirements:
            return (), ()
        known = self.requirements_known.get(wishes.key)
        if known is None:
            await anyio.to_thread.run_sync(mirror.update, snapshot, sources)
            base = await self.store.base(pins.NEWEST, interpreter, report)
            found = await self.discoverer.requirements(LayerPair(interpreter.path, base.folder), mirror.folder)
            known = (found.requirements, found.left_out)
            self.requirements_known = {wishes.key: known}
        return known


def no_endpoints(where: str) -> BuildFailed:
    return BuildFailed(
        "no endpoints found",
        where=where,
        hint="mark a function with @Endpoint(…), or start from a sample: flash-tui init",
    )
