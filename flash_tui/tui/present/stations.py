"""The board's view, out of what is known of an app."""

from __future__ import annotations

from flash_tui.tui.present.board import BoardView, Plan, Station
from flash_tui.tui.view import View


def board_view(view: View, plan: Plan | None = None) -> BoardView:
    snapshot, app = view.snapshot, view.app
    return BoardView(
        stations=tuple(
            Station(
                name,
                view.is_protected(name),
                snapshot.environments.get((app, name)),
                snapshot.running(app, name),
                snapshot.last(app, name),
            )
            for name in view.stages
        ),
        lit=view.environment_name,
        is_stale=snapshot.link.is_stale,
        is_known=snapshot.is_known,
        plan=plan,
        seen=view.seen,
    )
