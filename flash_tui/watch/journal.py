"""The event lines of a watch on disk: who comes later reads there what a child's parent reads from its output.

The first line is the journal's own: who writes it and on which socket it takes commands. A new watch, and a journal
grown too long, begin a new file under the same name; a reader notices by the inode.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import anyio
from pydantic import ValidationError

from flash_tui.models.document import Document
from flash_tui.models.watch_events import WatchEvent

MAX_BYTES = 4_000_000
TAIL_S = 0.05


class JournalHeader(Document):
    """The first line."""

    event: str = "journal"
    at: datetime
    pid: int
    socket: str
    project: str
    environment: str


class Journal:
    """The writing end; held by the watch that holds the lock."""

    def __init__(self, path: Path, header: JournalHeader) -> None:
        self._path = path
        self._header = header
        self._file: TextIO = self._begin()

    def write(self, event: WatchEvent) -> None:
        if self._file.tell() > MAX_BYTES:
            self._file.close()
            self._file = self._begin()
        self._file.write(event_line(event) + "\n")
        self._file.flush()

    def _begin(self) -> TextIO:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._path.with_suffix(f".{os.getpid()}.new")
        file = new.open("w", encoding="utf-8")
        file.write(json.dumps(self._header.model_dump(mode="json")) + "\n")
        file.flush()
        new.replace(self._path)
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def new_header(socket: Path, project: Path, environment: str) -> JournalHeader:
    return JournalHeader(
        at=datetime.now(UTC), pid=os.getpid(), socket=str(socket), project=str(project), environment=environment
    )


def event_line(event: WatchEvent) -> str:
    """An event as it is printed: only the fields it has."""
    return json.dumps(event.model_dump(mode="json", exclude_none=True), ensure_ascii=False)


def read_header(path: Path) -> JournalHeader | None:
    """Who writes, or wrote, this journal; None where there is none."""
    try:
        with path.open(encoding="utf-8") as file:
            return JournalHeader.model_validate_json(file.readline())
    except (OSError, ValidationError):
        return None


async def follow_journal(path: Path) -> AsyncIterator[WatchEvent]:
    """The journal's events from its beginning, then each as it is written; for ever."""
    file: TextIO | None = None
    inode = -1
    try:
        while True:
            current = _inode(path)
            if file is not None:
                for event in _read_events(file):
                    yield event
            if current not in (inode, -1):
                if file is not None:
                    file.close()
                file, inode = _open(path), current
                continue
            await anyio.sleep(TAIL_S)
    finally:
        if file is not None:
            file.close()


def _read_events(file: TextIO) -> list[WatchEvent]:
    """All complete lines that are events and wait to be read."""
    events: list[WatchEvent] = []
    while True:
        start = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(start)
            return events
        try:
            event = WatchEvent.model_validate_json(line)
        except ValidationError:
            continue
        if event.event != "journal":
            events.append(event)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return -1


def _open(path: Path) -> TextIO | None:
    try:
        return path.open(encoding="utf-8")
    except OSError:
        return None
