"""One job: from its description to user code. The same for a fork and for an interpreter started for it alone."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flash_tui.worker import confinement, frozen, layers


@dataclass(frozen=True)
class Job:
    """What to do, as the host sent it. `kind`: queue, http, discover, requirements."""

    kind: str
    document: dict[str, Any]
    fds: Sequence[int]
    """stdout, stderr, then what the kind needs: a listening socket, or where results go."""


def run(job: Job, at_start: frozenset[str], *, warm: bool) -> None:
    """Become the job's process and do it. `warm`: the SDK was imported before the job was known."""
    extra = confinement.keep_descriptors(job.fds[0], job.fds[1], job.fds[2:])
    confinement.confine()
    clear_main(job.document.get("handler", ""))
    if job.kind in ("queue", "http"):
        _run_worker(job, extra, at_start, warm=warm)
    else:
        _run_project(job, extra, at_start, warm=warm)


def clear_main(handler: str) -> None:
    """`__main__` and the command line as user code sees them: nothing of ours."""
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = main
    sys.argv = [handler]
    sys.orig_argv = [sys.executable, handler]


def _run_worker(job: Job, extra: Sequence[int], at_start: frozenset[str], *, warm: bool) -> None:
    document = job.document
    folder: str = document["app_dir"]
    confinement.bind_descendants()
    if warm:
        confinement.set_environment(document["env"])
        frozen.thaw()
    layers.forget_shadowed(folder, at_start)
    layers.put_on_top(folder)
    layers.overlay_build_module(folder)
    os.chdir(folder)
    if job.kind == "queue":
        from flash_tui.worker import queue_worker  # noqa: PLC0415 - it imports the SDK

        queue_worker.serve(folder, document["handler"])
    else:
        from flash_tui.worker import http_worker  # noqa: PLC0415 - the same

        http_worker.serve(folder, document["handler"], extra[0])


def _run_project(job: Job, extra: Sequence[int], at_start: frozenset[str], *, warm: bool) -> None:
    from flash_tui.worker import discovery, requirements  # noqa: PLC0415 - they import the SDK

    if warm:
        confinement.set_environment(job.document["env"])
    if job.kind == "requirements":
        requirements.collect(job.document, extra[0])
    else:
        discovery.discover(job.document, extra[0], extra[1], at_start)
