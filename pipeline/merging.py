"""The driver's share in keeping results.duckdb up to date: now and then it moves finished segments in."""

import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.outcome import plural
from pipeline.screen import Screen
from store.errors import StoreError
from store.ingest import ingest

EVERY_S = 4.0


@dataclass
class Merging:
    """Never fails a run: what can't be merged now stays in the run folders and is told once."""

    store: Path
    runs: Path
    screen: Screen
    _at: float = 0.0
    _told: str = ""

    def first(self) -> None:
        """Merge what earlier calls left behind. Raises StoreError for a store that cannot be used."""
        self._merge(0.0)

    def sometimes(self) -> None:
        """Merge if the last time is long enough ago."""
        if time.monotonic() - self._at >= EVERY_S:
            self.now()

    def now(self, wait_s: float = 0.0) -> bool:
        """Merge what is finished. False where segments had to stay behind."""
        try:
            return self._merge(wait_s)
        except StoreError as error:
            self._tell(f"{error} (the results are safe in {self.runs})")
            return False

    def _merge(self, wait_s: float) -> bool:
        self._at = time.monotonic()
        report = ingest(self.store, self.runs, wait_s)
        for name in (*report.repaired, *report.quarantined):
            self.screen.complain(name)
        if report.held_by is not None:
            self._tell(
                f"{self.store.name} is open in {report.held_by}: the results stay in {self.runs} and are merged "
                "when it is closed (by the next run, the explorer, or 'calib-explorer ingest')"
            )
            return False
        if self._told:
            self._told = ""
            self.screen.say(f"{self.store.name} is free again: {plural(report.n_segments, 'segment')} merged")
        return True

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self.screen.say(text)
