"""The board: a line with stations. A build is a train on a rail that runs through the pipeline.

Per station, top down: name; chip with the version on the rail; state; endpoints, requests, errors; traffic. Fewer rows
drop the lower ones. Station names stand exactly over the text of the panes below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flash_tui.models.app import Environment
from flash_tui.models.build import BuildReference
from flash_tui.models.deployment import Deployment
from flash_tui.models.human import age, count, duration
from flash_tui.models.states import Cause, EnvironmentState, Outcome, Stage
from flash_tui.tui.present.line import Line, Row
from flash_tui.tui.present.signs import MOVING, environment_sign, spin, workers_up
from flash_tui.tui.present.traffic import a_minute, dots, summed

TEXT = 4
CHIP = 3
SIGN = 2
MIN_PITCH = 20
WIDE_PITCH = 34
"""From here on there is room for `builds` and `protected` as words."""
FILL_S = 1.0
"""How long a chip stays filled after a commit."""
GATE_FROM_ARROW = 3
ROW_METRICS, ROW_TRAFFIC = 3, 4

_FINISHED = {
    Stage.UPLOAD: 0.0,
    Stage.INSTALL: 0.15,
    Stage.BOOT: 0.30,
    Stage.HEALTH: 0.70,
    Stage.SWITCH: 0.90,
}
"""How much of the way is behind a train, by the stage under way."""


@dataclass(frozen=True, slots=True)
class Station:
    name: str
    is_protected: bool
    environment: Environment | None
    running: Deployment | None = None
    last: Deployment | None = None

    @property
    def build(self) -> BuildReference | None:
        return self.environment.build if self.environment else None


@dataclass(frozen=True, slots=True)
class Plan:
    """A promotion that is looked at and not begun."""

    source: str
    target: str
    build: BuildReference


@dataclass(frozen=True, slots=True)
class BoardView:
    stations: tuple[Station, ...]
    lit: str = ""
    """The environment that keys act on."""
    is_stale: bool = False
    is_known: bool = True
    plan: Plan | None = None
    seen: frozenset[str] = frozenset()
    """Failed deployments whose train was looked at."""


def board_lines(view: BoardView, width: int, height: int, now: datetime, frame: int) -> list[Line]:
    if height <= 1:
        return [_one_row(view, width, now, frame)]
    rows = [Row(width) for _ in range(height)]
    stations, more = _window(view, width)
    pitch = width // max(len(stations), 1)
    for index, station in enumerate(stations):
        painter = _Painter(view, station, stations[index - 1] if index else None, now, frame)
        painter.paint(rows, index * pitch, pitch)
    if more:
        rows[0].right(width - 2, (f"{more} more ▸", "faint"))
    return [row.line() for row in rows]


def station_at(view: BoardView, width: int, column: int) -> Station | None:
    """The station whose column of the board holds `column`."""
    stations, _ = _window(view, width)
    index = column // max(width // max(len(stations), 1), 1)
    return stations[index] if index < len(stations) else None


def _window(view: BoardView, width: int) -> tuple[tuple[Station, ...], int]:
    """The stations that fit, around the lit one, and how many do not."""
    room = max(width // MIN_PITCH, 1)
    if len(view.stations) <= room:
        return view.stations, 0
    lit = next((index for index, station in enumerate(view.stations) if station.name == view.lit), 0)
    start = min(max(lit - room // 2, 0), len(view.stations) - room)
    return view.stations[start : start + room], len(view.stations) - room


def _one_row(view: BoardView, width: int, now: datetime, frame: int) -> Line:
    row = Row(width)
    at = 2
    for index, station in enumerate(view.stations):
        painter = _Painter(view, station, None, now, frame)
        glyph, ink, word, _ = painter.state()
        if index:
            at = row.spans(at + 1, ("──▸", "rail")) + 2
        at = row.put(at, station.name, "gate b" if station.is_protected else "text b") + 1
        at = row.put(at, f" {painter.label()} ", f"text b@{painter.chip_ground()}") + 1
        at = row.spans(at, (f"{glyph} {word}", ink))
    return row.line()


def distance(source: BuildReference | None, target: BuildReference | None, *, is_wide: bool) -> str:
    """`2 builds ahead`, said by the earlier stage; nothing where one of the two is empty or unnumbered."""
    if source is None or target is None:
        return ""
    if source.id == target.id:
        return "same build"
    if source.version is None or target.version is None:
        return "other build"
    ahead = source.version - target.version
    builds = (" builds" if abs(ahead) != 1 else " build") if is_wide else ""
    return f"{abs(ahead)}{builds} {'ahead' if ahead > 0 else 'behind'}"


class _Painter:
    """One station and the rail that leads to it."""

    def __init__(self, view: BoardView, station: Station, before: Station | None, now: datetime, frame: int) -> None:
        self.view, self.station, self.before, self.now, self.frame = view, station, before, now, frame

    def paint(self, rows: list[Row], x: int, pitch: int) -> None:
        is_wide = pitch >= WIDE_PITCH
        name_ink = "gate b" if self.station.is_protected else "text b"
        at = rows[0].put(x + TEXT, self.station.name, name_ink)
        if self.station.is_protected and is_wide:
            rows[0].put(at + 2, "protected", "gate")
        rows[1].put(x + CHIP, f" {self.label()} ", f"text b@{self.chip_ground()}")
        if self.before is not None:
            before_end = x - pitch + CHIP + len(_label(self.before)) + 2
            self._rail(rows[1], before_end + 1, x + 1, is_wide=is_wide)
        glyph, ink, word, detail = self.state()
        rows[2].put(x + SIGN, glyph, ink)
        at = rows[2].put(x + TEXT, word, ink)
        if detail:
            rows[2].put(at + 2, detail, "faint")
        if len(rows) > ROW_METRICS:
            self._metrics(rows[ROW_METRICS], x + TEXT)
        if len(rows) > ROW_TRAFFIC and self.station.environment and self.station.environment.endpoints:
            samples = summed(self.station.environment.endpoints)
            for row, spans in zip(rows[ROW_TRAFFIC:], dots(samples, pitch - 8, len(rows) - ROW_TRAFFIC), strict=True):
                row.spans(x + TEXT, *spans)

    def label(self) -> str:
        return _label(self.station)

    def chip_ground(self) -> str:
        station = self.station
        if not self.view.is_stale:
            if station.running is not None and not self._is_train(station.running):
                return "fill-move"
            if self._just_committed():
                return "fill-ok"
        if station.name == self.view.lit:
            return "lit"
        return "chip" if station.build else "raise"

    def state(self) -> tuple[str, str, str, str]:
        """Glyph, ink, word and what follows it."""
        environment = self.station.environment
        if environment is None:
            return ("", "faint", "nothing here yet" if self.view.is_known else "…", "")
        sign = environment_sign(environment.state)
        if self.view.is_stale:
            glyph = "◌" if sign.glyph == MOVING else sign.glyph
            return (glyph, "faint i", f"{sign.word}*", age(environment.updated_at, self.now))
        detail = self._detail(environment)
        if environment.state is EnvironmentState.PENDING and environment.build is None and not detail:
            return (sign.glyph, sign.ink, sign.word, "")
        return (spin(sign.glyph, self.frame), sign.ink, sign.word, detail or age(environment.updated_at, self.now))

    def _detail(self, environment: Environment) -> str:
        running = self.station.running
        if environment.state in {EnvironmentState.DEPLOYING, EnvironmentState.UPDATING, EnvironmentState.DELETING}:
            words: list[str] = []
            if running is not None and running.cause is Cause.ROLLBACK and running.to_build:
                words.append(f"back to {running.to_build.label}")
            progress = environment.progress
            if progress is not None:
                of = f" {progress.done} of {progress.total}" if progress.total else ""
                words.append(f"{progress.stage}{of}")
            if running is not None:
                words.append(duration(max((self.now - running.started_at).total_seconds(), 0) * 1000))
            return "  ".join(words)
        last = self.station.last
        if environment.state is not EnvironmentState.FAILED or last is None or last.to_build is None:
            return ""
        is_told = last.cause is not Cause.SAVE and last.outcome is Outcome.FAILED
        return f"{last.to_build.label} did not boot" if is_told else ""

    def _metrics(self, row: Row, column: int) -> None:
        environment = self.station.environment
        if environment is None or not environment.endpoints:
            return
        endpoints = environment.endpoints
        up = sum(workers_up(endpoint) > 0 or str(endpoint.state) == "healthy" for endpoint in endpoints)
        total = sum(str(endpoint.state) != "cloud_only" for endpoint in endpoints)
        if environment.state is EnvironmentState.FAILED and environment.build is not None:
            at = row.put(column, f"{environment.build.label} still serves", "text")
            row.spans(at + 3, (f"{up}/{total}", "soft"), (" up", "faint"))
            return
        if environment.progress is not None and environment.build is not None:
            row.put(column, f"{environment.build.label} serves", "text")
            return
        errors = sum(endpoint.traffic.errors for endpoint in endpoints)
        error_inks = ("bad", "bad") if errors and not self.view.is_stale else ("soft", "faint")
        at = row.spans(column, (f"{up}/{total}", "soft"), (" up", "faint")) + 3
        at = row.spans(at, (count(a_minute(summed(endpoints))), "soft"), (" req/min", "faint")) + 3
        row.spans(at, (count(errors), error_inks[0]), (" error" if errors == 1 else " errors", error_inks[1]))

    def _is_train(self, act: Deployment) -> bool:
        return act.cause is Cause.PROMOTE and self.before is not None

    def _just_committed(self) -> bool:
        last = self.station.last
        if last is None or last.outcome is not Outcome.SUCCEEDED or last.ended_at is None:
            return False
        return 0 <= (self.now - last.ended_at).total_seconds() < FILL_S

    def _rail(self, row: Row, start: int, arrow: int, *, is_wide: bool) -> None:
        """The rail from the chip before to this one; `arrow` is the column of its arrow head."""
        station, before = self.station, self.before
        gate = arrow - GATE_FROM_ARROW if station.is_protected else None
        plan = self.view.plan
        if plan is not None and plan.target == station.name:
            self._planned(row, start, arrow, gate, plan)
            return
        running, last = station.running, station.last
        if running is not None and running.to_build is not None and self._is_train(running):
            self._train(row, start, arrow, running.to_build.label, "move")
            return
        is_failed = last is not None and last.outcome is Outcome.FAILED and last.id not in self.view.seen
        if is_failed and last is not None and last.to_build is not None and self._is_train(last):
            self._train(row, start, arrow, last.to_build.label, "bad")
            return
        words = distance(before.build if before else None, station.build, is_wide=is_wide)
        if not words:
            _track(row, start, arrow, "╌", "rail", gate)
            return
        is_fresh = self._just_committed() and last is not None and last.cause is Cause.PROMOTE
        glyph, ink = ("━", "ok") if is_fresh and not self.view.is_stale else ("─", "rail")
        end = gate if gate is not None else arrow
        label = max(start + (end - start - len(words)) // 2, start + 2)
        if label + len(words) > end - 1:
            _track(row, start, arrow, glyph, ink, gate)
            return
        row.put(start, glyph * (label - 1 - start), ink)
        row.put(label, words, "soft")
        _track(row, label + len(words) + 1, arrow, glyph, ink, gate)

    def _planned(self, row: Row, start: int, arrow: int, gate: int | None, plan: Plan) -> None:
        ink = "gate" if self.station.is_protected else "white"
        chip = f" {plan.build.label} "
        stands = max((gate if gate is not None else arrow) - len(chip) - 1, start)
        row.put(start, "╌" * (stands - start), ink)
        end = row.put(stands, chip, f"{ink} b@{'gate-tint' if self.station.is_protected else 'raise'}")
        _track(row, end, arrow, "╌" if gate is not None else "─", ink, gate)

    def _train(self, row: Row, start: int, arrow: int, label: str, ink: str) -> None:
        """Where the last finished stage left it; it never runs ahead of facts."""
        chip = f" {label} "
        progress = self.station.environment.progress if self.station.environment else None
        share = _FINISHED.get(progress.stage, 0.15) if progress else (0.30 if ink == "bad" else 0.0)
        stands = start + round((arrow - start - len(chip)) * share)
        row.put(start, "━" * (stands - start), ink)
        end = row.put(stands, chip, f"text b@fill-{ink}")
        gate = arrow - GATE_FROM_ARROW if self.station.is_protected else arrow
        row.put(end, "─" * max(gate - end, 0), "rail")
        if self.station.is_protected:
            row.put(max(gate + 1, end), "─" * max(arrow - max(gate + 1, end), 0), "rail")
        row.put(arrow, "▸", "soft")


def _track(row: Row, start: int, arrow: int, glyph: str, ink: str, gate: int | None) -> None:
    if gate is None or gate < start:
        row.put(start, glyph * max(arrow - start, 0), ink)
    else:
        row.put(start, glyph * (gate - start), ink)
        row.put(gate, "╫", "gate")
        row.put(gate + 1, glyph * (arrow - gate - 1), ink)
    row.put(arrow, "▸", "soft")


def _label(station: Station) -> str:
    return station.build.label if station.build else " ◌ "
