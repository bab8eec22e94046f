"""What `flash-tui build` writes: the artifact and the manifest, each whole or as it was."""

from __future__ import annotations

import json
from functools import partial
from hashlib import file_digest
from pathlib import Path

import anyio

from flash_tui.build.prepared import PreparedBuild
from flash_tui.build.project import FLASH_FOLDER
from flash_tui.models.build import BuiltArtifact
from flash_tui.models.errors import BuildFailed
from flash_tui.runtime.archive import assemble, written_aside

ARTIFACT = "artifact.tar.gz"
MANIFEST = "flash_manifest.json"


async def write_outputs(prepared: PreparedBuild, project_root: Path, output: Path | None = None) -> BuiltArtifact:
    """Write `.flash/artifact.tar.gz` (or `output`) and `.flash/flash_manifest.json`, where they are not this build's.

    Raises:
        BuildFailed: a folder cannot be written; what stood there stays.
    """
    return await anyio.to_thread.run_sync(partial(_write, prepared, project_root, output))


def _write(prepared: PreparedBuild, project_root: Path, output: Path | None) -> BuiltArtifact:
    folder = project_root / FLASH_FOLDER
    path = output if output is not None else folder / ARTIFACT
    manifest = json.dumps(prepared.manifest, indent=2).encode()
    try:
        folder.mkdir(exist_ok=True)
        if not _is_intact(path, prepared):
            _assemble(prepared, path)
        with written_aside(folder / MANIFEST) as stream:
            stream.write(manifest)
    except OSError as error:
        raise BuildFailed(
            f"the build cannot be written ({error.strerror})",
            where=str(error.filename or path),
            hint="make the folder writable, or name another place with -o",
        ) from error
    return BuiltArtifact(
        path=str(path),
        digest=prepared.digest,
        source_digest=prepared.source_digest,
        size_bytes=prepared.size_bytes,
        resources=tuple(prepared.manifest.get("resources", {})),
        timings_ms=prepared.timings_ms,
    )


def _assemble(prepared: PreparedBuild, path: Path) -> None:
    digest = assemble(prepared.record, prepared.packed, prepared.tail, path)
    if digest != prepared.digest:
        path.unlink(missing_ok=True)
        raise BuildFailed(
            "the artifact does not come out as it was built",
            where=str(path),
            hint=f"remove {FLASH_FOLDER}/flash-tui.json and build again",
        )


def _is_intact(path: Path, prepared: PreparedBuild) -> bool:
    """Whether the file is this build already, by its bytes."""
    try:
        if path.stat().st_size != prepared.size_bytes:
            return False
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest() == prepared.digest
    except OSError:
        return False
