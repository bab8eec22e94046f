"""The exact pins of the base layers, one file a generation of runpod-flash, for every Python from 3.10 on.

Made anew by `python -m flash_tui.runtime.pins [GENERATION …]`: the newest patch of each generation and what it needs,
resolved for all platforms. No index and no hash stands in them, so any mirror will do.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from flash_tui.models.errors import BuildFailed
from flash_tui.runtime.interpreters import uv_binary

FOLDER = Path(__file__).with_name("base")
SDK = "runpod-flash"
GENERATIONS = ("1.19", "1.20", "1.21")
"""Oldest first."""
NEWEST = GENERATIONS[-1]

_OLDEST_PYTHON = "3.10"


def generation_of(version: str) -> str:
    """`1.21` of `1.21.3`."""
    return ".".join(version.split(".")[:2])


@lru_cache(maxsize=len(GENERATIONS))
def pins(generation: str) -> str:
    """The pins of a generation: requirement lines, one package each, with markers.

    Raises:
        BuildFailed: no such generation is pinned.
    """
    if generation not in GENERATIONS:
        raise BuildFailed(
            f"runpod-flash {generation} is none of the versions that flash-tui runs",
            where=SDK,
            hint=f"ask for one from {GENERATIONS[0]} to {NEWEST} in requirements.txt",
        )
    return (FOLDER / f"{generation}.txt").read_text(encoding="utf-8")


def pinned_version(generation: str) -> str:
    """The version of the SDK that stands for its generation."""
    found = re.search(rf"^{SDK}==(\S+)", pins(generation), re.MULTILINE)
    if found is None:
        raise BuildFailed(f"the pins of runpod-flash {generation} do not name it", where=str(FOLDER))
    return found[1]


def renew(generation: str) -> None:
    """Resolve a generation anew and write its file."""
    command = [uv_binary(), "pip", "compile", "-", "--universal", "--python-version", _OLDEST_PYTHON, "--quiet"]
    command += ["--no-config", "--no-header", "--no-annotate", "--no-emit-index-url", "--upgrade"]
    done = subprocess.run(
        command, input=f"{SDK}=={generation}.*\n", stdout=subprocess.PIPE, text=True, check=True, cwd="/"
    )
    (FOLDER / f"{generation}.txt").write_text(done.stdout, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or GENERATIONS:
        renew(name)
