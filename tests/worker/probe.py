"""Copied into a build: everything about a process that user code can see and that a fork could get wrong."""

from __future__ import annotations

import json
import locale
import logging
import os
import re
import resource
import signal
import stat
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

SDK = ("runpod", "runpod_flash")
CLOCKS = ("REF_COUNT_ZERO",)


def report() -> str:
    """One line of JSON."""
    text = json.dumps({**_process(), **_interpreter(), "frozen": _frozen()}, sort_keys=True, default=repr)
    return "PROBE " + re.sub("0x[0-9a-f]+", "0x", text)


def _process() -> dict[str, object]:
    umask = os.umask(0)
    os.umask(umask)
    return {
        "env": dict(os.environ),
        "cwd": str(Path.cwd()),
        "umask": umask,
        "descriptors": {fd.name: _kind(fd) for fd in list(Path("/proc/self/fd").iterdir()) if _kind(fd)},
        "signals": {int(n): str(signal.getsignal(n)) for n in signal.valid_signals()},
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "wakeup": signal.set_wakeup_fd(-1),
        "leads_session": os.getsid(0) == os.getpid() == os.getpgrp(),
        "limits": [resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")],
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "main_thread_is_itself": threading.main_thread().native_id == os.getpid(),
        "locale": locale.setlocale(locale.LC_CTYPE),
        "zone": time.tzname,
    }


def _interpreter() -> dict[str, object]:
    root = logging.getLogger()
    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "path": sys.path,
        "finders": [type(f).__name__ if not isinstance(f, type) else f.__name__ for f in sys.meta_path],
        "modules": sorted(sys.modules),
        "flags": str(sys.flags),
        "writes_byte_code": not sys.dont_write_bytecode,
        "main": sorted(vars(sys.modules["__main__"])),
        "warnings": [repr(f) for f in warnings.filters],
        "handlers": [(type(h).__name__, h.level, len(h.filters), h.stream is sys.stdout) for h in root.handlers],
        "levels": {n: lg.level for n, lg in logging.root.manager.loggerDict.items() if isinstance(lg, logging.Logger)},
        "root_level": root.level,
        "temporary": tempfile.gettempdir(),
        "streams": [(s.encoding, s.line_buffering, s.isatty()) for s in (sys.stdin, sys.stdout, sys.stderr)],
        "builtins": [name in dir(__builtins__) or name in __builtins__ for name in ("exit", "quit", "help")],
        "excepthook": sys.excepthook is sys.__excepthook__,
    }


def _frozen() -> dict[str, object]:
    """All constants of the SDK's modules, and what its ready-made objects hold."""
    found: dict[str, object] = {}
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] in SDK:
            for key, value in vars(module).items():
                if isinstance(value, str | int | float | None) and not key.startswith("__") and key not in CLOCKS:
                    found[f"{name}.{key}"] = value
    heartbeat = sys.modules["runpod.serverless.worker"].heartbeat
    return {
        **found,
        "ping": [heartbeat.PING_URL, heartbeat.PING_INTERVAL, heartbeat._session.headers["Authorization"]],
        "log level": sys.modules["runpod.serverless.modules.rp_logger"].RunPodLogger().level,
        "stale": _stale(),
    }


def _stale() -> list[str]:
    """What the SDK's modules hold of modules that were replaced."""
    stale: list[str] = []
    for name, module in sys.modules.items():
        if name.partition(".")[0] in SDK:
            for key, value in vars(module).items():
                home = sys.modules.get(getattr(value, "__module__", None) or "")
                of_the_sdk = isinstance(value, type) and home is not None and home.__name__.partition(".")[0] in SDK
                if of_the_sdk and getattr(home, value.__name__, value) is not value:
                    stale.append(f"{name}.{key}")
    return stale


def _kind(fd: Path) -> str:
    try:
        mode = os.fstat(int(fd.name)).st_mode
    except OSError:
        return ""  # the one that listed them
    kinds = {stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket", stat.S_ISCHR: "device", stat.S_ISREG: "file"}
    kind = next((word for test, word in kinds.items() if test(mode)), str(fd.readlink()))
    return f"{kind}{' inheritable' if os.get_inheritable(int(fd.name)) else ''}"
