"""Discovery and requirements of a project, each in a fork of its own: host's half of `flash_tui.worker.discovery`."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import anyio
import anyio.to_thread

from flash_tui.models.errors import BuildFailed, ErrorDocument
from flash_tui.runtime.processes import ExitStatus, Output, RunningChild
from flash_tui.runtime.redaction import Redactor, secrets_in_file
from flash_tui.worker.protocol import FrameReader, Message

LIMIT_S = 5.0
REQUIREMENTS_LIMIT_S = 30.0

Fork = Callable[[Message, Output, Sequence[int]], Awaitable[RunningChild]]


@dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    folder: Path
    """A copy of the user's files and nothing else."""
    app_name: str
    python_version: str | None = None
    """As the official `--python-version`: None lets the endpoints decide."""
    project: Path | None = None
    """The project itself, where the check for imports of ignored files looks; None = `folder`."""
    env_file: Path | None = None
    """The project's `.env`; loaded without overriding."""
    own_packages: Path | None = None
    """The project's own `site-packages`: what artifacts leave out for its size is found there (`own_packages`)."""
    timeout_s: float = LIMIT_S
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


class Inlet:
    """A pipe that the event loop reads; a context manager that closes both ends."""

    def __init__(self, on_data: Callable[[bytes], None], on_end: Callable[[], None] = lambda: None) -> None:
        self._on_data = on_data
        self._on_end = on_end
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._reading, self.read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._reading)
        os.close(self._reading)
        self.handed_over()

    def handed_over(self) -> None:
        """Close our copy of the writing end, so that the end of the other process is seen here."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    def read(self) -> None:
        """Take what is there."""
        with suppress(BlockingIOError):
            while data := os.read(self._reading, 65536):
                self._on_data(data)
            asyncio.get_running_loop().remove_reader(self._reading)
            self._on_end()


class _Conversation:
    """What a project job says: which module it imports, and at last its result."""

    def __init__(self) -> None:
        self.importing: str | None = None
        self.answer: Message | None = None
        self.over = anyio.Event()
        self.stack = bytearray()
        self._reader = FrameReader()

    def hear(self, data: bytes) -> None:
        for message, _ in self._reader.feed(data):
            self.importing = message.get("importing", self.importing)
            if "importing" not in message:
                self.answer = message
                self.over.set()


async def run_discovery(fork: Fork, scratch: Path, request: DiscoveryRequest) -> DiscoveryResult:
    """Fork, listen, and kill what takes longer than `timeout_s`."""
    job: Message = {
        "kind": "discover",
        "folder": str(request.folder),
        "project": str(request.project or request.folder),
        "app_name": request.app_name,
        "python_version": request.python_version,
        "env_file": str(request.env_file) if request.env_file else None,
        "env": dict(os.environ if request.env is None else request.env),
        "own_packages": str(request.own_packages) if request.own_packages else None,
        "scratch": str(scratch),
        "timeout_s": request.timeout_s,
    }
    output = Output()
    talk, status = await _converse(fork, job, output, request.timeout_s)
    clean = await anyio.to_thread.run_sync(_cleaner, request)
    printed = clean(output.text())
    if talk.answer is None:
        return DiscoveryResult(printed=printed, error=_unfinished(request, talk, status))
    if "error" in talk.answer:
        said = {key: clean(value) if isinstance(value, str) else value for key, value in talk.answer["error"].items()}
        return DiscoveryResult(printed=printed, error=_error(said))
    return DiscoveryResult(**talk.answer["done"], printed=printed)


async def collect_requirements(fork: Fork, folder: Path) -> RequirementsResult:
    """Fork and listen.

    Raises:
        BuildFailed: the official functions fail on the project.
    """
    output = Output()
    job: Message = {"kind": "requirements", "folder": str(folder), "env": dict(os.environ)}
    talk, status = await _converse(fork, job, output, REQUIREMENTS_LIMIT_S)
    if talk.answer is None or "done" not in talk.answer:
        ended = status.text if status else f"no answer within {REQUIREMENTS_LIMIT_S:g} s"
        hint = "run the official `flash build` to compare"
        raise BuildFailed("the requirements cannot be read", where=ended, hint=hint, traceback=output.text() or None)
    done = talk.answer["done"]
    return RequirementsResult(tuple(done["requirements"]), tuple(done["left_out"]))


async def _converse(
    fork: Fork, job: Message, output: Output, timeout_s: float
) -> tuple[_Conversation, ExitStatus | None]:
    """Run a job to its answer or end; the process is gone on return. No status: it had to be killed."""
    talk = _Conversation()
    status: ExitStatus | None = None
    with Inlet(talk.hear, talk.over.set) as results, Inlet(talk.stack.extend) as stack:
        child = await fork(job, output, (results.writing, stack.writing))
        results.handed_over()
        stack.handed_over()
        try:
            with anyio.move_on_after(timeout_s):
                await talk.over.wait()
                if talk.answer is None:
                    status = await child.wait()
        finally:
            stack.read()
            if status is None:
                await child.stop(0)
            output.drain()
            output.close()
    return talk, status


def _cleaner(request: DiscoveryRequest) -> Callable[[str], str]:
    """User code has seen the environment and the project's `.env`, and runs in a copy of the project."""
    env = os.environ if request.env is None else request.env
    more = secrets_in_file(request.env_file) if request.env_file is not None else ()
    return Redactor(*more).of_process(env, request.folder)


def _error(error: Message) -> ErrorDocument:
    place = f"{error['file']}:{error['line']}" if error.get("line") else error.get("file") or ""
    return ErrorDocument(
        code=BuildFailed.code,
        what=error["what"],
        where=place,
        hint=error.get("hint", ""),
        file=error.get("file"),
        line=error.get("line"),
        traceback=error.get("traceback"),
    )


def _unfinished(request: DiscoveryRequest, talk: _Conversation, status: ExitStatus | None) -> ErrorDocument:
    """Of a process that gave no answer: it hung, crashed or left."""
    doing = f"importing {talk.importing}" if talk.importing else "discovering the endpoints"
    file, line = _innermost(talk.stack.decode(errors="replace"), request.folder) or (talk.importing, None)
    if status is None:
        what = f"{doing} did not end within {request.timeout_s:g} s"
        hint = "move slow work from the top level of the module into the function that needs it"
    else:
        what = f"the process ended while {doing} ({status.text})"
        hint = "do not end the process at the top level of a module"
    place = f"{file}:{line}" if line else file or ""
    return ErrorDocument(code=BuildFailed.code, what=what, where=place, hint=hint, file=file, line=line)


def _innermost(stack: str, folder: Path) -> tuple[str, int] | None:
    """The user's innermost frame in a dump of all threads, which has the innermost first."""
    for file, line in re.findall(r'File "(.+?)", line (\d+)', stack):
        if Path(file).is_relative_to(folder):
            return Path(file).relative_to(folder).as_posix(), int(line)
    return None
