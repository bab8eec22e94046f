"""Undo what was frozen at import: URLs, ids, keys, log levels, read from an environment that was not the job's.

Which variables were read is recorded, not listed: while the process warms up, each look into the environment is noted
together with the package that looked and what it saw. A job that shows a package of the SDK something else gets that
package imported anew; one that shows it to any other package cannot be a fork, and becomes a fresh interpreter.
"""

from __future__ import annotations

import importlib
import logging
import os
import ssl
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

from flash_tui.worker import layers

RUNPOD, FLASH = "runpod", "runpod_flash"

COPIED = frozenset({"RUNPOD_ENDPOINT_BASE_URL"})
"""Read by `runpod`, copied from there by `runpod_flash`."""

REPAIRED = frozenset({"RUNPOD_API_KEY", "HOME", "RUNPOD_ENDPOINT_ID", "RUNPOD_POD_ID"})
"""Read by `runpod_flash`, but no reason to import it anew: its one copy of the key is set again, and it is of these ids
only interested whether it runs in a worker, which the warm environment affirms (else it opens a log file)."""

COSMETIC = frozenset(
    {"CI", "COLUMNS", "FORCE_COLOR", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LINES", "NO_COLOR", "PATH"}
    | {"TERM", "TQDM_LOGGABLE_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "TYPER_USE_RICH"}
)
"""Read by other packages for the look of a command line, or to be handed to a subprocess and forgotten."""

TLS = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"})
"""Read when a TLS context is made. aiohttp makes two at import; they are made again."""

NATIVE = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "OPENSSL_MODULES"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES", "LOCPATH"),
    *("MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"),
)
"""Read below Python, unseen: by OpenSSL (aiohttp makes its contexts at import), the loader and the C library."""

IGNORED = ("PYTHON", "_PYTHON")
"""Beginnings of names that have no effect under `-I`."""

_reads: dict[str, dict[str, str | None]] = {}
"""Package → variable → what it saw (None: unset)."""
_cpu: dict[str, Any] = {}
_log_handlers: list[logging.Handler] = []


class _Recorder(type(os.environ)):
    """`os.environ` while it is watched. Who copies it whole, for a subprocess, is not interested in what it says."""

    copied: tuple[str, set[str]] = ("", set())
    """Who copies, and which names are to be read for that (a copy lists all names, then reads each)."""

    def __iter__(self) -> Any:
        names = list(super().__iter__())
        _Recorder.copied = (_asking(sys._getframe(1)), set(names))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        return iter(names)

    def __getitem__(self, key: Any) -> Any:
        name = os.fsdecode(key)
        package = _asking(sys._getframe(1))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - only a frame tells
        who, names = _Recorder.copied
        if package == who and name in names:
            names.discard(name)
        else:
            _reads.setdefault(package, {})[name] = self._data_of(name)
        return super().__getitem__(key)

    def _data_of(self, name: str) -> str | None:
        try:
            return super().__getitem__(name)
        except KeyError:
            return None


@contextmanager
def recording() -> Generator[None]:
    """Note who reads what from the environment meanwhile, and what the processor is called (asking takes a second)."""
    environ: Any = os.environ
    plain = type(environ)
    environ.__class__ = _Recorder
    _log_handlers[:] = logging.root.handlers
    _reads[""] = {name: os.environ.get(name) for name in NATIVE}
    try:
        with _asking_the_processor_once():
            yield
    finally:
        environ.__class__ = plain


def reasons_to_start_afresh() -> list[str]:
    """Variables by which packages other than the SDK's differ from those of an interpreter that starts now.

    No fork can stand in for that.
    """
    foreign: dict[str, str | None] = {}
    for package, seen in _reads.items():
        if package not in (RUNPOD, FLASH):
            foreign.update(seen)
    changed = {name for name, value in foreign.items() if os.environ.get(name) != value} - COSMETIC
    if changed & TLS and _remake_contexts():
        changed -= TLS
    return sorted(name for name in changed if not name.startswith(IGNORED))


def thaw() -> None:
    """Import anew what of the SDK read something else than `os.environ` says now."""
    changed = {
        package: {name for name, value in _reads.get(package, {}).items() if os.environ.get(name) != value}
        for package in (RUNPOD, FLASH)
    }
    with _asking_the_processor_once():
        if changed[FLASH] - REPAIRED or changed[RUNPOD] & COPIED:
            _import_anew(RUNPOD, FLASH)
        elif changed[RUNPOD]:
            _refresh_runpod()
    if "HOME" in changed[FLASH] or "RUNPOD_API_KEY" in changed[FLASH] or changed[RUNPOD]:
        _repair_key()


def _import_anew(*packages: str) -> None:
    names = [name for name in sys.modules if name.partition(".")[0] in packages]
    logging.root.handlers[:] = _log_handlers
    for package in packages:
        layers.forget(package)
    for name in names:
        importlib.import_module(name)


def _refresh_runpod() -> None:
    """All of `runpod` anew under the same module object, which `runpod_flash` holds; its other copies are exchanged."""
    names = [name for name in sys.modules if name.startswith(f"{RUNPOD}.")]
    for name in names:
        del sys.modules[name]
    package = sys.modules[RUNPOD]
    for name in [name for name in vars(package) if not name.startswith("__")]:
        delattr(package, name)
    importlib.reload(package)
    for name in names:
        importlib.import_module(name)
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == FLASH]:
        for name, value in list(vars(module).items()):
            setattr(module, name, _successor(value))


