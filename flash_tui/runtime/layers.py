"""The layer store: sets of installed packages, made once by uv and shared by every build and worker.

    KEY/site/            what goes on `sys.path`; its folders are read-only (its files are hard links into uv's cache)
    KEY/layer.json       written last but one; the folder gets its name last, by rename
    KEY/packed.deflate   the layer's part of artifacts, made when first asked for
    locks/, holders/, resolutions/, aside/

A key says everything that decides the content: resolved versions, Python, platform, what is left out, this format.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread

from flash_tui.models.errors import FlashTuiError
from flash_tui.models.identifiers import LayerKey
from flash_tui.runtime import pins
from flash_tui.runtime.archive import PackedLayer, written_aside
from flash_tui.runtime.bytecode import compile_layer
from flash_tui.runtime.file_lock import FileLock
from flash_tui.runtime.interpreters import Interpreter
from flash_tui.runtime.packing import EXCLUDED, pack_folder
from flash_tui.runtime.resolution import Resolution, Resolver, platform_options
from flash_tui.runtime.uv import Report, UvFailed, explain, run_uv, silent, write_lines

FORMAT = 1
"""Counts up when a layer of the same packages comes to look different."""

_LOCK_POLL_S = 0.05
_ABANDONED_AFTER_S = 24 * 3600.0
_FRESH_S = 3600.0
"""Who uses a layer may be about to hold it for so long."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One set of installed packages."""

    key: LayerKey
    folder: Path
    """Goes on `sys.path`; read-only."""
    sdk_version: str = ""
    """The version of runpod-flash in it."""


