"""Verbs that use what runs: invoke, copy, edit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from flash_tui.models.endpoint import Endpoint
from flash_tui.models.states import EndpointState
from flash_tui.tui.messages import Copied, EditWanted

if TYPE_CHECKING:
    from flash_tui.tui.screens.invoke import Call
    from flash_tui.tui.screens.workbench import Workbench


class Using:
    """Remembers what was sent to each endpoint, while the program runs."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self._calls: dict[str, Call] = {}
        self.table: dict[str, Callable[[], object]] = {
            "endpoint.invoke": self._invoke,
            "endpoint.invoke_again": self._invoke_again,
            "thing.copy": self._copy,
            "thing.copy_menu": self._copy_menu,
            "thing.edit": self._edit,
        }

    def _endpoint(self) -> Endpoint | None:
        """The selected endpoint, else the first of the environment that can be called."""
        view = self._bench.view
        if view.endpoint is not None or view.environment is None:
            return view.endpoint
        callable_ones = (one for one in view.environment.endpoints if one.state is not EndpointState.CLOUD_ONLY)
        return next(callable_ones, None)

    def _invoke(self) -> None:
        from flash_tui.tui.screens.invoke import Call, InvokeSheet  # noqa: PLC0415 - as above; the editor is not small

        endpoint, view = self._endpoint(), self._bench.view
        if endpoint is None:
            return
        jobs = view.snapshot.jobs.get(endpoint.id, ())
        body = json.dumps(jobs[0].input, indent=2, ensure_ascii=False) if jobs and jobs[0].input is not None else "{}"
        first = Call(body, endpoint.routes[0] if endpoint.routes else "")
        call = self._calls.get(endpoint.id, first)
        self._bench.open_sheet(InvokeSheet(view.app, view.environment_name, endpoint, call, self._calls))

    def _invoke_again(self) -> None:
        self._invoke()
        if self._bench.sheet is not None:
            self._bench.call_after_refresh(self._bench.sheet.do, "endpoint.invoke_again")

    def _copy(self) -> None:
        what, text = self._obvious()
        self._bench.post_message(Copied(what, text))

    def _obvious(self) -> tuple[str, str]:
        view = self._bench.view
        endpoint, build, environment = view.endpoint, view.build, view.environment
        if endpoint is not None:
            return "the URL", endpoint.url
        if build is not None:
            return "the digest", build.digest or build.id
        if environment is not None and environment.build is not None:
            return "the build's digest", environment.build.digest or environment.build.id
        return "the name", view.app

    def _copy_menu(self) -> None:
        from flash_tui.tui.screens.copy_menu import CopySheet, copies  # noqa: PLC0415 - as above

        self._bench.open_sheet(CopySheet(copies(self._bench.view)))

    def _edit(self) -> None:
        """The place of the last failure, else the project's folder."""
        view = self._bench.view
        environment = view.environment
        error = view.snapshot.watch.error or (environment.error if environment else None)
        if error is not None and error.file:
            self._bench.post_message(EditWanted(error.file, error.line or 1))
        else:
            self._bench.post_message(EditWanted(".", 1))
