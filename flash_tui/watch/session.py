"""Generations: each settled change is one; the newest wins; nothing is lost on failure.

A generation under way is superseded up to its commit: building is cancelled, a release is told to stop and says whether
it had committed. A failure is shown only if nothing newer waits, and its files stay dirty: the next save is compared
with what is live, not with what was tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import anyio

from flash_tui.models.errors import Conflict, ErrorDocument, FlashTuiError, TargetUnreachable
from flash_tui.models.release import StageReport
from flash_tui.models.states import Outcome, Stage
from flash_tui.models.watch_events import WatchEvent
from flash_tui.watch.decide import Files, State, changed_paths, next_step
from flash_tui.watch.generation import Prepared, Released, Ticket, Uploaded, Work

FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 5.0


class _Attempt:
    """The generation under way."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.building = anyio.CancelScope()
        self.stop = anyio.Event()
        self.stage: Stage = Stage.CHECK
        self.stages_ms: dict[str, float] = dict(ticket.stages_ms)
        self.uploaded: Uploaded | None = None
        self.notes: list[str] = []

    def report(self, report: StageReport) -> None:
        if report.note:
            self.notes.append(report.note)
        elif report.elapsed_ms is None:
            self.stage = report.stage
        else:
            self.stages_ms[str(report.stage)] = self.ticket.stages_ms.get(str(report.stage), 0.0) + report.elapsed_ms

    def end(self) -> None:
        self.stop.set()
        self.building.cancel()


