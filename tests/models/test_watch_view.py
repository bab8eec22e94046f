from __future__ import annotations

import pytest

from flash_tui.models.watch_view import MAX_SAVES, WatchPhase
from tests.builders import NOW, a_watch, a_watch_event, an_error

READY = a_watch_event("ready", environment="dev", files=38, version=13)


@pytest.mark.parametrize(
    ("event", "phase"),
    [
        (a_watch_event("change", paths=["api.py"]), WatchPhase.BUILDING),
        (a_watch_event("deploy", version=14), WatchPhase.DEPLOYING),
        (a_watch_event("live", version=14, elapsed_ms=412), WatchPhase.LIVE),
        (a_watch_event("failed", stage="check", error=an_error()), WatchPhase.FAILED),
        (a_watch_event("paused", reason="by you"), WatchPhase.PAUSED),
        (a_watch_event("resumed"), WatchPhase.WATCHING),
        (a_watch_event("waiting", reason="unreachable"), WatchPhase.WAITING),
        (a_watch_event("something-newer"), WatchPhase.WATCHING),
    ],
)
def test_each_event_has_its_phase(event, phase: WatchPhase) -> None:
    assert a_watch(READY, event).phase is phase


def test_saves_while_paused_are_counted_and_not_built() -> None:
    view = a_watch(
        READY, a_watch_event("paused"), a_watch_event("change", paths=["a.py"]), a_watch_event("change", paths=["b.py"])
    )
    assert view.is_paused
    assert view.paths == ("a.py", "b.py")


def test_a_failed_save_keeps_what_serves() -> None:
    view = a_watch(READY, a_watch_event("change", paths=["a.py"]), a_watch_event("failed", stage="boot"))
    assert view.version == 13
    assert view.saves[0].version is None
    assert view.saves[0].paths == ("a.py",)


def test_a_save_after_a_failure_forgets_the_error() -> None:
    view = a_watch(READY, a_watch_event("failed", error=an_error()), a_watch_event("change", paths=["a.py"]))
    assert view.error is None


def test_saves_are_kept_to_a_limit_newest_first() -> None:
    view = a_watch(READY, *(a_watch_event("live", version=version) for version in range(MAX_SAVES + 5)))
    assert len(view.saves) == MAX_SAVES
    assert view.saves[0].version == MAX_SAVES + 4


def test_a_wish_shows_at_once() -> None:
    assert a_watch(READY).with_wish(NOW).moves
