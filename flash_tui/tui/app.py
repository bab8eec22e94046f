"""The app: wires store, feed, conductor and the one screen. It decides nothing."""

from __future__ import annotations

import gc
import locale
import logging
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar, cast

from textual import on
from textual.app import App
from textual.binding import BindingType
from textual.reactive import reactive
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from flash_tui.models.snapshot import LinkState, Notice, NoticeKind, Snapshot
from flash_tui.settings import Settings
from flash_tui.tui.backstage import Backstage, end_on_signals, open_backstage
from flash_tui.tui.intents import DismissNotice, Intent
from flash_tui.tui.keymap import Keymap
from flash_tui.tui.messages import Copied, EditWanted, Noticed, QuitWanted, Stirred, SuspendWanted, ThemeWanted
from flash_tui.tui.paint import Painter
from flash_tui.tui.present.ages import next_change_s
from flash_tui.tui.screens.workbench import Workbench
from flash_tui.tui.store import Store
from flash_tui.tui.themes import DEFAULT_THEME, SHORT_NAMES, TOKENS, Palette, textual_themes
from flash_tui.tui.widgets.canvas import Canvas

SPINNER_FPS = 8
COUNTDOWN_S = 1.0


class FlashApp(App[int]):
    """One process, one target, one project."""

    TITLE = "flash-tui"
    CSS_PATH = Path(__file__).with_name("styles") / "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []

    snapshot: reactive[Snapshot] = reactive(Snapshot, init=False)

    def __init__(
        self,
        settings: Settings,
        *,
        environment: str | None = None,
        watch: bool = True,
        read_only: bool = False,
        backstage: Backstage | None = None,
    ) -> None:
        """`backstage` stands in for the conductor: the screen then shows what `store` is given."""
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)  # then no colour at all, not greys
        self.settings = settings
        self.keys = Keymap(settings.keymap)
        self.frame = 0
        self.store = Store(self._publish, self.call_later)
        self._read_only = read_only
        self._spinner: Timer | None = None
        self._ages: Timer | None = None
        self._flash_theme = _theme_name(settings.theme)
        for theme in textual_themes():
            self.register_theme(theme)
        self.theme = self._flash_theme
        self.painter = self._make_painter(self._flash_theme)
        self._open_backstage = partial(open_backstage, settings, environment, self.store, self.now, is_watching=watch)
        self._backstage = backstage
        self._passing: set[int] = set()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def get_default_screen(self) -> Screen[None]:
        return Workbench(self.settings, self.keys, self.store.snapshot, is_read_only=self._read_only)

    @property
    def workbench(self) -> Workbench | None:
        """None at the very end, when a last timer may still fire."""
        return next((screen for screen in self.screen_stack if isinstance(screen, Workbench)), None)

    def on_mount(self) -> None:
        if self.keys.overrides:
            self.set_keymap(self.keys.overrides)
        period_s = 1.0 if self.animation_level == "none" else 1 / SPINNER_FPS
        self._spinner = self.set_interval(period_s, self._tick, pause=True)
        self.call_after_refresh(self._first_frame_is_out)

    def _first_frame_is_out(self) -> None:
        gc.freeze()
        gc.enable()
        if self._backstage is None:
            self._backstage = self._open_backstage()
            self.run_worker(end_on_signals(lambda: self.post_message(QuitWanted())), exit_on_error=False)
        self.run_worker(self._backstage.run(), name="backstage", exit_on_error=False)
        for problem in (*self.settings.problems, *(f"keymap: no verb is called {name}" for name in self.keys.unknown)):
            self._say(Notice(NoticeKind.NEEDS_YOU, "Settings", problem, "esc", "dismiss"))

    # -- state comes down ---------------------------------------------------------------------------------------------

    def _publish(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def watch_snapshot(self, snapshot: Snapshot) -> None:
        if self.workbench is not None:
            self.workbench.show_snapshot(snapshot)
        self._forget_later(snapshot.notices)
        self._keep_time()

    def _keep_time(self) -> None:
        """The spinner turns while something moves; one timer waits for the next age that reads differently."""
        if self._spinner is not None:
            sheet = self.workbench.sheet if self.workbench else None
            moves = self.snapshot.moves or (sheet is not None and sheet.moves)
            (self._spinner.resume if moves and self.app_focus else self._spinner.pause)()
        if self._ages is not None:
            self._ages.stop()
        is_counting = self.snapshot.link.state is LinkState.LOST
        wait_s = COUNTDOWN_S if is_counting else next_change_s(self.snapshot, self.now())
        self._ages = self.set_timer(wait_s, self._ages_changed) if wait_s is not None else None

    def watch_app_focus(self) -> None:
        self._keep_time()  # nothing turns while nobody looks

    @on(Stirred)
    def _stirred(self) -> None:
        self._keep_time()

    def _tick(self) -> None:
        self.frame += 1
        if self.workbench is not None:
            self.workbench.tick()
            if self.workbench.sheet is None and not self.snapshot.moves:
                self._keep_time()

    def _ages_changed(self) -> None:
        if self.workbench is not None:
            self.workbench.tick()
        self._keep_time()

    # -- wishes go up -------------------------------------------------------------------------------------------------

    @on(Intent)
    def _wished(self, intent: Intent) -> None:
        if self._backstage is not None:
            self._backstage.take(intent)

    @on(DismissNotice)
    def _dismissed(self) -> None:
        self.store.apply(lambda snapshot: snapshot.without_newest_standing())

    @on(Noticed)
    def _noticed(self, event: Noticed) -> None:
        self._say(event.notice)

    @on(Copied)
    def _copied(self, event: Copied) -> None:
        self.copy_to_clipboard(event.text)
        self._say(Notice(NoticeKind.PASSING, f"copied {event.what}", event.text))

    @on(ThemeWanted)
    def _theme_wanted(self, event: ThemeWanted) -> None:
        names = list(TOKENS)
        following = names[(names.index(self._flash_theme) + 1) % len(names)]
        self._flash_theme = _theme_name(event.name) if event.name else following
        self.painter = self._make_painter(self._flash_theme)
        self.theme = self._flash_theme
        for canvas in self.screen.query(Canvas):
            canvas.redraw(everything=True)
        self._say(Notice(NoticeKind.PASSING, f"theme {self._flash_theme.removeprefix('flash-')}"))

    @on(QuitWanted)
    async def _quit_wanted(self) -> None:
        await self.action_quit()

    @on(SuspendWanted)
    def _suspend_wanted(self) -> None:
        self.action_suspend_process()

    @on(EditWanted)
    def _edit_wanted(self, event: EditWanted) -> None:
        from flash_tui.tui.editor import edit  # noqa: PLC0415 - not before somebody edits

        error = edit(self, self.settings, event.path, event.line)
        if error:
            self._say(Notice(NoticeKind.PASSING, "edit", error, lasts_s=8.0))

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        worker = cast("Worker[None]", event.worker)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        if event.state is WorkerState.ERROR:
            logging.getLogger(__name__).error("%s ended", worker.name, exc_info=worker.error)
            what = f"flash-tui broke: {type(worker.error).__name__}"
            self._say(Notice(NoticeKind.FAILED, what, f"{self.settings.home.root / 'tui.log'} says where"))

    def _say(self, notice: Notice) -> None:
        self.store.apply(lambda snapshot: snapshot.with_notice(notice))

    def _forget_later(self, notices: tuple[Notice, ...]) -> None:
        """Passing notices go by themselves."""
        for notice in notices:
            if notice.kind is NoticeKind.PASSING and id(notice) not in self._passing:
                self._passing.add(id(notice))
                self.set_timer(notice.lasts_s, partial(self._forget, notice))

    def _forget(self, notice: Notice) -> None:
        self._passing.discard(id(notice))
        self.store.apply(lambda snapshot: snapshot.without_notice(notice))

    # -- the end ------------------------------------------------------------------------------------------------------

    async def action_quit(self) -> None:
        """End the child and the connection first, so that nothing of ours lives on."""
        if self._backstage is not None:
            await self._backstage.stop()
        self.exit(0)

    def _make_painter(self, theme: str) -> Painter:
        return Painter(Palette(theme, no_color=self.no_color), ascii_only=self.settings.ascii or _is_ascii_terminal())


def _theme_name(name: str | None) -> str:
    """A theme of ours by its long or short name; the default for any other."""
    if name in TOKENS:
        return name
    return SHORT_NAMES.get(name or "", DEFAULT_THEME)


def _is_ascii_terminal() -> bool:
    """Whether the terminal cannot show more."""
    encoding = locale.getpreferredencoding(do_setlocale=False).lower().replace("-", "")
    return encoding != "utf8" or os.environ.get("TERM") == "linux"


def run(settings: Settings, *, environment: str | None, watch: bool, read_only: bool) -> int:
    """Show the UI until it is closed; the exit code. What goes wrong inside goes to a log file, not on the screen."""
    handler = logging.FileHandler(settings.home.root / "tui.log", delay=True)
    logging.basicConfig(handlers=[handler], format="%(asctime)s %(name)s %(message)s", level=logging.WARNING)
    app = FlashApp(settings, environment=environment, watch=watch, read_only=read_only)
    code = app.run()
    return code if code is not None else app.return_code or 0
