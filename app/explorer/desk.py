"""What every screen works with: where the results are, and the thread that reads them."""

from dataclasses import dataclass
from pathlib import Path

from app.explorer.launching import Launches
from app.explorer.live import Folders
from app.explorer.store_thread import StoreThread
from app.terminal import Colour


@dataclass(frozen=True)
class Desk:
    """store, runs: paths. shaded: tell levels apart by ░▒▓█ because the terminal lacks colours."""

    store: Path
    runs: Path
    thread: StoreThread
    folders: Folders
    launches: Launches
    colours: Colour

    @property
    def shaded(self) -> bool:
        """Whether heatmaps are drawn in shades instead of colours."""
        return self.colours in ("16", "none")
