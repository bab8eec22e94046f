"""Ours against the official command, run as a subprocess from the base layer."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from flash_tui.build.builder import Builder, write_outputs
from flash_tui.runtime import pins
from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import LayerStore
from tests.projects import a_project

pytestmark = pytest.mark.anyio

OFFICIAL = """
import sys
sys.path.append(sys.argv.pop(1))
from runpod_flash.cli.main import app
app()
"""
FILES = {
    "lib/__init__.py": "",
    "lib/words.py": "GREETING = 'hello'\n",
    "worker.py": """
        import os

        from runpod_flash import Endpoint, GpuType

        from lib.words import GREETING

        LEVEL = os.environ.get("LEVEL", "none")


        @Endpoint(name="gpu-worker", gpu=GpuType.ANY, workers=(0, 2), env={"LEVEL": LEVEL}, max_concurrency=3)
        async def shout(text: str = GREETING) -> dict:
            return {"text": text.upper()}


        @Endpoint(name="counter", cpu="cpu3c-1-2")
        class Counter:
            def __init__(self) -> None:
                self.value = 0

            async def add(self, by: int = 1) -> dict:
                self.value += by
                return {"value": self.value}
        """,
    ".env": "LEVEL=from-the-file\n",
    ".gitignore": "*.log\n",
    "debug.log": "not shipped\n",
    "tests/test_worker.py": "def test_nothing() -> None: ...\n",
}


async def official_build(layers: Path, root: Path) -> None:
    base = await LayerStore(layers).base(pins.NEWEST, own_interpreter())
    command = [str(own_interpreter().path), "-I", "-S", "-B", "-W", "ignore", "-c", OFFICIAL, str(base.folder)]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = await anyio.run_process([*command, "build", "--no-deps"], cwd=root, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def contents(artifact: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(artifact) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None:
                found[member.name] = stream.read()
    return found


def manifest_of(found: dict[str, bytes]) -> dict[str, Any]:
    manifest = json.loads(found.pop("./flash_manifest.json"))
    del manifest["generated_at"]
    return manifest


def without_time(content: bytes) -> bytes:
    return b"\n".join(line for line in content.splitlines() if not line.startswith(b"Generated at:"))


async def test_manifest_and_files_are_the_official_commands(
    layers: Path, open_builder: Callable[..., Builder], tmp_path: Path
) -> None:
    theirs, ours = (a_project(tmp_path / place / "sample", FILES) for place in ("theirs", "ours"))
    await official_build(layers, theirs)
    built = await write_outputs(await open_builder(ours).build(), ours)
    expected, found = contents(theirs / ".flash/artifact.tar.gz"), contents(Path(built.path))
    assert manifest_of(found) == manifest_of(expected)
    assert found.keys() == expected.keys()
    assert {name for name in found if without_time(found[name]) != without_time(expected[name])} == set()
