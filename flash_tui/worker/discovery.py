"""Run the official discovery on a copy of the user's files; report manifest and generated files, or what failed."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from flash_tui.worker import failures, protocol
from flash_tui.worker.reach import Reach
from flash_tui.worker.sdk import official_build

STACK_BEFORE_S = 0.5
"""So long before the time limit the stacks are written down, for the case that it is met."""


class Discovery:
    """One run. Everything it learns goes out as messages: `importing` before each module, `done` or `error` at last."""

    def __init__(self, document: dict[str, Any], result_fd: int) -> None:
        self.folder = Path(document["folder"])
        self.project = Path(document["project"])
        self.document = document
        self.result_fd = result_fd
        self.reach = Reach(self.folder)
        self.failed: list[failures.Failure] = []

    def run(self) -> dict[str, Any]:
        """`{"done": …}`, or `{"error": …}` for what the user has to mend."""
        found: official_build.Scan | None = None
        try:
            official_build.check_local_imports(self.project)
            found = official_build.scan(self.folder, self.run_module)
            if self.failed:
                return {"error": failures.document(self.failed)}
            manifest = official_build.build_manifest(
                found, self.folder, self.document["app_name"], self.document["python_version"], self.run_again
            )
            if self.failed:
                return {"error": failures.document(self.failed)}
            return {
                "done": {
                    "manifest": manifest,
                    "generated": self._generate(manifest),
                    "reached": self._reached(manifest),
                }
            }
        except official_build.LocalImportError as error:
            return {"error": failures.of_local_import(self._plain(error), self.project)}
        except ValueError as error:
            return {"error": failures.of_refusal(self._plain(error), self.folder, found.functions if found else [])}

    def run_module(self, path: Path, module: ModuleType, execute: Callable[[], None]) -> None:
        """Stand between the official scanner and a user module, whose every failure fails the build."""
        self._say(importing=path.relative_to(self.folder).as_posix())
        try:
            with self.reach.importing(path, module):
                execute()
        except BaseException as error:
            self.failed.append(failures.Failure.of(error, self.folder, path))
            raise ImportError(str(error)) from error

    def run_again(self, path: Path, _: ModuleType, execute: Callable[[], None]) -> None:
        """The manifest builder imports each endpoint's module once more, and goes on without its settings if that
        raises, which is said here; what would end the process fails the build.
        """
        place = path.relative_to(self.folder).as_posix()
        self._say(importing=place)
        try:
            execute()
        except Exception as error:
            sys.stderr.write(
                f"{place} fails when it is imported a second time, which the official builder does to read the settings"
                f" of its endpoints; they are lost: {type(error).__name__}: {error}\n"
            )
            raise
        except BaseException as error:
            self.failed.append(failures.Failure.of(error, self.folder, path))
            raise ImportError(str(error)) from error

    def _generate(self, manifest: dict[str, Any]) -> dict[str, str]:
        with tempfile.TemporaryDirectory(dir=self.document["scratch"]) as output:
            official_build.generate(manifest, Path(output))
            files = sorted(path for path in Path(output).rglob("*") if path.is_file())
            return {path.relative_to(output).as_posix(): path.read_text(encoding="utf-8") for path in files}

    def _reached(self, manifest: dict[str, Any]) -> dict[str, list[str]]:
        resources: dict[str, dict[str, Any]] = manifest["resources"]
        return {name: self.reach.from_file(self.folder / one["file_path"]) for name, one in resources.items()}

    def _plain(self, error: Exception) -> str:
        """The official text, with paths as the user knows them."""
        return str(error).replace(f"{self.folder}{os.sep}", "").replace(f"{self.project.resolve()}{os.sep}", "")

    def _say(self, **message: object) -> None:
        protocol.write(self.result_fd, message)


def discover(document: dict[str, Any], result_fd: int, stack_fd: int) -> None:
    """Discover in this process, which ends here: it has run every module of the project."""
    os.chdir(document["folder"])
    official_build.silence_notices()
    limit_s = document["timeout_s"]
    faulthandler.dump_traceback_later(max(limit_s / 2, limit_s - STACK_BEFORE_S), file=stack_fd)
    try:
        answer = Discovery(document, result_fd).run()
    except Exception as error:
        what = f"the official builder fails: {type(error).__name__}: {error}"
        answer = {
            "error": {"what": what, "traceback": traceback.format_exc(), "hint": "try the official `flash build`"}
        }
    sys.stdout.flush()
    sys.stderr.flush()
    protocol.write(result_fd, answer)
    os._exit(0)  # user code may have started threads that never end
