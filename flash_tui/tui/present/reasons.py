"""Why a verb does nothing here and now, in two or three words; nothing if it works. A grey key always has a reason."""

from __future__ import annotations

from collections.abc import Sequence

from flash_tui.models.states import EndpointState
from flash_tui.models.watch_view import WatchPhase
from flash_tui.tui.keymap import BY_ID
from flash_tui.tui.present.outline import Key, OutlineRow
from flash_tui.tui.view import View


def reason(verb_id: str, view: View) -> str:
    """`nothing runs`, `production is last`; empty if the verb applies."""
    verb = BY_ID[verb_id]
    if verb.changes and view.is_read_only:
        return "read only"
    if verb.changes and view.snapshot.link.is_stale:
        return "target unreachable"
    check = _CHECKS.get(verb_id)
    return check(view) if check else ""


def _promote(view: View) -> str:
    environment = view.environment
    if view.settings.pipeline.after(view.environment_name) is None:
        return f"{view.environment_name} is last"
    if environment is None or environment.build is None:
        return f"nothing runs in {view.environment_name}"
    return ""


def _promote_choose(view: View) -> str:
    return "" if view.snapshot.builds.get(view.app) else "no builds yet"


def undo_target(view: View) -> tuple[str, str] | None:
    """App and environment of the act that the notice row offers to undo."""
    shown = [notice for notice in view.snapshot.notices if notice.undoes is not None]
    return shown[-1].undoes if shown else None


def _rollback(view: View) -> str:
    if undo_target(view) is not None:
        return ""
    environment = view.environment
    if environment is None or environment.build is None:
        return f"nothing runs in {view.environment_name}"
    return "" if environment.previous_build is not None else "nothing ran before"


def _rollback_choose(view: View) -> str:
    acts = list(view.snapshot.history(view.app, view.environment_name))
    return "" if any(act.to_build is not None for act in acts) else "nothing ran here"


def _cancel(view: View) -> str:
    watches = view.snapshot.watch.moves and view.snapshot.watch.environment == view.environment_name
    return "" if watches or view.snapshot.running(view.app, view.environment_name) else "nothing runs"


def _undeploy(view: View) -> str:
    return "" if view.environment and view.environment.build else f"nothing runs in {view.environment_name}"


def _invoke(view: View) -> str:
    if view.endpoint is None and not (view.environment and view.environment.endpoints):
        return "no endpoint"
    if view.endpoint is not None and view.endpoint.state is EndpointState.CLOUD_ONLY:
        return "runs in the cloud only"
    return ""


def _watch(view: View) -> str:
    return "not watching" if view.snapshot.watch.phase is WatchPhase.OFF else ""


def _diff(view: View) -> str:
    if view.build is not None:
        builds = view.snapshot.builds.get(view.app, ())
        return "" if builds[-1:] != (view.build,) else "first build"
    environment = view.environment
    return "" if environment and environment.build else f"nothing runs in {view.environment_name}"


def _edit(view: View) -> str:
    return "" if view.settings.editor else "no $EDITOR"


_CHECKS = {
    "environment.promote": _promote,
    "environment.promote_choose": _promote_choose,
    "environment.rollback": _rollback,
    "environment.rollback_choose": _rollback_choose,
    "act.cancel": _cancel,
    "environment.undeploy": _undeploy,
    "endpoint.invoke": _invoke,
    "endpoint.invoke_again": _invoke,
    "watch.toggle": _watch,
    "app.builds": _promote_choose,
    "build.diff": _diff,
    "thing.edit": _edit,
}


def problem_keys(rows: Sequence[OutlineRow]) -> list[Key]:
    """Rows of the tree that are in trouble, top down."""
    return [row.key for row in rows if row.sign.ink == "bad" or row.sign.word == "throttled"]
