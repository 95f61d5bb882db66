"""Driving the explorer without a terminal."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from frames import frame
from textual.pilot import Pilot

from app.explorer.explorer import Explorer
from app.explorer.matrix_screen import MatrixScreen
from app.explorer.pace import QUIET_S
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
        await self.pilot.press(*keys)
        await self.settle()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for something to hold, or for the explorer to end."""
        deadline = time.monotonic() + PATIENCE_S
        while self.app.is_running and not holds():
            assert time.monotonic() < deadline, f"waited {PATIENCE_S} s in vain; the screen shows:\n{self.text}"
            await self.pilot.pause(0.01)

    async def settle(self) -> None:
        """Wait until nothing that was asked is unanswered and the matrix screen has explained its cell."""
        await self.pilot.pause(0.08)  # the cursor's rest
        await self.until(lambda: self.app.desk.thread.idle)
        await self.pilot.pause()
        screen = self.matrix
        if (
            self.app.is_running
            and not self.app.problem
            and screen.shown.cached_at is None
            and screen.panes.place is not None
        ):
            await self.until(lambda: screen.known is not None and screen.known.place == screen.panes.place)
            await self.until(lambda: self.app.desk.thread.idle)
        await self.pilot.pause()

    async def quiet(self) -> None:
        """Wait until the rest of the slice was read, too."""
        await self.pilot.pause(QUIET_S + 0.05)
        await self.settle()


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
