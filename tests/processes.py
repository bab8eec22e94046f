"""The process table, as far as tests ask: who came from whom, and who was never collected. Linux."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def _table() -> dict[int, tuple[str, int]]:
    """Every process: its state's letter and its parent."""
    found: dict[int, tuple[str, int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        found[int(entry.name)] = (fields[0], int(fields[1]))
    return found


def parents(pids: Iterable[int]) -> set[int]:
    """Of those that are there."""
    table = _table()
    return {table[pid][1] for pid in pids if pid in table}


def family(*roots: int) -> set[int]:
    """These processes and all that came from them, zombies left out."""
    table = _table()
    found: set[int] = set()
    news = set(roots)
    while news:
        found |= news
        news = {pid for pid, (_, above) in table.items() if above in news} - found
    return {pid for pid in found if pid in table and table[pid][0] != "Z"}


def zombies(parents: Iterable[int]) -> set[int]:
    """Children of these that have ended and were not collected."""
    above = set(parents)
    return {pid for pid, (state, its_parent) in _table().items() if state == "Z" and its_parent in above}


def kill(*pids: int) -> None:
    """`kill -9`; one that has ended by now is dead as well."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
