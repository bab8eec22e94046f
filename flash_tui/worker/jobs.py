"""One job: from its description to user code. The same for a fork and for an interpreter started for it alone."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flash_tui.worker import confinement, layers, oversized


@dataclass(frozen=True)
class Job:
    """What to do, as the host sent it. `kind`: queue, http, discover, requirements."""

    kind: str
    document: dict[str, Any]
    fds: Sequence[int]
    """stdout, stderr, then what the kind needs: a listening socket, or where results and stacks go."""

    @property
    def is_worker(self) -> bool:
        return self.kind in ("queue", "http")


def take_place(job: Job) -> Job:
    """Give the process the job's descriptors, signal table and limits; the job as it is numbered from now on."""
    confinement.reset_signals()
    extra = confinement.keep_descriptors(job.fds[0], job.fds[1], job.fds[2:])
    confinement.confine()
    return Job(job.kind, job.document, (1, 2, *extra))


def enter_environment(job: Job) -> None:
    """The job's environment; for a discovery with what the project's `.env` adds, as the official import would."""
    confinement.set_environment(job.document["env"])
    if job.document.get("env_file"):
        from dotenv import load_dotenv  # noqa: PLC0415 - the SDK's own reader, findable once the layers are there

        load_dotenv(job.document["env_file"])


def run(job: Job) -> None:
    """Do it. The process has its place and environment, and the SDK is imported."""
    _clear_main(job.document.get("handler", "discovery"))
    oversized.offer(job.document.get("own_packages"))
    extra = job.fds[2:]
    if job.is_worker:
        _enter_app(job.document["app_dir"])
    if job.kind == "queue":
        from flash_tui.worker import queue_worker  # noqa: PLC0415 - it imports the SDK

        queue_worker.serve(job.document["app_dir"], job.document["handler"])
    elif job.kind == "http":
        from flash_tui.worker import http_worker  # noqa: PLC0415 - the same

        http_worker.serve(job.document["app_dir"], job.document["handler"], extra[0])
    elif job.kind == "requirements":
        from flash_tui.worker import requirements  # noqa: PLC0415 - the same

        requirements.collect(job.document, extra[0])
    else:
        from flash_tui.worker import discovery  # noqa: PLC0415 - the same

        discovery.discover(job.document, extra[0], extra[1])


def _clear_main(handler: str) -> None:
    """`__main__` and the command line as user code sees them: nothing of ours."""
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = main
    sys.argv = [handler]
    sys.orig_argv = [sys.executable, handler]


def _enter_app(folder: str) -> None:
    """Stand in the build's folder with its files on top of the path."""
    confinement.bind_descendants()
    layers.put_on_top(folder)
    layers.overlay_build_module(folder)
    os.chdir(folder)