class LayerStore:
    """Layers by key. Any number of processes may use one store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._resolver = Resolver(root / "resolutions")

    async def base(self, generation: str, interpreter: Interpreter, report: Report = silent) -> Layer:
        """The layer that stands for Flash's worker image: the SDK of a generation (`1.21`) and what it needs.

        Raises:
            BuildFailed: no such generation.
            FlashTuiError: it is not installed yet and cannot be fetched.
        """
        text = pins.pins(generation)
        version = pins.pinned_version(generation)
        key = base_key(generation, interpreter)
        return await self._found(key) or await self._install(
            key, f"runpod-flash {version} and what it needs", text.splitlines(), version, interpreter, report
        )

    async def resolve(
        self, requirements: Sequence[str], interpreter: Interpreter, report: Report = silent
    ) -> Resolution:
        """The exact versions that requirements come to; from the store where they were asked for before.

        Raises:
            BuildFailed: they cannot be met together.
            FlashTuiError: the index does not answer.
        """
        return await self._resolver.resolve(requirements, interpreter, report)

    async def dependencies(
        self, requirements: Sequence[str], base: Layer, interpreter: Interpreter, report: Report = silent
    ) -> Layer:
        """The layer that goes into a project's artifact: its requirements, and the SDK's source.

        The source comes with the requirements, else from `base`, as the official build bundles its own.

        Raises:
            BuildFailed: the requirements cannot be met.
            FlashTuiError: a package cannot be fetched.
        """
        resolution = await self.resolve(requirements, interpreter, report)
        version = resolution.sdk_version or base.sdk_version
        key = _key("dependencies", interpreter, *resolution.pins, f"bundled {version}", *EXCLUDED)
        return await self._found(key) or await self._install(
            key, "the project's requirements", resolution.pins, version, interpreter, report, base
        )

    async def _found(self, key: LayerKey) -> Layer | None:
        return await anyio.to_thread.run_sync(self.find, key)

    def find(self, key: LayerKey) -> Layer | None:
        """The layer if it is installed; counts as a use of it. Blocks (reads one small file)."""
        folder = self.root / key
        try:
            facts = json.loads((folder / "layer.json").read_bytes())
            os.utime(folder / "layer.json")
        except (OSError, ValueError):
            return None
        return Layer(key, folder / "site", str(facts.get("sdk_version", "")))

    def hold(self, key: LayerKey, holder: Path) -> None:
        """Keep a layer until it is released, or `holder`, a file of whoever holds it, is no more.

        Over restarts too; a platform whose folder is deleted releases nothing, and holds nothing.
        """
        place = self._holders(key)
        place.mkdir(parents=True, exist_ok=True)
        with written_aside(place / _file_name(holder)) as stream:
            stream.write(os.fsencode(holder))

    def release(self, key: LayerKey, holder: Path) -> None:
        (self._holders(key) / _file_name(holder)).unlink(missing_ok=True)

    def is_held(self, key: LayerKey) -> bool:
        place = self._holders(key)
        return place.is_dir() and any(_is_there(hold) for hold in place.glob("[!.]*"))

    async def packed(self, layer: Layer) -> PackedLayer:
        """The layer's deflate bytes; the first call makes them (seconds, in threads).

        Raises:
            FlashTuiError: the store cannot be written.
        """
        found = await anyio.to_thread.run_sync(self._find_packed, layer)
        if found is not None:
            return found
        async with self._lock(layer.key):
            try:
                return await anyio.to_thread.run_sync(lambda: self._find_packed(layer) or self._pack(layer))
            except OSError as error:
                raise _unwritable(self.root, error) from error

    async def collect(self, max_age_s: float, max_bytes: int) -> tuple[LayerKey, ...]:
        """Remove layers that nobody holds: unused for `max_age_s`, then the longest unused until `max_bytes` are left.

        One used within the last hour stays: a build may be about to hold it. Returns the keys removed.

        Raises:
            FlashTuiError: the store cannot be written.
        """
        try:
            return await anyio.to_thread.run_sync(self._collect, max_age_s, max_bytes)
        except OSError as error:
            raise _unwritable(self.root, error) from error

    def _holders(self, key: LayerKey) -> Path:
        return self.root / "holders" / key

    def _find_packed(self, layer: Layer) -> PackedLayer | None:
        place = layer.folder.parent
        try:
            facts = json.loads((place / "packed.json").read_bytes())
            packed = PackedLayer(place / "packed.deflate", facts["length"], facts["crc"], facts["size"])
            return packed if packed.path.stat().st_size == packed.length else None
        except (OSError, ValueError, KeyError):
            return None

    def _pack(self, layer: Layer) -> PackedLayer:
        place = layer.folder.parent
        with written_aside(place / "packed.deflate") as stream:
            length, crc, size = pack_folder(layer.folder, stream, anyio.from_thread.check_cancelled)
        with written_aside(place / "packed.json") as stream:
            stream.write(json.dumps({"length": length, "crc": crc, "size": size}).encode())
        return PackedLayer(place / "packed.deflate", length, crc, size)

    @asynccontextmanager
    async def _lock(self, key: str) -> AsyncGenerator[None]:
        """One process and one task at a time per key. Polled, so that waiting can be cancelled."""
        lock = FileLock(self.root / "locks" / f"{key}.lock")
        try:
            while not lock.acquire():  # noqa: ASYNC110 - the holder may be another process
                await anyio.sleep(_LOCK_POLL_S)
        except OSError as error:
            raise _unwritable(self.root, error) from error
        try:
            yield
        finally:
            lock.release()

    async def _install(
        self,
        key: LayerKey,
        what: str,
        lines: Sequence[str],
        sdk_version: str,
        interpreter: Interpreter,
        report: Report,
        base: Layer | None = None,
    ) -> Layer:
        async with self._lock(key):
            found = await self._found(key)  # another process made it meanwhile
            if found is not None:
                return found
            await anyio.to_thread.run_sync(self._remove_abandoned)
            aside = self.root / "aside" / f"{key[:16]}-{os.urandom(4).hex()}"
            try:
                site = aside / "site"
                site.mkdir(parents=True)
                if lines:
                    await _install_packages(what, write_lines(aside / "pins.txt", lines), site, interpreter, report)
                facts = {"format": FORMAT, "sdk_version": sdk_version, "platform": str(interpreter.platform)}
                await anyio.to_thread.run_sync(_finish, site, base.folder if base else None)
                if not interpreter.is_stand_in:
                    report("compiling byte code …")
                    await compile_layer(site, interpreter, base.folder if base else None)
                await anyio.to_thread.run_sync(_publish, aside, self.root / key, facts)
            except OSError as error:
                raise _unwritable(self.root, error) from error
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(_remove, aside)
        return Layer(key, self.root / key / "site", sdk_version)

    def _remove_abandoned(self) -> None:
        """What an install that was killed left behind."""
        place = self.root / "aside"
        for path in place.iterdir() if place.is_dir() else ():
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S:
                _remove(path)

    def _collect(self, max_age_s: float, max_bytes: int) -> tuple[LayerKey, ...]:
        self._remove_abandoned()
        layers = sorted(found for facts in self.root.glob("*/layer.json") if (found := _measured(facts)) is not None)
        total, removed = sum(size for _, size, _ in layers), list[LayerKey]()
        now = time.time()
        for used_at, size, folder in layers:
            anyio.from_thread.check_cancelled()
            key, unused_s = LayerKey(folder.name), now - used_at
            is_due = unused_s > max_age_s or total > max_bytes
            if is_due and unused_s > _FRESH_S and not self.is_held(key):
                aside = self.root / "aside" / f"{key[:16]}-{os.urandom(4).hex()}"
                aside.parent.mkdir(exist_ok=True)
                with suppress(FileNotFoundError):  # another platform was faster
                    folder.rename(aside)
                    removed.append(key)
                _remove(aside)
                total -= size
        return tuple(removed)


def base_key(generation: str, interpreter: Interpreter) -> LayerKey:
    """The key of a base layer, whether it is installed or not."""
    return _key("base", interpreter, pins.pins(generation))


def _key(kind: str, interpreter: Interpreter, *parts: str) -> LayerKey:
    content = [FORMAT, kind, interpreter.tag, str(interpreter.platform), *parts]
    return LayerKey(sha256(json.dumps(content).encode()).hexdigest())


def _file_name(holder: Path) -> str:
    return sha256(os.fsencode(holder)).hexdigest()[:32]


def _is_there(hold: Path) -> bool:
    """Whether who holds is there still; else the hold is removed."""
    try:
        holder = os.fsdecode(hold.read_bytes())
    except FileNotFoundError:  # released meanwhile
        return False
    is_there = bool(holder) and Path(holder).exists()
    if not is_there:
        hold.unlink(missing_ok=True)
    return is_there


def _unwritable(root: Path, error: OSError) -> FlashTuiError:
    return FlashTuiError(
        f"the layer store cannot be written ({error.strerror})",
        where=str(error.filename or root),
        hint="free the disk or set FLASH_TUI_LAYERS",
    )


async def _install_packages(what: str, file: Path, site: Path, interpreter: Interpreter, report: Report) -> None:
    """From the cache first: a layer whose packages are all there needs no network, and no time for asking."""
    command = ["pip", "install", "--target", str(site), "--no-deps", "--no-build", "-r", str(file)]
    command += ["--python", str(interpreter.path), *platform_options(interpreter)]
    try:
        await run_uv([*command, "--offline"], report)
    except UvFailed:
        await anyio.to_thread.run_sync(_emptied, site)
        try:
            await run_uv(command, report)
        except UvFailed as failure:
            raise explain(failure, f"{what} cannot be installed", where=str(interpreter.platform)) from failure


def _emptied(site: Path) -> None:
    shutil.rmtree(site)
    site.mkdir()


def _finish(site: Path, base: Path | None) -> None:
    """Bundle the SDK's source where the packages did not bring it."""
    (site / ".lock").unlink(missing_ok=True)
    if base is not None and not (site / "runpod_flash").exists():
        shutil.copytree(
            base / "runpod_flash",
            site / "runpod_flash",
            copy_function=os.link,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for folder in (site / "runpod_flash", *_folders(site / "runpod_flash")):
            folder.chmod(0o755)


def _folders(root: Path) -> list[Path]:
    return [Path(place) / name for place, names, _ in os.walk(root) for name in names]


def _publish(aside: Path, place: Path, facts: dict[str, Any]) -> None:
    (aside / "layer.json").write_text(json.dumps({**facts, "size": _size(aside / "site")}), encoding="utf-8")
    for folder in (*_folders(aside / "site"), aside / "site"):
        folder.chmod(0o555)
    aside.rename(place)


def _remove(path: Path) -> None:
    """Remove a folder of ours, read-only folders in it included."""
    for folder in (path, *_folders(path)) if path.is_dir() else ():
        folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)


def _measured(facts: Path) -> tuple[float, int, Path] | None:
    """(last use in Unix seconds, size in bytes, folder) of a layer; None if it has just been removed."""
    anyio.from_thread.check_cancelled()
    try:
        used_at = facts.stat().st_mtime
        known = json.loads(facts.read_bytes()).get("size")
        packed = facts.with_name("packed.deflate")
        size = known + (packed.stat().st_size if packed.exists() else 0) if known else _size(facts.parent)
    except (FileNotFoundError, ValueError, AttributeError):
        return None
    return used_at, size, facts.parent


def _size(folder: Path) -> int:
    return sum((Path(place) / name).lstat().st_size for place, _, names in os.walk(folder) for name in names)
