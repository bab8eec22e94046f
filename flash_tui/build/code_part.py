"""The code part of an artifact: what goes into it beside the dependency layer, and what is odd about it."""

from __future__ import annotations

import json

from flash_tui.build.discover import Discovered
from flash_tui.build.plan import Ground
from flash_tui.build.snapshot import Snapshot
from flash_tui.build.sources import Sources
from flash_tui.models.build import RuntimePlatform
from flash_tui.runtime.archive import CodeFile
from flash_tui.runtime.layers import Layer


def code_files(
    snapshot: Snapshot, sources: Sources, found: Discovered, layer: Layer
) -> tuple[list[CodeFile], list[str]]:
    """The code part: the user's files, what the official builder generates, the manifest; and what is odd about it.

    Raises:
        SourceMovedError: a file has changed since the snapshot.
    """
    manifest = json.dumps(found.manifest, indent=2)
    generated = {**found.generated, "flash_manifest.json": manifest}
    files = [CodeFile(name, text.encode("utf-8")) for name, text in generated.items()]
    for path, entry in snapshot.entries.items():
        if path not in generated:
            content = sources.read(snapshot, path)
            if path == "requirements.txt":
                files.append(CodeFile(path, _without_sdk(content), is_executable=entry.is_executable))
            else:
                files.append(CodeFile(path, content, is_executable=entry.is_executable, digest=entry.sha256))
    replaced = [f"{path} is replaced by a generated file" for path in generated if path in snapshot.entries]
    return files, [*replaced, *_collisions(snapshot, layer)]


def _without_sdk(content: bytes) -> bytes:
    """requirements.txt as the official build ships it: the SDK goes along as source.

    Source: runpod_flash `cli/commands/build.py:_remove_runpod_flash_from_requirements`.
    """
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return content
    kept = [line for line in lines if not line.strip().lower().startswith(("runpod_flash", "runpod-flash"))]
    return ("\n".join(kept) + "\n").encode("utf-8")


def _collisions(snapshot: Snapshot, layer: Layer) -> list[str]:
    """Top-level names that stand both in the project and among the packages: here the project's is imported."""
    ours = {path.partition("/")[0].removesuffix(".py") for path in snapshot.python_files}
    packages = {path.name.removesuffix(".py") for path in layer.folder.iterdir()}
    return [f"{name} of the project hides the installed package of that name" for name in sorted(ours & packages)]


def ground_notes(ground: Ground, platform: RuntimePlatform, found: Discovered) -> list[str]:
    """How the artifact differs from what the cloud would be given."""
    notes = list(ground.notes)
    if ground.left_out:
        notes.append(f"{', '.join(sorted(set(ground.left_out)))} not packed: too large; the worker image has it")
    default = found.manifest.get("python_version")
    if not ground.notes and default != platform.python:
        notes.append(f"built for Python {platform.python}, which runs here; Runpod's default is {default}")
    return notes
