"""The complete environment of a worker: what the official deploy injects and what a Runpod host adds, nothing else.

Source: runpod_flash 1.21 `runtime/resource_provisioner.py`, `core/resources/serverless.py`; runpod 1.12 `serverless/`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from flash_tui.models.identifiers import EndpointId, EnvironmentId, WorkerId
from flash_tui.models.manifest import Manifest, Resource
from flash_tui.models.states import EndpointKind

HOME_MARKER = "FLASH_TUI_PLATFORM_HOME"
"""Names the platform a process belongs to, so that a starting one finds what its predecessor left behind."""

PASSED_ON = ("FLASH_TUI_WORKER_LOOP",)
"""Switches of ours that may be set for the whole platform."""

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GPU = "gpu=cpu"
"""The hook URLs must hold a `?` already, since the SDK appends to it; the cloud's say which GPU the worker has."""


def deployed_env(
    resource_name: str,
    resource: Resource,
    manifest: Manifest,
    *,
    app: str,
    environment: str,
    environment_id: EnvironmentId,
    token: str,
) -> dict[str, str]:
    """What `flash deploy` puts into an endpoint's template: the resource's `env=` and the Flash variables."""
    env = dict(resource.env)
    env.setdefault("RUNPOD_API_KEY", token)
    env |= {"FLASH_RESOURCE_NAME": resource_name, "FLASH_APP": app, "FLASH_ENV": environment}
    if resource.is_load_balanced:
        env["FLASH_ENDPOINT_TYPE"] = "lb"
    if resource.makes_remote_calls:
        env["FLASH_ENVIRONMENT_ID"] = environment_id
    if manifest.source_fingerprint:
        env["_FLASH_SOURCE_FINGERPRINT"] = manifest.source_fingerprint
    return env


def platform_urls(origin: str) -> dict[str, str]:
    """The five variables that point the official packages at this platform."""
    return {
        "RUNPOD_API_BASE_URL": origin,
        "RUNPOD_ENDPOINT_BASE_URL": f"{origin}/v2",
        "RUNPOD_REST_API_URL": f"{origin}/v1",
        "RUNPOD_HAPI_URL": origin,
        "RUNPOD_CONSOLE_URL": origin,
    }


def worker_env(
    own: Mapping[str, str],
    *,
    endpoint_id: EndpointId,
    worker_id: WorkerId,
    kind: EndpointKind,
    origin: str,
    token: str,
    home: Path,
    platform_home: Path,
) -> dict[str, str]:
    """`own` (`deployed_env`) completed. Log level, locale and threads may be chosen by `env=`; the rest may not."""
    choices = {
        "LANG": "C.UTF-8",
        "PATH": os.defpath if not Path("/usr/bin").is_dir() else _SYSTEM_PATH,
        "RUNPOD_LOG_LEVEL": "INFO",
    }
    fixed = {
        "HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        HOME_MARKER: str(platform_home),
        "RUNPOD_ENDPOINT_ID": endpoint_id,
        "RUNPOD_POD_ID": worker_id,
        "RUNPOD_AI_API_KEY": token,
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        "RUNPOD_SKIP_GPU_CHECK": "true",
    }
    hooks = _queue_hooks(f"{origin}/v2/{endpoint_id}") if kind is EndpointKind.QUEUE else {}
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**choices, **passed_on, **own, **fixed, **platform_urls(origin), **hooks}


def _queue_hooks(base: str) -> dict[str, str]:
    """`$ID` in the first is the worker, in the second and third the job. Source: runpod 1.12 `rp_job`, `rp_http`."""
    return {
        "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?{_GPU}",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?{_GPU}",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?{_GPU}",
        "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID?{_GPU}",
        "RUNPOD_PING_INTERVAL": "10000",
    }
