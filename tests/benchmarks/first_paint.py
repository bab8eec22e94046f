"""exec → the tree with the sample's endpoints on the screen, against a Textual hello-world in the same run."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.common import MS, ratio, row, sample_project
from tests.command import FlashTui
from tests.terminal import Terminal

RUNS = 7
HELLO = """
from textual.app import App, ComposeResult
from textual.widgets import Footer, Header, Label

class Hello(App):
    BINDINGS = [("q", "quit", "Quit")]
    def compose(self) -> ComposeResult:
        yield Header()
        yield Label("hello world")
        yield Footer()

Hello().run()
"""


def paint_ms(argv: Sequence[str], command: FlashTui, wanted: Sequence[str]) -> float:
    with Terminal(argv, environ=command.environ) as terminal:
        terminal.until(lambda text: all(word in text for word in wanted))
        return (time.perf_counter() - terminal.started_at) * MS


def main() -> None:
    with sample_project() as (command, project), tempfile.TemporaryDirectory() as folder:
        endpoints = [endpoint["name"] for endpoint in command.json("endpoint", "list", cwd=project)]
        hello_file = Path(folder) / "hello.py"
        hello_file.write_text(HELLO)
        ours: list[float] = []
        hello: list[float] = []
        for _ in range(RUNS):
            hello.append(paint_ms([sys.executable, str(hello_file)], command, ["hello world", "Quit"]))
            ours.append(paint_ms(command.argv(str(project), "--no-watch"), command, [*endpoints, "staging"]))
        peer = row("Textual hello-world: exec to painted", hello)
        ratio("first paint / hello-world", row("flash-tui: exec to endpoints painted", ours), peer)


if __name__ == "__main__":
    main()
