"""A layer store whose layers are a few small files, and artifacts packed with them by the real archive code."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from flash_tui.local.store.values import as_json
from flash_tui.models.build import BuildUpload, LayerRecord
from flash_tui.models.identifiers import Digest, LayerKey
from flash_tui.runtime.archive import (
    CodeFile,
    PackedLayer,
    artifact_digest,
    artifact_size,
    assemble,
    pack_tail,
)
from flash_tui.runtime.interpreters import Interpreter, own_interpreter
from flash_tui.runtime.layers import Layer
from flash_tui.runtime.packing import pack_folder
from tests.local.state_builders import a_digest, a_manifest

BASE, DEPENDENCIES = LayerKey(a_digest("base")), LayerKey(a_digest("dependencies"))


class SmallLayers:
    """Implements `layer_pairs.Layers`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.holders: defaultdict[LayerKey, set[Path]] = defaultdict(set)
        for key, name in ((BASE, "sdk.py"), (DEPENDENCIES, "library.py")):
            (root / key / "site").mkdir(parents=True)
            (root / key / "site" / name).write_text(f"NAME = {name!r}\n" * 50)

    def find(self, key: LayerKey) -> Layer | None:
        folder = self.root / key / "site"
        return Layer(key, folder, "1.21.0") if folder.is_dir() else None

    async def base(self, generation: str, interpreter: Interpreter) -> Layer:
        folder = self.root / f"base-{generation}-{interpreter.tag}"
        folder.mkdir(exist_ok=True)
        return Layer(LayerKey(folder.name), folder, f"{generation}.0")

    async def packed(self, layer: Layer) -> PackedLayer:
        return self.pack(layer.key)

    def pack(self, key: LayerKey) -> PackedLayer:
        place = self.root / f"{key}.deflate"
        with place.open("wb") as output:
            return PackedLayer(place, *pack_folder(self.root / key / "site", output))

    def hold(self, key: LayerKey, holder: Path) -> None:
        self.holders[key].add(holder)

    def release(self, key: LayerKey, holder: Path) -> None:
        self.holders[key].discard(holder)


def an_upload(
    layers: SmallLayers, app: str = "shop", *, text: str = "print('one')\n", **resources: dict[str, Any]
) -> tuple[BuildUpload, bytes]:
    """A build of one file and its manifest, in parts."""
    packed = layers.pack(DEPENDENCIES)
    record = LayerRecord(
        source_digest=a_digest(text),
        dependency_layer=DEPENDENCIES,
        base_layer=BASE,
        sdk_version="1.21.0",
        platform=own_interpreter().platform,
        layer_bytes=packed.length,
        layer_crc=packed.crc,
        layer_size=packed.size,
    )
    manifest = a_manifest(**resources)
    files = [
        CodeFile("worker.py", text.encode()),
        CodeFile("lib/deep.py", b"DEEP = 1\n"),
        CodeFile("handler_resize.py", b"def handler(job): ...\n"),
        CodeFile("flash_manifest.json", as_json(manifest).encode()),
    ]
    tail = pack_tail(files, packed, record.source_digest)
    digest = artifact_digest(record, packed, tail)
    size = artifact_size(record, len(tail))
    return BuildUpload(app=app, digest=digest, size_bytes=size, record=record, manifest=manifest), tail


def a_whole_file(layers: SmallLayers, folder: Path, upload: BuildUpload, tail: bytes) -> Path:
    path = folder / "artifact.tar.gz"
    assert assemble(upload.record, layers.pack(DEPENDENCIES), tail, path) == Digest(upload.digest)
    return path
