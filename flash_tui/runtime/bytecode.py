"""Byte code of a layer, compiled once: without it every fresh interpreter would compile the SDK again.

The files are unchecked-hash (a layer never changes) and stay out of artifacts. A file that a layer shares with its
base, by hard link into uv's cache, takes over the base's byte code: it holds no path.
"""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import DEVNULL

import anyio

from flash_tui.runtime.interpreters import Interpreter

_LIMIT_S = 300.0
_PROCESSES = 4
_SCRIPT = """
import compileall, sys
from py_compile import PycInvalidationMode
for path in sys.stdin.read().split("\\0"):
    compileall.compile_file(path, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
"""


async def compile_layer(site: Path, interpreter: Interpreter, base: Path | None) -> None:
    """Write `__pycache__` folders into `site`. A file that does not compile is left as it is."""
    missing = await anyio.to_thread.run_sync(_take_over, site, interpreter, base)
    processes = min(_PROCESSES, os.cpu_count() or 1, len(missing))
    with anyio.move_on_after(_LIMIT_S):
        async with anyio.create_task_group() as group:
            for share in range(processes):
                group.start_soon(_compile, interpreter, missing[share::processes])


async def _compile(interpreter: Interpreter, paths: list[str]) -> None:
    command = [str(interpreter.path), "-I", "-S", "-c", _SCRIPT]
    await anyio.run_process(
        command, input="\0".join(paths).encode(), stdout=DEVNULL, stderr=DEVNULL, check=False, cwd="/"
    )


def _take_over(site: Path, interpreter: Interpreter, base: Path | None) -> list[str]:
    """Link the byte code that the base has for the same files; returns the sources that have none."""
    suffix = f".cpython-{interpreter.version[0]}{interpreter.version[1]}.pyc"
    missing: list[str] = []
    for place, _, names in os.walk(site):
        twin = base / os.path.relpath(place, site) if base is not None else None
        cache = Path(place, "__pycache__")
        missing.extend(
            f"{place}/{name}"
            for name in names
            if name.endswith(".py") and not (twin and _link(Path(place, name), twin / name, cache, suffix))
        )
    return missing


def _link(source: Path, twin: Path, cache: Path, suffix: str) -> bool:
    compiled = f"{source.stem}{suffix}"
    try:
        if not source.samefile(twin):
            return False
        cache.mkdir(exist_ok=True)
        os.link(twin.parent / "__pycache__" / compiled, cache / compiled)
    except OSError:
        return False
    return True
