"""Running uv: never in the project's folder, its lines as progress, its failures in our words."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import DEVNULL

import anyio
from anyio.abc import ByteReceiveStream, Process
from anyio.streams.text import TextReceiveStream

from flash_tui.models.errors import BuildFailed, FlashTuiError
from flash_tui.runtime.interpreters import uv_binary
from flash_tui.runtime.redaction import Redactor, secrets_in

INSTALL_LIMIT_S = 1_800.0
"""Large packages on a slow line; uv itself gives up on a connection that stalls."""

_FOREIGN = re.compile(r"UV_(PROJECT|PYTHON|TARGET|PREFIX|CONSTRAINT|OVERRIDE|BUILD_CONSTRAINT|SYSTEM|WORKING).*")
"""Variables meant for the user's own uv commands; where packages come from (index, mirror, cache) is kept."""
_UNREACHABLE = re.compile(
    r"error sending request|dns error|failed to lookup address|connection refused|network is unreachable"
    r"|timed out|tcp connect error|failed to fetch|could not connect|network was disabled|--offline|certificate",
    re.IGNORECASE,
)
_NO_WHEEL = re.compile(r"no usable wheels|source distributions is disabled|no wheels with a matching|--no-build")
_MARKS = re.compile(r"^(\W*[╰─▶]+|\W+|error:) ")
_COUNT = re.compile(r"Resolved (\d+) packages?")
_DOWNLOAD = re.compile(r"\s*Downloading (\S+ \(\S+\))")

Report = Callable[[str], None]


def silent(_text: str) -> None:
    """A report that nobody reads."""


class UvFailed(Exception):
    """An error of uv: it ended with an error; `text` is what it said."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    @property
    def is_network(self) -> bool:
        """Whether the index, or the way to it, is to blame."""
        return _UNREACHABLE.search(self.text) is not None and "HTTP status" not in self.text


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name) and name != "VIRTUAL_ENV"}
    return {**kept, "UV_NO_PROGRESS": "1", "NO_COLOR": "1", "UV_PYTHON_DOWNLOADS": "never"}


async def run_uv(arguments: Sequence[str], report: Report = silent, *, limit_s: float = INSTALL_LIMIT_S) -> str:
    """Run uv and return its standard output; downloads and counts are reported as they happen. Killed when cancelled.

    Raises:
        UvFailed: it ended with an error, or not within `limit_s`.
    """
    command = [uv_binary(), *arguments]
    try:
        with anyio.fail_after(limit_s):
            process = await anyio.open_process(command, stdin=DEVNULL, env=_environment(), cwd="/")
            try:
                return await _watch(process, report)
            finally:
                await _end(process)
    except TimeoutError as error:
        raise UvFailed(f"uv did not end within {limit_s:.0f} s") from error


async def _watch(process: Process, report: Report) -> str:
    output: list[str] = []
    narration: list[str] = []

    async def read(stream: ByteReceiveStream | None, into: list[str]) -> None:
        rest = ""
        if stream is not None:
            async for text in TextReceiveStream(stream, errors="replace"):
                *lines, rest = (rest + text).split("\n")
                into.extend(lines)
                if into is narration:
                    _progress(lines, report)
        into.append(rest)

    async with anyio.create_task_group() as group:
        group.start_soon(read, process.stdout, output)
        group.start_soon(read, process.stderr, narration)
    if await process.wait() != 0:
        hide = Redactor(*secrets_in(os.environ)).clean  # an index may be named with its password
        raise UvFailed(hide("\n".join(narration).strip()))
    return "\n".join(output)


def _progress(lines: Sequence[str], report: Report) -> None:
    for line in lines:
        if found := _COUNT.match(line):
            report(f"installing {found[1]} package{'' if found[1] == '1' else 's'} …")
        elif found := _DOWNLOAD.match(line):
            report(f"downloading {found[1]}")


async def _end(process: Process) -> None:
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            process.kill()
        await process.wait()
        await process.aclose()


def explain(failure: UvFailed, what: str, where: str) -> FlashTuiError:
    """The failure in our words: an index that does not answer, or requirements that cannot be met."""
    if failure.is_network:
        return FlashTuiError(
            f"{what}: the package index does not answer, and not all packages are in uv's cache",
            where=where,
            hint="connect to the network once, or name a mirror in UV_DEFAULT_INDEX",
        )
    hint = "change the requirement that cannot be met"
    if _NO_WHEEL.search(failure.text):
        hint = "ask for a version that comes as a wheel for this platform: a Flash build compiles nothing"
    return BuildFailed(f"{what}: {_shortened(failure.text)}", where=where, hint=hint)


def _shortened(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Using ")]
    return " ".join(_MARKS.sub("", line) for line in lines)[:1_000]


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    """A requirements file for uv."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
