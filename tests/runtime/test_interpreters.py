from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flash_tui.models.build import RuntimePlatform
from flash_tui.runtime import interpreters
from flash_tui.runtime.interpreters import (
    describe_platform,
    find_interpreter,
    own_interpreter,
    query_interpreter,
    uv_binary,
)

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"


def a_program(place: Path, script: str) -> Path:
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(place.stat().st_mode | stat.S_IXUSR)
    return place


def test_our_own_is_outside_any_virtual_environment() -> None:
    own = own_interpreter()
    prefixes = subprocess.run(
        [own.path, "-I", "-S", "-c", "import sys; print(sys.prefix == sys.base_prefix)"],
        capture_output=True,
        check=True,
    )
    assert prefixes.stdout == b"True\n"
    assert own.platform.python == OWN


def test_the_version_we_run_on_is_our_own() -> None:
    assert find_interpreter(OWN) is own_interpreter()


@pytest.mark.parametrize("python", ["2.7", "3", "3.99", "3.11.7", "cpython", "--help", ""])
def test_what_is_no_installed_minor_version_is_not_there(python: str) -> None:
    assert find_interpreter(python) is None


def test_a_shim_whose_version_is_not_switched_on_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(tmp_path / "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "none"))
    wanted = "3.12" if OWN != "3.12" else "3.13"
    assert find_interpreter(wanted) is None


def test_an_interpreter_that_answers_otherwise_than_asked_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "_run", lambda *_: str(own_interpreter().path))
    wanted = "3.12" if OWN != "3.12" else "3.13"
    assert find_interpreter(wanted) is None


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "echo '[1]'", "kill -9 $$"])
def test_a_program_that_is_no_python_is_not_there(tmp_path: Path, script: str) -> None:
    assert query_interpreter(a_program(tmp_path / "python", script)) is None


def test_a_missing_program_is_not_there(tmp_path: Path) -> None:
    assert query_interpreter(tmp_path / "python") is None


@pytest.mark.parametrize(
    ("system", "machine", "words"),
    [
        ("linux", "x86_64", "linux-x86_64-py3.12"),
        ("linux", "aarch64", "linux-aarch64-py3.12"),
        ("darwin", "arm64", "macos-aarch64-py3.12"),
        ("linux", "AMD64", "linux-x86_64-py3.12"),
        ("plan9", "mips", "plan9-mips-py3.12"),
    ],
)
def test_platforms_have_one_spelling(system: str, machine: str, words: str) -> None:
    assert str(describe_platform((3, 12), system, machine)) == words


def test_a_stand_in_keeps_the_program_and_takes_the_platform() -> None:
    cloud = RuntimePlatform(python="3.12", os="linux", architecture="x86_64")
    stand_in = own_interpreter().for_platform(cloud)
    assert (stand_in.path, stand_in.tag, stand_in.is_stand_in) == (own_interpreter().path, "cp312", True)


def test_uv_is_there() -> None:
    assert Path(uv_binary()).is_file()