def _successor(value: Any) -> Any:
    """What has taken the place of a module, class or function of `runpod`; anything else is itself."""
    if isinstance(value, ModuleType):
        return sys.modules.get(value.__name__, value) if value.__name__.startswith(f"{RUNPOD}.") else value
    home = getattr(value, "__module__", None)
    if not isinstance(home, str) or home.partition(".")[0] != RUNPOD or not hasattr(value, "__qualname__"):
        return value
    return getattr(sys.modules.get(home), value.__qualname__, value)


def _remake_contexts() -> bool:
    """Replace the TLS contexts that were made at import; False if there are some that nobody here knows."""
    owners = {
        name
        for name, module in list(sys.modules.items())
        if any(isinstance(value, ssl.SSLContext) for value in list(vars(module).values()))
    }
    if not owners <= {"aiohttp.connector"}:
        return False
    connector: Any = sys.modules.get("aiohttp.connector")
    if owners:
        try:
            connector._SSL_CONTEXT_VERIFIED = connector._make_ssl_context(True)  # noqa: FBT003, SLF001
            connector._SSL_CONTEXT_UNVERIFIED = connector._make_ssl_context(False)  # noqa: FBT003, SLF001
        except AttributeError:
            return False
    return True


def _repair_key() -> None:
    credentials = sys.modules.get(f"{FLASH}.core.credentials")
    if credentials is not None and f"{FLASH}.core.resources.cloud" in sys.modules:
        sys.modules[RUNPOD].api_key = credentials.get_api_key()  # type: ignore[attr-defined]


@contextmanager
def _asking_the_processor_once() -> Generator[None]:
    """`runpod` asks for the processor's name at import; the first answer is given again."""
    try:
        import cpuinfo  # noqa: PLC0415 - a package of the SDK's, perhaps not there
    except ImportError:
        yield
        return
    ask = cpuinfo.get_cpu_info

    def answer() -> dict[str, Any]:
        if not _cpu:
            _cpu.update(ask())
        return dict(_cpu)

    cpuinfo.get_cpu_info = answer
    try:
        yield
    finally:
        cpuinfo.get_cpu_info = ask


def _asking(frame: FrameType | None) -> str:
    """The package that looks, standard library aside."""
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in sys.stdlib_module_names:
            return package
        frame = frame.f_back
    return ""
