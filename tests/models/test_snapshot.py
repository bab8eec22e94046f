from __future__ import annotations

from flash_tui.models.events import (
    AppGone,
    BuildChanged,
    DeploymentChanged,
    EnvironmentChanged,
    EnvironmentGone,
    LogsWritten,
    PlatformState,
)
from flash_tui.models.snapshot import MAX_LINES, Logs, Notice, NoticeKind, Snapshot
from tests.builders import APP, a_build, a_deployment, a_line, a_photo_shop, a_snapshot, ago, an_app, an_environment


def test_a_state_replaces_everything_and_keeps_the_logs() -> None:
    snapshot = a_photo_shop().with_state(PlatformState(cursor=1, apps=(an_app("other"),)))
    assert list(snapshot.apps) == ["other"]
    assert not snapshot.environments
    assert snapshot.logs.count


def test_an_environment_event_shares_all_that_it_does_not_touch() -> None:
    before = a_photo_shop()
    after = before.with_event(EnvironmentChanged(environment=an_environment("dev", build=15)))
    assert after.environments[APP, "dev"].build != before.environments[APP, "dev"].build
    assert after.environments[APP, "staging"] is before.environments[APP, "staging"]
    assert after.builds is before.builds


def test_applying_an_event_twice_is_applying_it_once() -> None:
    event = DeploymentChanged(deployment=a_deployment(99, started_at=ago(seconds=1)))
    once = a_photo_shop().with_event(event)
    assert once.with_event(event).deployments == once.deployments


def test_builds_stay_newest_first() -> None:
    snapshot = a_snapshot(an_environment(), builds=(a_build(13), a_build(12)))
    snapshot = snapshot.with_event(BuildChanged(build=a_build(14)))
    assert [build.version for build in snapshot.builds[APP]] == [14, 13, 12]


def test_an_app_that_goes_takes_its_environments_along() -> None:
    snapshot = a_photo_shop().with_event(AppGone(app=APP))
    assert not snapshot.environments_of(APP)
    assert APP not in snapshot.builds


def test_an_environment_that_goes_leaves_its_siblings() -> None:
    snapshot = a_photo_shop().with_event(EnvironmentGone(app=APP, environment="staging"))
    assert [environment.name for environment in snapshot.environments_of(APP)] == ["dev", "production"]


def test_log_lines_keep_their_numbers_when_the_oldest_leave() -> None:
    logs = Logs()
    for start in range(0, MAX_LINES + 1_500, 500):
        logs = logs.with_lines(tuple(a_line(str(number)) for number in range(start, start + 500)))
    assert logs.end == MAX_LINES + 1_500
    assert logs.count <= MAX_LINES
    assert next(iter(logs.since(logs.end - 2))).text == str(logs.end - 2)
    assert next(iter(logs.since(0))).text == str(logs.dropped)


def test_old_lines_stay_where_a_new_block_begins() -> None:
    logs = Logs().with_lines(tuple(a_line(str(number)) for number in range(2_500)))
    assert [len(block) for block in logs.blocks] == [1_000, 1_000, 500]
    assert [line.text for line in logs.since(999)][:2] == ["999", "1000"]


def test_a_notice_is_said_once_however_often_it_comes() -> None:
    notice = Notice(NoticeKind.PASSING, "copied")
    snapshot = Snapshot().with_notice(notice).with_notice(Notice(NoticeKind.PASSING, "copied"))
    assert len(snapshot.notices) == 1


def test_logs_arrive_by_event() -> None:
    snapshot = Snapshot().with_event(LogsWritten(lines=(a_line("one"), a_line("two"))))
    assert [line.text for line in snapshot.logs.since(0)] == ["one", "two"]
