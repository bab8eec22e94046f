"""Sample projects for tests, in the official dialect."""

from __future__ import annotations

import textwrap
from pathlib import Path

from flash_tui.paths import Home
from flash_tui.settings import Settings

QUEUE = """
from runpod_flash import Endpoint


@Endpoint(name="{name}", cpu="cpu3c-1-2")
async def {function}(text: str = "") -> dict:
    return {{"answer": text[::-1], "version": 1}}
"""

LOAD_BALANCED = """
from runpod_flash import Endpoint

api = Endpoint(name="{name}", cpu="cpu3c-1-2", workers=(1, 3))


@api.post("/echo")
async def {function}(body: dict) -> dict:
    return {{"echo": body}}


@api.get("/version")
async def {function}_version() -> dict:
    return {{"version": 1}}
"""


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files (relative name → text, dedented) below `root`; returns `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
    return root


def queue_endpoint(name: str = "reverse", function: str | None = None) -> str:
    """A module with one queue endpoint: answers {"answer": text reversed, "version": 1}."""
    return QUEUE.format(name=name, function=function or name.replace("-", "_"))


def load_balanced_endpoint(name: str = "web-api", function: str | None = None) -> str:
    """A module with one load-balanced endpoint: POST /echo, GET /version."""
    return LOAD_BALANCED.format(name=name, function=function or name.replace("-", "_"))


def a_project(root: Path, files: dict[str, str] | None = None, *, requirements: str | None = None) -> Path:
    """A project with a queue endpoint `reverse` and a load-balanced one `web-api`; `files` come on top.

    Without `requirements` its dependency layer holds the SDK's source alone, which takes no time to make.
    """
    sample = {"reverse.py": queue_endpoint(), "web.py": load_balanced_endpoint(), "README.md": "A sample.\n"}
    if requirements is not None:
        sample["requirements.txt"] = requirements
    return write(root, {**sample, **(files or {})})


def settings_for(root: Path, home: Path, layers: Path, *, app: str = "sample", target: str = "local") -> Settings:
    """Settings as `read_settings` gives them, with nothing taken from the machine."""
    return Settings(home=Home(root=home, layers=layers), project=root, app=app, target=target)
