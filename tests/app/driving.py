"""Driving the explorer without a terminal."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from frames import frame
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from app.explorer.explorer import Explorer
from app.explorer.matrix_screen import MatrixScreen
from app.terminal import Colour
from store.view import View

PATIENCE_S = 20.0
"""For a machine with other things to do; nothing waits longer than it must."""


@dataclass
class Opened:
    """An explorer that runs, and the pilot who presses its keys."""

    app: Explorer
    pilot: Pilot[str]

    @property
    def matrix(self) -> MatrixScreen:
        return self.app.matrix_screen

    @property
    def text(self) -> str:
        """What the terminal shows."""
        return frame(self.app.screen)

    @property
    def words(self) -> str:
        """The same without its layout."""
        return " ".join(self.text.replace("│", " ").split())

    async def press(self, *keys: str) -> None:
        """Press keys, each when the one before has been dealt with, and wait for what they ask for. Pilot.press
        waits for an idle processor besides, several times a key."""
        for key in keys:
            character = key if len(key) == 1 else None
            self.app.post_message(events.Key(_character_to_key(key) if character else key, character))
            await self._answered()
        await self.settle()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for something to hold, or for the explorer to end."""
        deadline = time.monotonic() + PATIENCE_S
        while self.app.is_running and not holds():
            assert time.monotonic() < deadline, f"waited {PATIENCE_S} s in vain; the screen shows:\n{self.text}"
            await asyncio.sleep(0.01)

    async def settle(self) -> None:
        """Wait until nothing that was asked is unanswered and the matrix screen has explained its cell."""
        await self._answered()
        await self.until(self._explained)
        await self._answered()

    async def quiet(self) -> None:
        """Wait until the rest of the slice was read, too."""
        await self.settle()
        await self.until(lambda: self.matrix.shown.winners)
        await self.settle()

    async def _answered(self) -> None:
        """Wait until every message was dealt with and every question answered; an answer may ask again, and a key
        goes from widget to widget: nothing must be under way for three rounds."""
        calm = 0
        while calm < 3:
            await self.pilot.pause(0)
            calm = calm + 1 if self._nothing_waits() else 0
            await self.until(lambda: self.app.desk.thread.idle)
        await self.pilot.pause(0)

    def _nothing_waits(self) -> bool:
        if not self.app.is_running:
            return True
        pumps = [self.app, *self.app.screen.walk_children(with_self=True)]
        return self.app.desk.thread.idle and all(pump._message_queue.empty() for pump in pumps)

    def _explained(self) -> bool:
        screen, known = self.matrix, self.matrix.known
        shown, place = screen.shown, screen.panes.place
        if place is None or self.app.problem or not shown.matrix.cells or shown.cached_at is not None:
            return True
        return known is not None and known.place == place and known.view == shown.matrix.view


@contextlib.asynccontextmanager
async def opened(
    store: Path, size: tuple[int, int] = (80, 24), view: str | None = None, colours: Colour = "truecolor"
) -> AsyncIterator[Opened]:
    """An explorer on `store` that has read its first matrix."""
    app = Explorer(store, store.parent / "runs", colours, None if view is None else View.parse(view))
    async with app.run_test(size=size) as pilot:
        here = Opened(app, pilot)
        await here.until(lambda: app.problem or app.matrix_screen.shown.slices or app.desk.folders.seen)
        await asyncio.sleep(0)
        await here.settle()
        yield here
    app.desk.thread.stop(5.0)
