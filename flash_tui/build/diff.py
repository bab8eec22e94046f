"""What changed between two builds, in the words of the screen: resources, routes, settings, packages, files.

Values of environment variables are never shown: they may be secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from flash_tui.models.release import Change

ARROW = "▸"
_MAX_CHARS = 80

_SETTINGS = {
    "workersMin": "min",
    "workersMax": "max",
    "idleTimeout": "idle timeout (s)",
    "scalerType": "scaler",
    "scalerValue": "scaler value",
    "gpuIds": "gpu",
    "instanceIds": "cpu",
    "imageName": "image",
    "templateId": "template",
    "max_concurrency": "concurrency",
    "locations": "locations",
    "minCudaVersion": "min CUDA",
    "target_python_version": "python",
    "resource_type": "type",
}
"""Manifest key → word. What is not listed does not change what an endpoint is to its user."""


def manifest_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Changes of resources, their routes, settings and environments; by name. `before` None: everything is added."""
    old, new = _resources(before or {}), _resources(after)
    changes: list[Change] = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            changes.append(Change(kind="resource", name=name, change="added"))
        elif name not in new:
            changes.append(Change(kind="resource", name=name, change="removed"))
        else:
            changes.extend(_resource_changes(name, old[name], new[name]))
    return tuple(changes)


def source_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """Changes of files; both map paths to sha256."""
    return tuple(_set_changes("source", before, after))


def dependency_changes(before: Iterable[str], after: Iterable[str]) -> tuple[Change, ...]:
    """Changes of packages; both hold pins `name==version`."""
    old, new = (dict(_pin(line) for line in lines) for lines in (before, after))
    changes: list[Change] = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            text = _moved(old[name], new[name]) if name in old and name in new else _came_or_went(name in new)
            changes.append(Change(kind="dependency", name=name, change=text))
    return tuple(changes)


def _resources(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: object = manifest.get("resources")
    resources = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    return {name: cast("dict[str, Any]", entry) for name, entry in resources.items() if isinstance(entry, dict)}


def _resource_changes(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key, word in _SETTINGS.items():
        if old.get(key) != new.get(key):
            yield Change(kind="setting", name=name, change=f"{word} {_moved(old.get(key), new.get(key))}")
    if _disk(old) != _disk(new):
        yield Change(kind="setting", name=name, change=f"disk (GB) {_moved(_disk(old), _disk(new))}")
    if _volumes(old) != _volumes(new):
        yield Change(kind="setting", name=name, change=f"volumes {_moved(_volumes(old), _volumes(new))}")
    for change in _set_changes("route", _routes(old), _routes(new)):
        yield change.model_copy(update={"name": f"{name} {change.name}"})
    if not _routes(old) and not _routes(new) and _functions(old) != _functions(new):
        yield Change(kind="setting", name=name, change=f"function {_moved(_functions(old), _functions(new))}")
    for change in _set_changes("environment", _table(old, "env"), _table(new, "env")):
        yield change.model_copy(update={"name": name, "change": f"{change.name} {change.change}"})


def _set_changes(kind: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            yield Change(kind=kind, name=name, change=_came_or_went(name in new))
        elif old[name] != new[name]:
            yield Change(kind=kind, name=name, change="changed")


def _table(resource: Mapping[str, Any], key: str) -> dict[str, object]:
    found: object = resource.get(key)
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _rows(resource: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found: object = resource.get(key)
    rows = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("dict[str, Any]", row) for row in rows if isinstance(row, dict)]


def _routes(resource: Mapping[str, Any]) -> dict[str, object]:
    """`POST /process` → the function behind it."""
    return {
        f"{row['http_method']} {row['http_path']}": row.get("name")
        for row in _rows(resource, "functions")
        if row.get("http_method") and row.get("http_path")
    }


def _functions(resource: Mapping[str, Any]) -> str:
    return ", ".join(str(row.get("name")) for row in _rows(resource, "functions"))


def _disk(resource: Mapping[str, Any]) -> object:
    return _table(resource, "template").get("containerDiskInGb")


def _volumes(resource: Mapping[str, Any]) -> str:
    names = [str(row.get("name") or row.get("id")) for row in _rows(resource, "networkVolumes")]
    single = _table(resource, "networkVolume").get("name") or resource.get("networkVolumeId")
    return ", ".join([*names, *([str(single)] if single else [])])


def _pin(line: str) -> tuple[str, str]:
    name, _, version = line.partition("==")
    return name.strip(), version.strip() or line.partition("@")[2].strip()


def _came_or_went(is_there: bool) -> str:
    return "added" if is_there else "removed"


def _moved(old: object, new: object) -> str:
    return f"{_shown(old)} {ARROW} {_shown(new)}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        value = ", ".join(map(str, cast("list[object]", value)))
    text = "none" if value is None or value == "" else str(value)
    return text if len(text) <= _MAX_CHARS else f"{text[: _MAX_CHARS - 1]}…"
