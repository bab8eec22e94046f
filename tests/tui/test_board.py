from __future__ import annotations

from dataclasses import replace

import pytest

from flash_tui.models.app import Environment, Progress
from flash_tui.models.deployment import Deployment
from flash_tui.models.states import Cause, EnvironmentState, Outcome, Stage
from flash_tui.tui.present.board import BoardView, Plan, Station, board_lines, distance
from tests.builders import NOW, a_deployment, a_reference, ago, an_environment


def a_station(name: str, build: int | None = 14, **fields) -> Station:
    environment = an_environment(name, build=build, updated_at=ago(hours=3)) if build else None
    return Station(name, name == "production", fields.pop("environment", environment), **fields)


def board(*stations: Station, width: int = 120, height: int = 5, **fields) -> list[str]:
    view = BoardView(stations, **fields)
    return [line.text for line in board_lines(view, width, height, NOW, 0)]


def three(**fields) -> tuple[Station, ...]:
    return (a_station("dev", 14), a_station("staging", 12), a_station("production", 11, **fields))


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (14, 12, "2 builds ahead"),
        (12, 11, "1 build ahead"),
        (11, 12, "1 build behind"),
        (12, 12, "same build"),
        (12, None, ""),
        (None, 12, ""),
    ],
)
def test_the_distance_between_two_stages(source: int | None, target: int | None, words: str) -> None:
    one, other = (a_reference(version) if version else None for version in (source, target))
    assert distance(one, other, is_wide=True) == words


def test_stations_stand_over_the_panes_below() -> None:
    lines = board(*three(), lit="dev")
    assert [lines[0].index(name) for name in ("dev", "staging", "production")] == [4, 44, 84]
    assert [lines[1].index(label) for label in ("v14", "v12", "v11")] == [4, 44, 84]


@pytest.mark.parametrize(("width", "height"), [(80, 3), (120, 5), (200, 6), (60, 3)])
def test_version_state_and_distance_are_never_dropped(width: int, height: int) -> None:
    text = "\n".join(board(*three(), width=width, height=height))
    for word in ("v14", "v12", "v11", "deployed", "2", "ahead", "╫"):
        assert word in text


def test_one_row_still_tells_versions_and_states() -> None:
    (line,) = board(*three(), height=1)
    assert line.count("✓ deployed") == 3
    assert "v14" in line


def test_nothing_has_run_there_is_a_dashed_rail() -> None:
    lines = board(a_station("dev"), a_station("staging", None))
    assert "╌" in lines[1]
    assert "nothing here yet" in lines[2]


def test_a_plan_stands_before_the_gate() -> None:
    lines = board(*three(), plan=Plan("staging", "production", a_reference(12)))
    rail = lines[1]
    assert rail.index("v12", 60) < rail.index("╫")
    assert rail.rindex("v11") > rail.index("╫")


def running(stage: Stage) -> tuple[Environment, Deployment]:
    environment = replace_progress(an_environment("production", build=11, state=EnvironmentState.DEPLOYING), stage)
    act = a_deployment(1, environment="production", cause=Cause.PROMOTE, to=12, was=11, outcome=None)
    return environment, act


def replace_progress(environment: Environment, stage: Stage) -> Environment:
    return environment.model_copy(update={"progress": Progress(stage=stage, done=1, total=3)})


def test_a_train_moves_with_the_stages_and_never_ahead_of_them() -> None:
    places = []
    for stage in (Stage.UPLOAD, Stage.BOOT, Stage.HEALTH, Stage.SWITCH):
        environment, act = running(stage)
        lines = board(*three(environment=environment, running=act))
        places.append(lines[1].index(" v12 ", 48))
    assert places == sorted(places)
    assert len(set(places)) == 4


def test_the_station_says_how_far_and_what_serves() -> None:
    environment, act = running(Stage.BOOT)
    lines = board(*three(environment=environment, running=act))
    assert "deploying  boot 1 of 3" in lines[2]
    assert "v11 serves" in lines[3]


def test_a_failed_train_stands_until_it_was_seen() -> None:
    act = a_deployment(7, environment="production", cause=Cause.PROMOTE, to=12, was=11, outcome=Outcome.FAILED)
    failed = an_environment("production", build=11, state=EnvironmentState.FAILED)
    stations = three(environment=failed, last=act)
    assert "━" in board(*stations)[1]
    assert "v11 still serves" in board(*stations)[3]
    assert "━" not in board(*stations, seen=frozenset({act.id}))[1]


def test_a_chip_is_filled_for_a_second_after_the_commit() -> None:
    act = a_deployment(8, environment="dev", started_at=NOW)
    station = replace(a_station("dev"), last=act)
    view = BoardView((station,), lit="dev")
    fresh = board_lines(view, 120, 5, act.ended_at or NOW, 0)[1]
    rest = board_lines(view, 120, 5, ago(seconds=-5), 0)[1]
    assert any("fill-ok" in ink for _, ink in fresh.spans)
    assert any("lit" in ink for _, ink in rest.spans)


def test_a_stale_state_is_marked() -> None:
    lines = board(*three(), is_stale=True)
    assert lines[2].count("deployed*") == 3


def test_many_stages_are_a_window_around_the_lit_one() -> None:
    stations = tuple(a_station(f"stage{number}") for number in range(9))
    lines = board(*stations, width=80, height=3, lit="stage8")
    assert "stage8" in lines[0]
    assert "5 more" in lines[0]
