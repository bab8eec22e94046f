"""Which Python runs the user's code: flash-tui's own, or another installed one that a project asks for."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import uv

from flash_tui.models.build import RuntimePlatform
from flash_tui.models.errors import FlashTuiError

SUPPORTED = ((3, 10), (3, 11), (3, 12), (3, 13), (3, 14))
"""What runpod-flash runs on. Source: its `Requires-Python`, 1.19 to 1.21."""

_QUERY_LIMIT_S = 10.0
_DOWNLOAD_LIMIT_S = 300.0
_QUERY = (
    "import json, platform, sys;"
    "print(json.dumps([getattr(sys, '_base_executable', None) or sys.executable, sys.version_info[0],"
    " sys.version_info[1], sys.platform, platform.machine(), sys.implementation.name]))"
)
_OS = {"linux": "linux", "darwin": "macos"}
_ARCHITECTURE = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python outside any virtual environment, so that nothing but layers is on its path."""

    path: Path
    version: tuple[int, int]
    platform: RuntimePlatform
    is_stand_in: bool = False
    """`path` is of another platform than layers are made for."""

    @property
    def tag(self) -> str:
        """`cp311`."""
        return f"cp{self.version[0]}{self.version[1]}"

    def for_platform(self, target: RuntimePlatform) -> Interpreter:
        """The same program, standing for what another one is to run: layers are made for `platform`."""
        major, minor = target.python.split(".")
        return Interpreter(self.path, (int(major), int(minor)), target, is_stand_in=True)


def describe_platform(version: tuple[int, int], system: str, machine: str) -> RuntimePlatform:
    """The platform in the words of build records; an unknown system keeps its own name."""
    return RuntimePlatform(
        python=f"{version[0]}.{version[1]}",
        os=_OS.get(system, system),
        architecture=_ARCHITECTURE.get(machine.lower(), machine.lower()),
    )


@lru_cache(maxsize=1)
def own_interpreter() -> Interpreter:
    """The Python behind the one that runs flash-tui."""
    path = getattr(sys, "_base_executable", None) or sys.executable
    version = sys.version_info[:2]
    return Interpreter(Path(path), version, describe_platform(version, sys.platform, platform.machine()))


def uv_binary() -> str:
    """The uv that came with flash-tui.

    Raises:
        FlashTuiError: the package is there, its program is not.
    """
    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise FlashTuiError(
            "the uv program is missing",
            where=str(error),
            hint="install the package `uv` again",
        ) from error


def _run(command: list[str], limit_s: float) -> str | None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s, check=True, cwd="/"
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def query_interpreter(path: Path) -> Interpreter | None:
    """What the program at `path` is, by asking it; None if it is no CPython that runs. Blocks up to 10 s."""
    answer = _run([str(path), "-I", "-S", "-c", _QUERY], _QUERY_LIMIT_S)
    if not answer:
        return None
    try:
        base, major, minor, system, machine, implementation = json.loads(answer.splitlines()[-1])
    except ValueError:
        return None
    if implementation != "cpython":
        return None
    version = (int(major), int(minor))
    return Interpreter(Path(base), version, describe_platform(version, str(system), str(machine)))


def find_interpreter(python: str, *, download: bool = False) -> Interpreter | None:
    """The installed Python of version `python` (`3.12`); None if there is none that works. Blocks up to 20 s.

    Any failure of uv counts as not there: it fails, rather than looks on, at the shim of a version manager whose
    version is not switched on. With `download`, a missing one is fetched (blocks up to five minutes).
    """
    own = own_interpreter()
    if not re.fullmatch(r"3\.\d{1,2}", python):
        return None
    if python == own.platform.python:
        return own
    program = uv_binary()
    find = [program, "python", "find", python, "--system", "--no-project", "--no-config"]
    managed = [*find, "--managed-python"]
    for command in ([*find, "--offline"], [*managed, "--offline"]):
        found = _matching(_run(command, _QUERY_LIMIT_S), python)
        if found is not None:
            return found
    if download and _run([program, "python", "install", python, "--no-config"], _DOWNLOAD_LIMIT_S) is not None:
        return _matching(_run(managed, _QUERY_LIMIT_S), python)
    return None


def _matching(answer: str | None, python: str) -> Interpreter | None:
    found = query_interpreter(Path(answer)) if answer else None
    return found if found is not None and found.platform.python == python else None
