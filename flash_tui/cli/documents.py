"""The JSON documents of the command contract, made from the models: exactly these keys, whatever the models grow."""

from __future__ import annotations

from collections.abc import Iterable

from flash_tui.cli.output import error_document
from flash_tui.models.app import App, Environment, Pipeline, Volume
from flash_tui.models.build import Build, BuildReference
from flash_tui.models.deployment import Deployment
from flash_tui.models.document import Document
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.job import Job
from flash_tui.models.log import LogLine
from flash_tui.models.release import ReleaseResult

JsonObject = dict[str, object]


def _fields(document: Document, *names: str) -> JsonObject:
    raw = document.model_dump(mode="json", include=set(names))
    return {name: raw[name] for name in names}


def _error(error: ErrorDocument | None) -> JsonObject | None:
    return None if error is None else error_document(error)


def _reference(reference: BuildReference | None) -> JsonObject | None:
    return None if reference is None else _fields(reference, "id", "version", "digest")


def app(document: App) -> JsonObject:
    return _fields(document, "id", "name", "environments", "builds")


def build(document: Build) -> JsonObject:
    names = ("id", "version", "digest", "source_digest", "size_bytes", "created_at", "runs_in", "gone")
    return _fields(document, *names)


def endpoint(document: Endpoint) -> JsonObject:
    workers = [_fields(worker, "id", "state", "build") for worker in document.workers]
    head = _fields(document, "name", "id", "kind", "url", "state")
    return head | {"workers": workers, "jobs": document.jobs.model_dump(mode="json")}


def volume(document: Volume) -> JsonObject:
    return _fields(document, "id", "name", "size_gb", "data_center")


def environment(document: Environment) -> JsonObject:
    return {
        **_fields(document, "name", "id", "state"),
        "error": _error(document.error),
        "build": _reference(document.build),
        "endpoints": [endpoint(item) for item in document.endpoints],
        "volumes": [volume(item) for item in document.volumes],
        **_fields(document, "updated_at"),
    }


def in_pipeline_order(environments: Iterable[Environment], pipeline: Pipeline) -> list[Environment]:
    by_name = {item.name: item for item in environments}
    return [by_name[name] for name in pipeline.order(tuple(by_name))]


def deployment(document: Deployment) -> JsonObject:
    return {
        **_fields(document, "id", "environment", "cause"),
        "from_build": _reference(document.from_build),
        "to_build": _reference(document.to_build),
        **_fields(document, "started_at", "ended_at", "outcome"),
        "error": _error(document.error),
    }


def release(document: ReleaseResult) -> JsonObject:
    """That of `deploy`, `promote` and `rollback`; `error` only where there is one."""
    raw: JsonObject = document.model_dump(mode="json", exclude={"error"})
    if document.error is not None:
        raw["error"] = _error(document.error)
    return raw


def log_line(document: LogLine) -> JsonObject:
    return _fields(document, "at", "endpoint", "worker", "build", "stream", "text")


def job(document: Job) -> JsonObject:
    return document.model_dump(mode="json")
