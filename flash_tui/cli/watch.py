"""`watch`: the dev loop without the UI. With `--json` it is the service that the UI starts."""

from __future__ import annotations

import sys

from flash_tui.cli.options import Invocation
from flash_tui.cli.output import Output, error_lines
from flash_tui.models.errors import UsageError
from flash_tui.models.human import duration
from flash_tui.models.watch_events import WatchEvent
from flash_tui.settings import LOCAL_TARGET
from flash_tui.watch.journal import event_line
from flash_tui.watch.service import run_watch

SHOWN_PATHS = 3


async def watch(invocation: Invocation) -> int:
    """Raises UsageError where a watch of a target that costs money was not asked for by name."""
    arguments, settings, output = invocation.arguments, invocation.settings, invocation.output
    named = hasattr(arguments, "target") and arguments.environment is not None
    if settings.target != LOCAL_TARGET and not named and not arguments.once:
        raise UsageError(
            f"a watch of {settings.target} deploys there on every save, so it has to be asked for by name",
            hint=f"flash-tui watch --target {settings.target} --env {settings.pipeline.first}",
        )
    environment = arguments.environment or settings.pipeline.first

    def print_json(event: WatchEvent) -> None:
        output.line(event_line(event))

    emit = print_json if output.as_json else Teller(output, environment)
    control = sys.stdin.fileno() if arguments.child else None
    return await run_watch(settings, environment, emit, once=arguments.once, control=control)


class Teller:
    """Events as lines for people: what is live, how long it took, or what is wrong and what still serves."""

    def __init__(self, output: Output, environment: str) -> None:
        self._output = output
        self._environment = environment
        self._noted: tuple[str, ...] = ()

    def __call__(self, event: WatchEvent) -> None:
        tell = getattr(self, f"_{event.event}", self._other)
        tell(event)

    def _ready(self, event: WatchEvent) -> None:
        serves = f"v{event.version} is live" if event.version is not None else "nothing is live yet"
        self._output.say(f"watching {event.project}: {event.files} files; {self._environment}: {serves}")

    def _change(self, event: WatchEvent) -> None:
        self._output.transient(f"{self._environment}  {shown_paths(event.paths)} saved …")

    def _build(self, event: WatchEvent) -> None:
        """Named in the line that says what is live; what is to be noted is said when it is new."""
        before, self._noted = self._noted, event.notes or ()
        for note in self._noted:
            if note not in before:
                self._output.say(f"{self._environment}  note: {note}")

    def _deploy(self, event: WatchEvent) -> None:
        if event.version is not None:
            self._output.transient(f"{self._environment}  v{event.version} booting …")

    def _live(self, event: WatchEvent) -> None:
        label = self._output.coloured_data(f"v{event.version} live", "green")
        stages = ", ".join(f"{name} {ms:.0f}" for name, ms in (event.stages_ms or {}).items())
        took = duration(event.elapsed_ms or 0.0)
        saved = f"{shown_paths(event.paths)} saved, " if event.paths else ""
        self._output.line(f"{self._environment}  {label}, {saved}{took} ({stages})")

    def _failed(self, event: WatchEvent) -> None:
        still = f"; v{event.version} still live" if event.version is not None else ""
        label = self._output.coloured_data("failed", "red")
        self._output.line(f"{self._environment}  {label} at {event.stage}{still}")
        if event.error is not None:
            for line in error_lines(event.error, self._output):
                self._output.say(line)

    def _superseded(self, event: WatchEvent) -> None:
        self._output.transient(f"{self._environment}  superseded {event.reason or ''}".rstrip())

    def _other(self, event: WatchEvent) -> None:
        reason = f": {event.reason}" if event.reason else ""
        self._output.say(f"{self._environment}  {event.event}{reason}")


def shown_paths(paths: tuple[str, ...] | None) -> str:
    """`a.py, b.py, c.py and 4 more`."""
    if not paths:
        return "nothing"
    more = len(paths) - SHOWN_PATHS
    return ", ".join(paths[:SHOWN_PATHS]) + (f" and {more} more" if more > 0 else "")
