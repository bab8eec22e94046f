"""Where state lives. Pure: names places, creates nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import platformdirs

MAX_SOCKET_PATH_BYTES = 100
"""The kernel takes 108 (macOS 104) with the closing zero; some of it is left to the listener's own suffixes."""


@dataclass(frozen=True, slots=True)
class Home:
    """One FLASH_TUI_HOME and everything under it. Two homes never meet."""

    root: Path
    layers: Path
    """The layer store; tests share one between homes (FLASH_TUI_LAYERS)."""

    @property
    def settings_file(self) -> Path:
        return self.root / "settings.toml"

    @property
    def platform(self) -> Path:
        """All the local platform owns: database, artifacts, logs, locks."""
        return self.root / "platform"

    @property
    def address_file(self) -> Path:
        """JSON written by rename once the platform listens: pid, url, version, started_at."""
        return self.platform / "address.json"

    @property
    def token_file(self) -> Path:
        """Mode 0600."""
        return self.platform / "token"

    @property
    def platform_lock(self) -> Path:
        """Held by the daemon for life."""
        return self.platform / "daemon.lock"

    @property
    def start_lock(self) -> Path:
        """Held by whoever starts the daemon."""
        return self.platform / "start.lock"

    @property
    def platform_log(self) -> Path:
        return self.platform / "platform.log"

    @property
    def database(self) -> Path:
        return self.platform / "platform.sqlite3"

    @property
    def journals(self) -> Path:
        """What this user did to targets that keep no history, and what the watches wrote."""
        return self.root / "journals"

    @property
    def scratch(self) -> Path:
        """Working directories of zygotes: an empty `.env` stands in each, since the SDK searches for one upwards."""
        return self.root / "scratch"

    def watch_name(self, project: Path, environment: str) -> str:
        """16 hex digits of (project, environment)."""
        return sha256(f"{os.path.realpath(project)}\0{environment}".encode()).hexdigest()[:16]

    def watch_lock(self, project: Path, environment: str) -> Path:
        return self.root / f"watch-{self.watch_name(project, environment)}.lock"

    def watch_journal(self, project: Path, environment: str) -> Path:
        return self.journals / f"watch-{self.watch_name(project, environment)}.jsonl"

    def socket(self, name: str) -> Path:
        """A unix socket's place: under the home, or, where that path is too long, in a private temporary folder."""
        path = self.root / name
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
            return path
        token = sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"flash-tui-{os.getuid()}-{token}" / name


def find_home(environ: Mapping[str, str]) -> Home:
    """The home that FLASH_TUI_HOME names, else the platform's folder for user data."""
    named = environ.get("FLASH_TUI_HOME")
    root = Path(named).expanduser().absolute() if named else platformdirs.user_data_path("flash-tui", appauthor=False)
    layers = environ.get("FLASH_TUI_LAYERS")
    return Home(root=root, layers=Path(layers).expanduser().absolute() if layers else root / "layers")