class Session:
    """The watch of one environment, apart from files, sockets and processes."""

    def __init__(
        self,
        work: Work,
        emit: Callable[[WatchEvent], None],
        *,
        seen: Files,
        live: Files | None,
        is_patient: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`live` None: nothing was ever deployed from this folder, so what it holds now is left alone.

        `is_patient`: a platform that does not answer is waited for; else `run` raises TargetUnreachable.
        """
        self._work = work
        self._emit_event = emit
        self._clock = clock
        self.state = State(seen=seen, live=seen if live is None else live)
        self._ticket = Ticket(0, seen, (), clock())
        self._generation = 0
        self._attempt: _Attempt | None = None
        self._wake = anyio.Event()
        self._retry_s = FIRST_RETRY_S
        self._is_patient = is_patient
        self.version: int | None = None
        """What serves."""
        self._served: str | None = None
        self._mine: str | None = None

    async def run(self) -> None:
        """Act until cancelled."""
        async with anyio.create_task_group() as group:
            try:
                while True:
                    self._wake = anyio.Event()
                    now = self._clock()
                    match next_step(self.state, now):
                        case "start":
                            attempt = self._begin()
                            group.start_soon(self._run_attempt, attempt)
                        case "supersede":
                            self._supersede(now)
                        case "wait":
                            await self._wait(now)
            finally:
                if self._attempt is not None:
                    self._attempt.stop.set()

    # --- what happens -----------------------------------------------------------------------------------------------

    def saw(self, files: Files, *, saved_at: float, stages_ms: Mapping[str, float], expected: bool = True) -> None:
        """The folder was looked at. `expected`: files were said to have changed, so "no change" is worth a word."""
        state = self.state
        changed = changed_paths(state.seen, files)
        is_idle = state.running is None and state.paused is None
        if changed:
            state.seen, state.failed = files, None
            self._next_generation(saved_at, stages_ms)
            self._emit("change", paths=changed)
            if is_idle and not state.is_dirty:
                self._emit("unchanged", reason="the same content as what is live")
            self._wake.set()
        elif expected and is_idle and state.failed is None:
            self._emit("unchanged", reason="the same content as before")

    def deploy(self) -> None:
        """A person wants what is in the folder to go live now, changed or not; a pause ends."""
        if self.state.paused is not None:
            self.state.paused = None
            self._emit("resumed")
        if self.state.running != self.state.seen or self.state.stopping:
            self._force()
        self._wake.set()

    def pause(self, reason: str) -> None:
        """Start nothing more; what is under way is finished."""
        if self.state.paused is None:
            self.state.paused = reason
            self._emit("paused", reason=reason)

    def resume(self) -> None:
        """Go on; also back over a rollback that paused it."""
        if self.state.paused is None:
            return
        self.state.paused = None
        self._emit("resumed")
        if self._mine is not None and self._served != self._mine:
            self._force()
        self._wake.set()

    def cancel(self) -> None:
        """Give up what is under way; its files are tried again with the next change."""
        if self._attempt is not None:
            self.state.failed = self.state.seen
            self.state.forced = False
            self.state.stopping = True
            self._attempt.end()

    def served(self, build_id: str | None, version: int | None) -> None:
        """The environment serves this now, whoever brought it there."""
        self._served, self.version = build_id, version

    def remember(self, build_id: str | None) -> None:
        """This is the build that was put live from here last."""
        self._mine = build_id

    # --- one generation ---------------------------------------------------------------------------------------------

    def _force(self) -> None:
        self.state.forced = True
        self.state.failed = None
        self.state.retry_at = None
        self._next_generation(self._clock(), {})
        self._wake.set()

    def _next_generation(self, saved_at: float, stages_ms: Mapping[str, float]) -> None:
        self._generation += 1
        paths = changed_paths(self.state.live, self.state.seen)
        self._ticket = Ticket(self._generation, self.state.seen, paths, saved_at, stages_ms)

    def _begin(self) -> _Attempt:
        if self._generation == 0:
            self._next_generation(self._clock(), {})
        self._attempt = attempt = _Attempt(self._ticket)
        self.state.running = attempt.ticket.files
        self.state.stopping = self.state.forced = False
        self.state.retry_at = None
        return attempt

    def _supersede(self, now: float) -> None:
        assert self._attempt is not None
        self.state.stopping = True
        self.state.superseded += 1
        self.state.superseded_since = self.state.superseded_since or now
        self._attempt.end()

    async def _run_attempt(self, attempt: _Attempt) -> None:
        try:
            released = await self._carry_out(attempt)
            attempt.stages_ms |= released.timings_ms
            if released.outcome == Outcome.SUCCEEDED:
                await self._live(attempt)
            elif released.outcome == Outcome.FAILED:
                self.state.marred = True
                self._fail(attempt, released.error or ErrorDocument(code="failed", what="the release failed"))
            else:
                self._superseded(attempt)
        except TargetUnreachable as error:
            if not self._is_patient:
                raise
            self._try_again(attempt, error)
        except Conflict as error:
            self._conflict(attempt, error)
        except FlashTuiError as error:
            self._fail(attempt, error.document())
        except OSError as error:  # a full disk, a folder that may not be read: the next save may find it mended
            what = f"{error.strerror or error}"
            self._fail(attempt, ErrorDocument(code="failed", what=what, where=str(error.filename or "")))
        finally:
            self._attempt = None
            self.state.running = None
            self._wake.set()

    async def _carry_out(self, attempt: _Attempt) -> Released:
        """The stages in order; a superseded generation gives up wherever it is."""
        with attempt.building:
            prepared = await self._work.build(attempt.report)
            self._built(attempt, prepared)
            attempt.uploaded = await self._work.upload(prepared, attempt.report)
        uploaded = attempt.uploaded
        if uploaded is None or attempt.stop.is_set():
            return Released(Outcome.SUPERSEDED)
        self._emit(
            "build",
            attempt,
            version=uploaded.version,
            digest=uploaded.digest,
            elapsed_ms=self._elapsed_ms(attempt),
            stages_ms=in_order(attempt.stages_ms),
            notes=tuple(attempt.notes) or None,
        )
        self._emit("deploy", attempt, version=uploaded.version)
        return await self._work.release(uploaded, attempt.ticket, attempt.report, attempt.stop)

    def _built(self, attempt: _Attempt, prepared: Prepared) -> None:
        """Take over what was built, where the folder had moved on unseen."""
        attempt.stages_ms |= prepared.timings_ms
        attempt.stages_ms["check"] = attempt.ticket.stages_ms.get("check", 0.0) + prepared.timings_ms.get("check", 0.0)
        before = attempt.ticket.files
        if prepared.files != before:
            attempt.ticket = replace(attempt.ticket, files=prepared.files)
            self.state.running = prepared.files
            if self.state.seen == before:
                self.state.seen = prepared.files

    async def _live(self, attempt: _Attempt) -> None:
        uploaded = attempt.uploaded
        assert uploaded is not None
        self.state.live, self.state.failed, self.state.marred = attempt.ticket.files, None, False
        self._settled_well()
        self._mine = uploaded.build_id
        self.served(uploaded.build_id, uploaded.version)
        self._emit(
            "live",
            attempt,
            version=uploaded.version,
            digest=uploaded.digest,
            elapsed_ms=self._elapsed_ms(attempt),
            stages_ms=in_order(attempt.stages_ms),
            paths=attempt.ticket.paths,
        )
        await self._work.went_live(attempt.ticket, uploaded)

    def _fail(self, attempt: _Attempt, error: ErrorDocument) -> None:
        if self.state.stopping or (self.state.seen != attempt.ticket.files and self.state.paused is None):
            self._superseded(attempt)  # something newer waits: an older failure helps nobody
            return
        self.state.failed = attempt.ticket.files
        self._settled_well()
        self._emit(
            "failed",
            attempt,
            stage=str(attempt.stage),
            error=error,
            version=self.version,
            paths=attempt.ticket.paths,
            elapsed_ms=self._elapsed_ms(attempt),
            stages_ms=in_order(attempt.stages_ms),
        )

    def _superseded(self, attempt: _Attempt) -> None:
        newer = self._generation > attempt.ticket.generation
        reason = f"by generation {self._generation}" if newer else "cancelled"
        self._emit("superseded", attempt, reason=reason)
        if not newer:
            self._emit("unchanged", reason="cancelled; the next save tries again")

    def _try_again(self, attempt: _Attempt, error: FlashTuiError) -> None:
        """After a while, by itself: the platform may be on its way back."""
        if self._retry_s == FIRST_RETRY_S:
            self._emit("waiting", attempt, reason=f"{error.what}; trying again")
        self.state.retry_at = self._clock() + self._retry_s
        self.state.forced = True
        self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    def _conflict(self, attempt: _Attempt, error: Conflict) -> None:
        """Somebody else changed the environment meanwhile; a second conflict in a row is told.

        Unless that pauses us, what is in the folder still wants to go live.
        """
        if self.state.stopping or self.state.paused is not None:
            self._superseded(attempt)
        elif self._retry_s == FIRST_RETRY_S:
            self._try_again(attempt, error)
        else:
            self._fail(attempt, error.document())

    def _settled_well(self) -> None:
        """A generation ended by itself: nothing is being starved."""
        self.state.superseded, self.state.superseded_since = 0, None
        self._retry_s = FIRST_RETRY_S

    # --- small things -----------------------------------------------------------------------------------------------

    async def _wait(self, now: float) -> None:
        """Until something happens, or it is time to try again."""
        retry_at = self.state.retry_at
        if self.state.running is None and retry_at is not None and self.state.paused is None:
            with anyio.move_on_after(max(0.0, retry_at - now)):
                await self._wake.wait()
        else:
            await self._wake.wait()

    def _elapsed_ms(self, attempt: _Attempt) -> float:
        return (self._clock() - attempt.ticket.saved_at) * 1000

    def _emit(self, event: str, attempt: _Attempt | None = None, **fields: object) -> None:
        generation = attempt.ticket.generation if attempt is not None else self._generation
        values = {"event": event, "at": datetime.now(UTC), "generation": generation, **fields}
        self._emit_event(WatchEvent.model_validate(values))


def in_order(stages_ms: Mapping[str, float]) -> dict[str, float]:
    """The stages in the order in which they happen, to a tenth of a millisecond."""
    known = [str(stage) for stage in Stage]
    ordered = sorted(stages_ms, key=lambda name: known.index(name) if name in known else len(known))
    return {name: round(stages_ms[name], 1) for name in ordered}
