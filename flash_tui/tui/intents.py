"""What the person asked for, as messages: they bubble up to the app and from there go to the conductor.

An intent that has an answer is answered by `Answered` or `Refused` to the widget that sent it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message
from textual.message_pump import MessagePump

if TYPE_CHECKING:
    from flash_tui.models.build import BuildReference
    from flash_tui.models.errors import FlashTuiError
    from flash_tui.models.identifiers import BuildId, EndpointId
    from flash_tui.models.release import PromotionPlan, StageReport


class Intent(Message):
    """A wish. `asker` gets the answer, if there is one."""

    asker: MessagePump | None = None
    number: int = 0
    """The asker's own count, to tell an answer that is not waited for any more."""


class DeployNow(Intent):
    """Build and deploy the project at once."""


class ToggleWatch(Intent):
    """Pause the watch, or let it go on."""


class Refresh(Intent):
    """Read everything anew; while the target is away, try it now."""


class MakeSample(Intent):
    """Write the sample project into the project folder."""


class DismissNotice(Intent):
    """The newest notice was seen."""


class CancelAct(Intent):
    def __init__(self, app: str, environment: str) -> None:
        super().__init__()
        self.app, self.environment = app, environment


class PlanPromotion(Intent):
    def __init__(self, app: str, source: str, target: str, build: BuildReference | None = None) -> None:
        super().__init__()
        self.app, self.source, self.target, self.build = app, source, target, build


class PlanRollback(Intent):
    def __init__(self, app: str, environment: str, to: BuildReference | None = None) -> None:
        super().__init__()
        self.app, self.environment, self.to = app, environment, to


class Promote(Intent):
    def __init__(self, plan: PromotionPlan) -> None:
        super().__init__()
        self.plan = plan


class RollBack(Intent):
    def __init__(self, plan: PromotionPlan) -> None:
        super().__init__()
        self.plan = plan


class Undeploy(Intent):
    def __init__(self, app: str, environment: str) -> None:
        super().__init__()
        self.app, self.environment = app, environment


class Invoke(Intent):
    def __init__(self, app: str, environment: str, endpoint: str, body: object, route: str | None) -> None:
        super().__init__()
        self.app, self.environment, self.endpoint, self.body, self.route = app, environment, endpoint, body, route


class CompareBuilds(Intent):
    def __init__(self, app: str, old: BuildReference, new: BuildReference) -> None:
        super().__init__()
        self.app, self.old, self.new = app, old, new


class ReadManifest(Intent):
    """Fetch a build's manifest into the snapshot."""

    def __init__(self, build_id: BuildId) -> None:
        super().__init__()
        self.build_id = build_id


class ReadJobs(Intent):
    """Fetch an endpoint's newest jobs into the snapshot."""

    def __init__(self, endpoint_id: EndpointId) -> None:
        super().__init__()
        self.endpoint_id = endpoint_id


class Answered(Message):
    """An intent's result."""

    def __init__(self, intent: Intent, result: object) -> None:
        super().__init__()
        self.intent, self.result = intent, result


class Refused(Message):
    """An intent came to nothing."""

    def __init__(self, intent: Intent, error: FlashTuiError) -> None:
        super().__init__()
        self.intent, self.error = intent, error


class Advanced(Message):
    """An intent's act moved on."""

    def __init__(self, intent: Intent, report: StageReport) -> None:
        super().__init__()
        self.intent, self.report = intent, report
