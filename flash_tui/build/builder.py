"""Source → artifact: check, install, discover, pack, each timed and only where something changed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Self

import anyio

from flash_tui.build.check import check_syntax
from flash_tui.build.code_part import code_files, ground_notes
from flash_tui.build.discover import Discovered, Discoverer
from flash_tui.build.import_graph import ImportGraph
from flash_tui.build.kept import Inputs, KeptBuild, keep_build, read_kept
from flash_tui.build.outputs import ARTIFACT, write_outputs
from flash_tui.build.plan import Ground, Planner, Wishes, no_endpoints, read_wishes
from flash_tui.build.prepared import PreparedBuild
from flash_tui.build.project import open_project
from flash_tui.build.snapshot import Snapshot, difference, take_snapshot
from flash_tui.build.sources import Mirror, SourceMovedError, Sources
from flash_tui.build.stages import Clock, Later, Report, silent
from flash_tui.models.build import LayerRecord, RuntimePlatform
from flash_tui.models.errors import BuildFailed, FlashTuiError
from flash_tui.models.identifiers import Digest, LayerKey
from flash_tui.models.release import StageReport
from flash_tui.models.states import Stage
from flash_tui.runtime import pins
from flash_tui.runtime.archive import PackedLayer, TailPacker, artifact_digest, artifact_size
from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import Layer, LayerStore
from flash_tui.runtime.own_packages import own_packages
from flash_tui.runtime.zygote import DiscoveryRequest
from flash_tui.settings import Settings

__all__ = ["ARTIFACT", "Builder", "PreparedBuild", "write_outputs"]

FORMAT = 1
"""Counts up when the same source and layers come to give other bytes."""
DISCOVERY_LIMIT_S = 30.0
"""As long as the official tool gives one module."""
MAX_ARTIFACT_BYTES = 1500 << 20
"""What Runpod takes. Source: runpod_flash `core/resources/constants.py:MAX_TARBALL_SIZE_MB`."""

_ATTEMPTS = 5
_CLOUD = "runpod"


class Builder:
    """Builds one project again and again; an async context manager that keeps an interpreter warm in between.

    On leaving it, the last build is kept in the project's `.flash/`, so that the next command finds it. One build at a
    time; a call that is cancelled leaves the builder as it was.
    """

    def __init__(
        self, settings: Settings, *, python: str | None = None, discovery_limit_s: float = DISCOVERY_LIMIT_S
    ) -> None:
        """`python`: the version that the command line asks for explicitly."""
        self._settings = settings
        self._python = python
        self._discovery_limit_s = discovery_limit_s
        self._project = open_project(settings)
        scratch = settings.home.scratch / f"build-{os.getpid()}-{os.urandom(4).hex()}"
        self._scratch = scratch
        self._sources = Sources(self._project.root)
        self._mirror = Mirror(scratch / "project")
        self._store = LayerStore(settings.home.layers)
        self._discoverer = Discoverer(scratch / "zygote")
        self._planner = Planner(self._store, self._discoverer, settings.python_download)
        self._packer = TailPacker()
        self._graph = ImportGraph(self._sources.read)
        self._turn = anyio.Lock()
        self._checked: Snapshot | None = None
        self._seen: Snapshot | None = None
        self._last: tuple[Inputs, PreparedBuild] | None = None
        self._is_kept = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            if self._last is not None and not self._is_kept:
                await anyio.to_thread.run_sync(keep_build, self._project.root, *self._last)
                self._is_kept = True
            await self._discoverer.aclose()
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(self._scratch, ignore_errors=True))

    async def build(self, report: Report = silent, *, previous: Snapshot | None = None) -> PreparedBuild:
        """Bring the artifact to the folder's present content; at once where nothing changed.

        `previous`: a look that the caller took shortly before; saves reading the same files again.

        Raises:
            BuildFailed: the source does not build; `file`, `line` and `traceback` name where.
            FlashTuiError: packages cannot be fetched, or the disk cannot be written.
        """
        async with self._turn:
            for _ in range(_ATTEMPTS):
                try:
                    prepared = await self._build(Clock(report), previous or self._seen)
                except SourceMovedError:
                    previous = None
                    continue
                for note in prepared.notes:
                    report(StageReport(Stage.PACK, note=note))
                return prepared
        raise BuildFailed(
            "the project's files keep changing while they are read",
            where=str(self._project.root),
            hint="ignore what is written all the time in .gitignore",
        )

    async def warm(self, report: Report = silent) -> None:
        """Make layers and interpreter ready for the next build; runs none of the user's code.

        Raises:
            FlashTuiError: as `build`.
        """
        async with self._turn:
            clock = Clock(report)
            snapshot = await self._look(self._seen)
            try:
                ground = await self._install(clock, snapshot)
            except SourceMovedError:
                return
            await self._discoverer.warm(ground.pair)

    async def affected(self, before: PreparedBuild, after: PreparedBuild) -> frozenset[str]:
        """Names of the resources of `after` that need new workers where `before` runs; in doubt, all."""
        async with self._turn:
            return await anyio.to_thread.run_sync(self._graph.affected, before.subject, after.subject)

    async def _build(self, clock: Clock, previous: Snapshot | None) -> PreparedBuild:
        kept = None
        if self._last is None:
            kept = await anyio.to_thread.run_sync(read_kept, self._project.root)
            previous = previous or (kept.snapshot if kept else None)
        async with clock.stage(Stage.CHECK):
            snapshot = await self._look(previous)
            inputs = await anyio.to_thread.run_sync(self._inputs, snapshot)
            unchanged = await self._unchanged(inputs, snapshot, kept)
            if unchanged is None:
                await self._check(snapshot, kept)
        if unchanged is not None:
            prepared = replace(unchanged, timings_ms=clock.timings_ms)
        else:
            prepared = await self._make(clock, snapshot)
        self._last = (inputs, prepared)
        self._is_kept = unchanged is not None and self._is_kept
        return prepared

    async def _look(self, previous: Snapshot | None) -> Snapshot:
        snapshot = await anyio.to_thread.run_sync(take_snapshot, self._project, previous, self._sources.keep)
        self._seen = snapshot
        return snapshot

    def _inputs(self, snapshot: Snapshot) -> Inputs:
        try:
            environment = (self._project.root / ".env").read_bytes()
        except OSError:
            environment = b""
        frozen = sorted(
            f"{name}={value}" for name, value in os.environ.items() if name.startswith(("FLASH_", "RUNPOD_"))
        )
        relevant = [text for text in frozen if not text.startswith("FLASH_TUI_")]
        return Inputs(
            source=snapshot.key,
            environment=sha256(environment + "\0".join(relevant).encode("utf-8", "surrogateescape")).hexdigest(),
            app=self._project.app,
            python=self._python or "",
            target=self._settings.target if self._settings.target == _CLOUD else "",
            generator=_generator(),
        )

    async def _unchanged(self, inputs: Inputs, snapshot: Snapshot, kept: KeptBuild | None) -> PreparedBuild | None:
        """The build before, where it was made of the same and its layers are still there."""
        if self._last is not None:
            known, prepared = self._last
            is_same = known == inputs and await self._is_there(prepared)
            return replace(prepared, snapshot=snapshot) if is_same else None
        if kept is None:
            return None
        self._planner.requirements_known.update(kept.requirements_known)
        layer = await anyio.to_thread.run_sync(self._store.find, kept.record.dependency_layer)
        if kept.inputs != inputs or layer is None:
            return None
        return kept.prepared(self._project.app, snapshot, layer, await self._store.packed(layer))

    async def _is_there(self, prepared: PreparedBuild) -> bool:
        """Whether the store still has what the build is made of; counts as a use."""
        found = await anyio.to_thread.run_sync(self._store.find, prepared.layer.key)
        return found is not None and await anyio.Path(prepared.packed.path).exists()

    async def _check(self, snapshot: Snapshot, kept: KeptBuild | None) -> None:
        before = self._checked or (kept.snapshot if kept else Snapshot({}))
        changed = [path for path in difference(before, snapshot).paths if path in snapshot.entries]
        modules = [path for path in changed if path.endswith(".py")]
        if not snapshot.python_files:
            raise no_endpoints(str(self._project.root))

        def compile_changed() -> None:
            check_syntax((path, self._sources.read(snapshot, path)) for path in modules)

        await anyio.to_thread.run_sync(compile_changed)
        self._checked = snapshot

    async def _install(self, clock: Clock, snapshot: Snapshot) -> Ground:
        wishes: Wishes = await anyio.to_thread.run_sync(read_wishes, snapshot, self._sources, self._python)
        async with clock.stage(Stage.INSTALL, only_if_said=True) as say:
            return await self._planner.ground(wishes, snapshot, self._sources, self._mirror, say)

    async def _make(self, clock: Clock, snapshot: Snapshot) -> PreparedBuild:
        ground = await self._install(clock, snapshot)
        packing = Later(lambda: self._store.packed(ground.dependencies))
        prepared: PreparedBuild | None = None
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(packing.run)
            try:
                prepared = await self._discover_and_pack(clock, ground, snapshot, packing)
            except (FlashTuiError, SourceMovedError, OSError) as error:
                failure = error  # raised below, not as a group
            group.cancel_scope.cancel()
        if prepared is None:
            raise failure or RuntimeError("a build came to nothing")
        return prepared

    async def _discover_and_pack(
        self, clock: Clock, ground: Ground, snapshot: Snapshot, packing: Later[PackedLayer]
    ) -> PreparedBuild:
        async with clock.stage(Stage.DISCOVER):
            found = await self._discover(ground, snapshot)
        if not found.manifest.get("resources"):
            raise no_endpoints(str(self._project.root))
        async with clock.stage(Stage.PACK) as say:
            platform = self._platform(ground, found.manifest)
            layer, base_layer = await self._planner.shipped(ground, platform, say)
            packed = await (packing.result() if layer == ground.dependencies else self._store.packed(layer))
            pack = _Pack(ground, found, snapshot, layer, LayerKey(base_layer), packed, platform)
            return await anyio.to_thread.run_sync(self._pack, pack, clock.timings_ms)

    def _platform(self, ground: Ground, manifest: dict[str, Any]) -> RuntimePlatform:
        if self._settings.target != _CLOUD:
            return ground.interpreter.platform
        return RuntimePlatform(python=str(manifest.get("python_version")), os="linux", architecture="x86_64")

    async def _discover(self, ground: Ground, snapshot: Snapshot) -> Discovered:
        nothing = self._scratch / "nothing"
        await anyio.to_thread.run_sync(self._mirror.update, snapshot, self._sources)
        await anyio.Path(nothing).mkdir(exist_ok=True)
        environment_file = self._project.root / ".env"
        # In an empty folder the official check of imports has nothing to read; it would read every module each time.
        is_complete = await anyio.to_thread.run_sync(self._graph.is_complete, snapshot)
        request = DiscoveryRequest(
            folder=self._mirror.folder,
            app_name=self._project.app,
            python_version=self._python,
            project=nothing if is_complete else self._project.root,
            env_file=environment_file if environment_file.is_file() else None,
            own_packages=own_packages(self._project.root, ground.interpreter.version),
            timeout_s=self._discovery_limit_s,
        )
        return await self._discoverer.discover(ground.pair, request)

    def _pack(self, pack: _Pack, timings_ms: dict[str, float]) -> PreparedBuild:
        source_digest = _source_digest(pack.layer, pack.snapshot)
        record = LayerRecord(
            source_digest=source_digest,
            dependency_layer=pack.layer.key,
            base_layer=pack.base_layer,
            sdk_version=pack.layer.sdk_version,
            platform=pack.platform,
            layer_bytes=pack.packed.length,
            layer_crc=pack.packed.crc,
            layer_size=pack.packed.size,
        )
        files, notes = code_files(pack.snapshot, self._sources, pack.found, pack.layer)
        tail = self._packer.pack(files, pack.packed, source_digest)
        size_bytes = artifact_size(record, len(tail))
        if size_bytes > MAX_ARTIFACT_BYTES and self._settings.target == _CLOUD:
            raise BuildFailed(
                f"the artifact is {size_bytes >> 20} MiB, and Runpod takes {MAX_ARTIFACT_BYTES >> 20} MiB",
                where=str(self._project.root),
                hint="require fewer packages, or ignore large files in .gitignore",
            )
        return PreparedBuild(
            app=self._project.app,
            manifest=pack.found.manifest,
            record=record,
            digest=artifact_digest(record, pack.packed, tail),
            source_digest=source_digest,
            size_bytes=size_bytes,
            tail=tail,
            layer=pack.layer,
            packed=pack.packed,
            snapshot=pack.snapshot,
            timings_ms=timings_ms,
            notes=(
                *pack.snapshot.notes,
                *ground_notes(pack.ground, pack.platform, pack.found),
                *notes,
            ),
            reached={name: tuple(paths) for name, paths in pack.found.reached.items()},
            printed=pack.found.printed,
            requirements_known=dict(self._planner.requirements_known),
        )


@dataclass(frozen=True, slots=True)
class _Pack:
    ground: Ground
    found: Discovered
    snapshot: Snapshot
    layer: Layer
    base_layer: LayerKey
    packed: PackedLayer
    platform: RuntimePlatform


def _generator() -> str:
    content = [FORMAT, str(own_interpreter().platform), *map(pins.pins, pins.GENERATIONS)]
    return sha256(json.dumps(content).encode()).hexdigest()


def _source_digest(layer: Layer, snapshot: Snapshot) -> Digest:
    content = [layer.key, snapshot.key, layer.sdk_version, FORMAT]
    return Digest(sha256(json.dumps(content).encode()).hexdigest())
