"""Which interpreter and layers lie under a build, and whether this computer can run it at all.

An artifact of ours names its layers. One of the official tool brings its packages itself and runs over the base layer.
An artifact made for another Python or another system runs here as long as nothing in it is compiled for that other one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from flash_tui.models.build import LayerRecord, RuntimePlatform
from flash_tui.models.errors import BuildFailed, NotFound
from flash_tui.models.identifiers import LayerKey
from flash_tui.models.manifest import Manifest
from flash_tui.runtime import pins
from flash_tui.runtime.archive import PackedLayer
from flash_tui.runtime.interpreters import Interpreter, find_interpreter, own_interpreter
from flash_tui.runtime.layers import Layer
from flash_tui.runtime.zygote import LayerPair

_COMPILED = (".so", ".pyd", ".dylib")
_PYTHON_TAG = re.compile(r"\.cpython-(\d+)")
_SDK_VERSION = re.compile(r"""^__version__\s*=\s*["'](\d+\.\d+)""", re.MULTILINE)
_HEAD_BYTES = 4096


class Layers(Protocol):
    """The part of the layer store that is needed here."""

    async def base(self, generation: str, interpreter: Interpreter) -> Layer: ...

    async def packed(self, layer: Layer) -> PackedLayer: ...

    def find(self, key: LayerKey) -> Layer | None: ...

    def hold(self, key: LayerKey, holder: Path) -> None: ...

    def release(self, key: LayerKey, holder: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class Ground:
    """What lies under a build, and the layers it is made of, to be held while the build may run."""

    pair: LayerPair
    keys: frozenset[LayerKey]


class LayerPairs:
    """The layer store as this platform uses it."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._interpreters: dict[str, Interpreter] = {}

    def has(self, record: LayerRecord) -> bool:
        """Whether both layers are in the store. Blocks (reads two small files)."""
        return all(self._layers.find(key) is not None for key in (record.base_layer, record.dependency_layer))

    async def packed(self, record: LayerRecord) -> PackedLayer:
        """The deflate bytes that the record's artifact begins with.

        Raises:
            NotFound: `where` is `layer KEY`: it is not in the store.
        """
        await self._layer(record.base_layer)
        return await self._layers.packed(await self._layer(record.dependency_layer))

    def hold(self, keys: Iterable[LayerKey], note: Path) -> None:
        """These layers are not collected until `release`, as long as the file `note` is there. Blocks."""
        for key in keys:
            self._layers.hold(key, note)

    def release(self, keys: Iterable[LayerKey], note: Path) -> None:
        """Blocks."""
        for key in keys:
            self._layers.release(key, note)

    async def of_record(self, record: LayerRecord) -> Ground:
        """What lies under the code part of an artifact of ours.

        Raises:
            NotFound: a layer is not in the store.
            BuildFailed: it cannot run here.
        """
        dependencies = await self._layer(record.dependency_layer)
        interpreter = await self._interpreter(record.platform, dependencies.folder)
        if interpreter.platform == record.platform:
            base = await self._layer(record.base_layer)
        else:
            base = await self._layers.base(pins.generation_of(record.sdk_version), interpreter)
        pair = LayerPair(interpreter.path, base.folder, dependencies.folder)
        return Ground(pair, frozenset({base.key, dependencies.key}))

    async def of_tree(self, app_dir: Path, manifest: Manifest, record: LayerRecord | None) -> Ground:
        """What lies under a whole unpacked artifact: the base layer of the SDK that it brings.

        Raises:
            BuildFailed: it cannot run here.
        """
        own = own_interpreter().platform
        official = RuntimePlatform(python=manifest.python_version or own.python, os="linux", architecture="x86_64")
        interpreter = await self._interpreter(official if record is None else record.platform, app_dir)
        generation = await anyio.to_thread.run_sync(_bundled_generation, app_dir)
        base = await self._layers.base(generation, interpreter)
        # The tree is its own dependency layer: over a layer, it would make each worker start afresh (1 to 2 s).
        return Ground(LayerPair(interpreter.path, base.folder, app_dir), frozenset({base.key}))

    async def _layer(self, key: LayerKey) -> Layer:
        found = await anyio.to_thread.run_sync(self._layers.find, key)
        if found is None:
            raise NotFound("a layer of this build is not in the layer store", where=f"layer {key}", hint="deploy again")
        return found

    async def _interpreter(self, made_for: RuntimePlatform, folder: Path) -> Interpreter:
        """One that runs what `folder` holds: the Python it was made for, else flash-tui's own."""
        interpreter = self._interpreters.get(made_for.python)
        if interpreter is None:
            found = await anyio.to_thread.run_sync(find_interpreter, made_for.python)
            interpreter = self._interpreters[made_for.python] = found or own_interpreter()
        if interpreter.platform != made_for:
            find = partial(incompatible_file, folder, made_for, interpreter.platform)
            await anyio.to_thread.run_sync(partial(_refuse, find, made_for, interpreter.platform))
        return interpreter


def incompatible_file(folder: Path, made_for: RuntimePlatform, here: RuntimePlatform) -> str | None:
    """A compiled file, relative to `folder`, that `here` cannot load; None if there is none. Blocks."""
    is_other_system = (made_for.os, made_for.architecture) != (here.os, here.architecture)
    tag = here.python.replace(".", "")
    for name in _compiled(folder):
        python = _PYTHON_TAG.search(name)
        if is_other_system or (python is not None and python[1] != tag):
            return name
    return None


def _compiled(folder: Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(_COMPILED):
                yield (Path(place) / name).relative_to(folder).as_posix()


def _refuse(find: partial[str | None], made_for: RuntimePlatform, here: RuntimePlatform) -> None:
    file = find()
    if file is not None:
        raise BuildFailed(
            f"this build was made for {made_for} and cannot run on {here}: {file} is compiled for the former",
            where=file,
            hint=f"build it for this computer, or install Python {made_for.python} if only the Python differs",
            file=file,
        )


def _bundled_generation(app_dir: Path) -> str:
    """The SDK generation that an artifact brings with it, else the newest."""
    try:
        with (app_dir / "runpod_flash" / "__init__.py").open("rb") as file:
            found = _SDK_VERSION.search(file.read(_HEAD_BYTES).decode("utf-8", "replace"))
    except OSError:
        return pins.NEWEST
    return found[1] if found is not None and found[1] in pins.GENERATIONS else pins.NEWEST
