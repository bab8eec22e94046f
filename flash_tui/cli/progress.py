"""Progress of an act, on stderr: a line that moves on a terminal, plain lines elsewhere, nothing for what is quick."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from flash_tui.cli.output import Output
from flash_tui.models.human import duration
from flash_tui.models.release import StageReport
from flash_tui.models.states import Stage

QUIET_S = 0.15
"""A stage is named on the terminal only after this: no flicker."""
SLOW_S = 1.0
"""Without a terminal, only what takes longer is worth a line."""

_DOING = {
    Stage.CHECK: "checking",
    Stage.INSTALL: "installing packages",
    Stage.DISCOVER: "discovering endpoints",
    Stage.PACK: "packing",
    Stage.UPLOAD: "uploading",
    Stage.BOOT: "booting workers",
    Stage.HEALTH: "waiting until healthy",
    Stage.SWITCH: "switching traffic",
}


@dataclass(slots=True)
class Progress:
    """Takes stage reports. Call it; it is a `Callable[[StageReport], None]`."""

    output: Output
    _begun: dict[Stage, float] = field(default_factory=dict[Stage, float])
    _told: dict[Stage, float] = field(default_factory=dict[Stage, float])

    def __call__(self, report: StageReport) -> None:
        if report.note:
            self.output.say(f"note: {report.note}")
            return
        now = time.monotonic()
        begun = self._begun.setdefault(report.stage, now)
        text = self._text(report)
        if report.elapsed_ms is not None:
            if report.elapsed_ms >= SLOW_S * 1000:
                self.output.say(f"  {text}: {duration(report.elapsed_ms)}")
            return
        if self.output.narrates_to_terminal:
            if now - begun >= QUIET_S or report.stage is Stage.INSTALL:
                self.output.transient(f"  {text} …")
        elif report.text and now - self._told.get(report.stage, 0.0) >= SLOW_S:
            self._told[report.stage] = now
            self.output.say(f"  {text}")

    def _text(self, report: StageReport) -> str:
        text = report.text or _DOING.get(report.stage, str(report.stage))
        return f"{text} {report.done}/{report.total}" if report.total else text


def timings_line(timings_ms: dict[str, float]) -> str:
    """`1.2 s (discover 34, boot 71, switch 8)`: the sum is no wall time where stages overlap, so it is left out."""
    return ", ".join(f"{stage} {duration(ms)}" for stage, ms in timings_ms.items() if ms >= 1)
