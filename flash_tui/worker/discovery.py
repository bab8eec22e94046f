"""Run the official discovery on a copy of the user's files; report manifest and generated files, or what failed."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from flash_tui.worker import failures, layers, protocol
from flash_tui.worker.sdk import official_build


class Discovery:
    """One run. Everything it learns goes out as messages: `importing` before each module, `done` or `error` at last."""

    def __init__(self, document: dict[str, Any], result_fd: int) -> None:
        self.folder = Path(document["folder"])
        self.document = document
        self.result_fd = result_fd
        self.failed: list[failures.Failure] = []

    def run_module(self, path: Path, execute: Any) -> None:
        """Stand between the official importer and a user module."""
        self._say(importing=path.relative_to(self.folder).as_posix())
        try:
            execute()
        except BaseException as error:
            self.failed.append(failures.Failure.of(error, self.folder, path))
            raise ImportError(str(error)) from error

    def run(self) -> dict[str, Any]:
        official_build.check_local_imports(Path(self.document["project"]))
        found = official_build.scan(self.folder, self.run_module)
        if self.failed:
            return {"error": failures.document(self.failed)}
        manifest = official_build.build_manifest(
            found, self.folder, self.document["app_name"], self.document["python_version"], self.run_module
        )
        with tempfile.TemporaryDirectory(dir=self.document["scratch"]) as output:
            official_build.generate(manifest, Path(output))
            generated = _texts(Path(output))
        return {"done": {"manifest": manifest, "generated": generated, "reached": {}}}

    def _say(self, **message: object) -> None:
        protocol.write(self.result_fd, message)


def discover(document: dict[str, Any], result_fd: int, stack_fd: int, at_start: frozenset[str]) -> None:  # noqa: ARG001
    """Discover in this process, which must end afterwards: it has run every module of the project."""
    folder = document["folder"]
    os.chdir(folder)
    layers.forget_shadowed(folder, at_start)
    run = Discovery(document, result_fd)
    try:
        answer = run.run()
    except (ValueError, official_build.LocalImportError) as error:
        answer = {"error": {"what": str(error).replace(folder + os.sep, "")}}
    sys.stdout.flush()
    sys.stderr.flush()
    protocol.write(result_fd, answer)
    os._exit(0)


def _texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
