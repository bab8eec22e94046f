"""One warm interpreter per pair of layers: the SDK is imported once, every worker and discovery is a fork of it.

The host's side of `flash_tui.worker.zygote`.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from flash_tui.models.errors import ErrorDocument
from flash_tui.runtime.processes import Child

DISCOVERY_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class LayerPair:
    """What lies under a project: `interpreter` outside any virtual environment, folders as put on `sys.path`."""

    interpreter: Path
    base: Path
    dependencies: Path | None = None


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """One worker to start."""

    kind: Literal["queue", "http"]
    app_dir: Path
    """Unpacked code, flat as the cloud's /app: working directory and first entry of `sys.path`."""
    handler: str
    """A file name in `app_dir`, such as `handler_web-api.py`."""
    env: Mapping[str, str]
    """The complete environment of the worker; nothing is added to it."""
    listen: socket.socket | None = None
    """http only: bound and listening unix socket; handed over, the caller keeps (and closes) its own."""


@dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    folder: Path
    """A copy of the user's files and nothing else."""
    app_name: str
    python_version: str | None = None
    """As the official `--python-version`: None lets the endpoints decide."""
    env_file: Path | None = None
    """The project's `.env`; loaded without overriding."""
    timeout_s: float = DISCOVERY_LIMIT_S
    env: Mapping[str, str] | None = None
    """The environment to discover in; None = this process's own."""


@dataclass(frozen=True, slots=True)
class DiscoveryResult:
    manifest: dict[str, Any] = field(default_factory=dict[str, Any])
    generated: dict[str, str] = field(default_factory=dict[str, str])
    """File name (relative, posix) → text: handlers, and what else the official build writes per build."""
    reached: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Resource → project files (relative, posix) that were imported with its module."""
    printed: str = ""
    """What user modules wrote to stdout and stderr while imported."""
    error: ErrorDocument | None = None
    """Set: nothing else but `printed` is. `file` is relative to the folder; `traceback` holds the user's frames."""


@dataclass(frozen=True, slots=True)
class RequirementsResult:
    requirements: tuple[str, ...] = ()
    """`requirements.txt` and the `dependencies=[…]` literals of the endpoints, without what is too large to ship."""
    left_out: tuple[str, ...] = ()
    """What the official tool leaves out for its size (torch and kin)."""


class WorkerSource(Protocol):
    """Starts workers; one of fork, spare, spawn."""

    async def start(self, spec: WorkerSpec) -> Child:
        """A started worker; it is ready when its health says so, not when this returns.

        Raises:
            BootFailed: no process could be made.
        """
        ...

    async def aclose(self) -> None:
        """Kill and reap all that it started."""
        ...


class Zygote:
    """A warm interpreter and its forks."""

    @classmethod
    async def start(cls, pair: LayerPair, scratch: Path) -> Zygote:
        """Start and warm up (1–2 s).

        Raises:
            BuildFailed: the SDK cannot be imported with this pair; names the versions that clash.
        """
        raise NotImplementedError

    async def discover(self, request: DiscoveryRequest) -> DiscoveryResult:
        """Run the official discovery in a fork; it is killed at `timeout_s` and when this call is cancelled."""
        raise NotImplementedError

    async def requirements(self, folder: Path) -> RequirementsResult:
        """What the project in `folder` asks to be installed; imports no user code."""
        raise NotImplementedError

    async def start_worker(self, spec: WorkerSpec) -> Child:
        """Fork a worker."""
        raise NotImplementedError

    async def retire(self) -> None:
        """No more forks; the interpreter ends with its last child."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Kill the interpreter and all its forks; reap."""
        raise NotImplementedError
