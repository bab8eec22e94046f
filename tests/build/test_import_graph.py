"""Which resources a change reaches: never too few."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.build.import_graph import ImportGraph, Subject, parse_module
from flash_tui.build.snapshot import Entry, Snapshot

Files = dict[str, str]


class Graph(ImportGraph):
    """Reads from dictionaries of files."""

    def __init__(self) -> None:
        super().__init__(lambda snapshot, path: self.contents[snapshot.entries[path].sha256])
        self.contents: dict[str, bytes] = {}

    def a_snapshot(self, files: Files) -> Snapshot:
        entries: dict[str, Entry] = {}
        for path, text in sorted(files.items()):
            digest = sha256(text.encode()).hexdigest()
            self.contents[digest] = text.encode()
            entries[path] = Entry(0, len(text), 0, digest, 0o644)
        return Snapshot(entries)

    def a_subject(self, files: Files, *, ground: str = "same", **resources: str) -> Subject:
        """`resources`: name → the file that defines it."""
        table = {name: {"file_path": path} for name, path in (resources or {"a": "a.py", "b": "b.py"}).items()}
        return Subject(self.a_snapshot(files), table, {}, ground)


def affected(before: Files, after: Files) -> set[str]:
    graph = Graph()
    return set(graph.affected(graph.a_subject(before), graph.a_subject(after)))


BOTH: Files = {"a.py": "import helper", "b.py": "", "helper.py": "VALUE = 1", "pkg/__init__.py": "", "pkg/c.py": ""}

REACHING = {
    "import": "import helper",
    "from": "from helper import VALUE",
    "as": "import helper as h",
    "inside a function": "def f():\n    import helper",
    "for types only": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import helper",
    "by name": "import importlib\nimportlib.import_module('helper')",
    "by the builtin": "__import__('helper')",
    "through a package": "import pkg.through",
    "from a package": "from pkg import through",
    "from a package relatively": "from pkg.relative import VALUE",
    "all of a package": "from pkg import *",
}
PACKAGE: Files = {
    "pkg/__init__.py": "",
    "pkg/through.py": "import helper",
    "pkg/relative.py": "from .through import helper",
}


@pytest.mark.parametrize("source", REACHING.values(), ids=REACHING)
def test_a_change_reaches_who_imports_it(source: str) -> None:
    before = {**PACKAGE, "a.py": source, "b.py": "VALUE = 2", "helper.py": "VALUE = 1"}
    assert affected(before, {**before, "helper.py": "VALUE = 2"}) == {"a"}


OPAQUE = {
    "computed": "import importlib\nimportlib.import_module(name)",
    "relative by name": "import importlib\nimportlib.import_module('.x', 'pkg')",
    "exec": "exec(code)",
    "walk": "import pkgutil\npkgutil.walk_packages([])",
    "path": "import sys\nsys.path.insert(0, 'lib')",
    "runpy": "import runpy\nrunpy.run_path('x.py')",
}


@pytest.mark.parametrize("source", OPAQUE.values(), ids=OPAQUE)
def test_who_may_import_anything_is_reached_by_everything(source: str) -> None:
    before = {"a.py": "import helper", "b.py": "", "helper.py": source, "far.py": "VALUE = 1"}
    assert affected(before, {**before, "far.py": "VALUE = 2"}) == {"a"}


def test_no_change_reaches_nobody() -> None:
    assert affected(BOTH, BOTH) == set()


def test_a_package_on_the_way_counts() -> None:
    before = {"a.py": "import pkg.mod", "b.py": "", "pkg/__init__.py": "", "pkg/mod.py": ""}
    assert affected(before, {**before, "pkg/__init__.py": "VALUE = 1"}) == {"a"}


def test_a_file_that_is_no_module_reaches_everybody() -> None:
    assert affected({**BOTH, "prompt.txt": "1"}, {**BOTH, "prompt.txt": "2"}) == {"a", "b"}


def test_requirements_have_their_say_in_the_layer() -> None:
    graph = Graph()
    before = graph.a_subject({**BOTH, "requirements.txt": "x"})
    after = graph.a_subject({**BOTH, "requirements.txt": "y"})
    assert graph.affected(before, after) == set()
    assert graph.affected(before, graph.a_subject(BOTH, ground="another layer")) == {"a", "b"}


def test_a_new_top_level_module_may_hide_a_package_from_everybody() -> None:
    assert affected(BOTH, {**BOTH, "json.py": ""}) == {"a", "b"}


def test_a_module_that_moved_into_the_way_is_seen() -> None:
    before = {"a.py": "from pkg import c", "b.py": "", "pkg/__init__.py": "c = 1"}
    assert affected(before, {**before, "pkg/c.py": ""}) == {"a"}


def test_a_removed_module_reaches_who_imported_it() -> None:
    before = {"a.py": "from pkg import c", "b.py": "", "pkg/__init__.py": "", "pkg/c.py": ""}
    assert affected(before, {path: text for path, text in before.items() if path != "pkg/c.py"}) == {"a"}


def test_another_configuration_is_a_change_by_itself() -> None:
    graph = Graph()
    before = graph.a_subject(BOTH)
    after = Subject(before.snapshot, {**before.resources, "b": {"file_path": "b.py", "workersMax": 3}}, {}, "same")
    assert graph.affected(before, after) == {"b"}


def test_a_new_resource_needs_new_workers() -> None:
    graph = Graph()
    assert graph.affected(graph.a_subject(BOTH, a="a.py"), graph.a_subject(BOTH)) == {"b"}


def test_what_discovery_saw_imported_counts() -> None:
    graph = Graph()
    before, after = (graph.a_snapshot({**BOTH, "pkg/c.py": text}) for text in ("", "VALUE = 1"))
    table = {"b": {"file_path": "b.py"}}
    subjects = (Subject(snapshot, table, {"b": ["pkg/c.py"]}, "same") for snapshot in (before, after))
    assert graph.affected(*subjects) == {"b"}


def test_imports_in_a_circle_end() -> None:
    before = {"a.py": "import one", "b.py": "", "one.py": "import two", "two.py": "import one\nVALUE = 1"}
    assert affected(before, {**before, "two.py": "import one"}) == {"a"}


def test_a_resource_whose_file_is_unknown_is_always_affected() -> None:
    graph = Graph()
    before, after = (graph.a_subject({**BOTH, "b.py": text}, odd="nowhere.py") for text in ("", "VALUE = 1"))
    assert graph.affected(before, after) == {"odd"}


@given(st.text(max_size=200))
def test_any_text_can_be_parsed(text: str) -> None:
    parse_module(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("source", "ignored", "complete"),
    [
        ("import helper, json, requests", set[str](), True),
        ("import hidden", {"hidden.py"}, False),
        ("import hidden.deep", {"hidden"}, False),
        ("from pkg import hidden", {"pkg/hidden.py"}, False),
        ("def f():\n    import hidden", {"hidden.py"}, False),
        ("import requests", {".venv", "tests/test_x.py"}, True),
        ("from .helper import VALUE", set[str](), True),
        ("from .missing import VALUE", set[str](), False),
        ("from . import helper", set[str](), True),
    ],
)
def test_imports_of_what_is_left_out_are_noticed(source: str, ignored: set[str], *, complete: bool) -> None:
    graph = Graph()
    seen = graph.a_snapshot({**BOTH, "a.py": source})
    snapshot = Snapshot(seen.entries, ignored=frozenset(ignored))
    assert [graph.is_complete(snapshot), graph.is_complete(snapshot)] == [complete, complete]
