"""The sample project."""

from __future__ import annotations

import ast
import json
import tomllib

import pytest

from flash_tui.cli.main import run
from flash_tui.cli.project import TEMPLATE, write_template


def test_init_writes_the_sample_and_says_what(tmp_path, capsys) -> None:
    assert run(["init", str(tmp_path / "my app")]) == 0
    said = capsys.readouterr().err
    for name in TEMPLATE:
        assert (tmp_path / "my app" / name).is_file()
        assert name in said
    project = tomllib.loads((tmp_path / "my app" / "pyproject.toml").read_text())
    assert project["project"]["name"] == "my-app"
    assert "build-system" not in project


def test_init_never_overwrites(tmp_path, capsys) -> None:
    (tmp_path / "cpu_worker.py").write_text("mine\n")
    assert run(["init", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kept"] == ["cpu_worker.py"]
    assert "lb_worker.py" in document["written"]
    assert (tmp_path / "cpu_worker.py").read_text() == "mine\n"


def test_init_where_nothing_can_be_written_is_a_usage_error(tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert run(["init", str(tmp_path / "file" / "app")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["cpu_worker.py", "lb_worker.py", "words.py"])
def test_no_endpoint_imports_another_at_module_level(name, tmp_path) -> None:
    write_template(tmp_path)
    tree = ast.parse((tmp_path / name).read_text())
    imported = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not imported & {"cpu_worker", "lb_worker"}


def test_the_samples_own_rules_ignore_nothing_a_user_might_call_a_package(tmp_path) -> None:
    write_template(tmp_path)
    ignored = {line.strip("/") for line in (tmp_path / ".gitignore").read_text().splitlines()}
    assert not ignored & {"lib", "env", "build", "var", "parts"}
