"""Packages that artifacts leave out for their size: here they come from the project's own virtual environment."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder

NAMES = ("torch", "torchaudio", "torchvision", "triton")
"""As the official build leaves out; Runpod's GPU images bring them."""


class OwnPackages:
    """Finds these names in `folder` when nothing else does; from the first on, what they need is found there too."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        if fullname not in NAMES:
            return None
        spec = PathFinder.find_spec(fullname, [self.folder])
        if spec is not None and self.folder not in sys.path:
            sys.path.append(self.folder)
        return spec


def offer(folder: str | None) -> None:
    """Let user code find them in `folder`, the project's `site-packages`."""
    if folder:
        sys.meta_path.append(OwnPackages(folder))  # type: ignore[arg-type]


def hint(error: BaseException) -> str:
    """What to do about a module that is not there; empty for other errors."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    name = error.name.partition(".")[0]
    if name in NAMES:
        return f"{name} is left out of artifacts for its size; to run it here, install it in the project's .venv"
    return f"if {name} is a package, add it to requirements.txt or to the endpoint's dependencies=[…]"
