"""The one adapter to the official builder, for the generations 1.19, 1.20 and 1.21, which differ in nothing used here.

Scanner, manifest builder and generators are the official ones; what is replaced is the loader they give a user module
to, so that its error keeps its traceback and `SystemExit` does not make endpoints vanish.
"""

from __future__ import annotations

import importlib.util
import types
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runpod_flash.cli.commands import build
from runpod_flash.cli.commands.build_utils import manifest as manifest_module
from runpod_flash.cli.commands.build_utils import scanner as scanner_module
from runpod_flash.cli.commands.build_utils.handler_generator import HandlerGenerator
from runpod_flash.cli.commands.build_utils.lb_handler_generator import LBHandlerGenerator
from runpod_flash.cli.commands.build_utils.resource_config_generator import generate_all_resource_configs
from runpod_flash.cli.utils.ignore import get_file_tree, load_ignore_patterns
from runpod_flash.core.exceptions import LocalModuleResolutionError

GENERATED_AT = "1980-01-01T00:00:00Z"
"""In place of the clock, so that equal sources give equal bytes."""

RunModule = Callable[[Path, types.ModuleType, Callable[[], None]], None]
"""Runs a user module: gets its file, the module and what executes it; raises what the scanner shall see."""

LocalImportError: type[Exception] = LocalModuleResolutionError


@dataclass(frozen=True)
class Scan:
    """What the official scanner found, and the scanner itself, which the manifest builder asks."""

    scanner: Any
    functions: list[Any]


def scan(folder: Path, run_module: RunModule) -> Scan:
    """Import every module of `folder` and collect the endpoints in them."""
    scanner_module.importlib = _loading_through(run_module)
    scanner = scanner_module.RuntimeScanner(folder)
    return Scan(scanner, scanner.discover_remote_functions())


def build_manifest(
    found: Scan, folder: Path, app_name: str, python_version: str | None, run_module: RunModule
) -> dict[str, Any]:
    """The official manifest, without its clock.

    Raises:
        ValueError: what the official builder refuses, in its words.
    """
    manifest_module.importlib = _loading_through(run_module)
    builder = manifest_module.ManifestBuilder(
        app_name, found.functions, found.scanner, build_dir=folder, python_version=python_version
    )
    manifest: dict[str, Any] = builder.build()
    manifest["source_fingerprint"] = build.compute_source_fingerprint(folder, project_files(folder))
    manifest["generated_at"] = GENERATED_AT
    return manifest


def generate(manifest: dict[str, Any], output: Path) -> None:
    """Write handlers, and the file that the official build puts into its copy of the SDK, into `output`."""
    LBHandlerGenerator(manifest, output).generate_handlers()
    HandlerGenerator(manifest, output).generate_handlers()
    generate_all_resource_configs(manifest, output)


def silence_notices() -> None:
    """The official command tells of the end of Flash once, by itself; modules that import it do not then."""
    with suppress(ImportError):  # 1.21 has it
        sunset: Any = importlib.import_module("runpod_flash.sunset")
        sunset._notice_shown = True  # noqa: SLF001 - as its `print_cli_notice`


def project_files(folder: Path) -> list[Path]:
    return get_file_tree(folder, load_ignore_patterns(folder))


def check_local_imports(project: Path) -> None:
    """Refuse shipped code that imports a local module which the ignore rules leave out.

    Raises:
        LocalImportError: the official text.
    """
    build.validate_local_module_imports(project_files(project), project)


def collect_requirements(folder: Path) -> tuple[list[str], list[str]]:
    """What to install, and what is left out for its size. Reads source, runs none."""
    wanted: list[str] = build.collect_requirements(folder, folder)
    too_large = [line for line in wanted if build.should_exclude_package(line, list(build.SIZE_PROHIBITIVE_PACKAGES))]
    return [line for line in wanted if line not in too_large], too_large


def _loading_through(run_module: RunModule) -> Any:
    """A stand-in for `importlib` as the official modules use it: loaders run their modules through `run_module`."""

    class Loader:
        def __init__(self, loader: Any, path: Path) -> None:
            self.loader = loader
            self.path = path

        def create_module(self, spec: Any) -> Any:
            return self.loader.create_module(spec)

        def exec_module(self, module: types.ModuleType) -> None:
            run_module(self.path, module, lambda: self.loader.exec_module(module))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.loader, name)

    def spec_from_file_location(name: str, location: Path, *args: Any, **kwargs: Any) -> Any:
        spec = importlib.util.spec_from_file_location(name, location, *args, **kwargs)
        if spec is not None and spec.loader is not None:
            spec.loader = Loader(spec.loader, Path(location))  # type: ignore[assignment]
        return spec

    util = types.SimpleNamespace(**vars(importlib.util))
    util.spec_from_file_location = spec_from_file_location
    return types.SimpleNamespace(util=util)
