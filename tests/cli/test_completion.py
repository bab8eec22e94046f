"""Completion scripts, tried in the shell where there is one."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from flash_tui.cli.completion import collect
from flash_tui.cli.main import run
from flash_tui.cli.parser import build_parser


def complete(capsys, line: str) -> list[str]:
    """What bash offers at the end of `line`."""
    run(["completion", "bash"])
    script = capsys.readouterr().out
    words = line.split(" ")
    listed = " ".join(f"'{word}'" for word in words)
    ask = f"{script}\nCOMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _flash_tui; echo ${{COMPREPLY[@]}}"
    return subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [("flash-tui prom", ["promote"]), ("flash-tui app de", ["delete"]), ("flash-tui deploy --re", ["--resume"])],
)
def test_bash_offers_commands_and_options(line: str, offered: list[str], capsys) -> None:
    assert complete(capsys, line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_is_good_syntax_where_its_shell_is_installed(shell: str, capsys) -> None:
    run(["completion", shell])
    script = capsys.readouterr().out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
    assert "rollback" in script


def test_every_command_is_collected() -> None:
    words = collect(build_parser()[0])
    assert {"list", "get", "create", "delete"} <= set(words["env",])
    assert "--all-the-way" in words["promote",]
