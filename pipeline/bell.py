"""Being asked to stop: by Ctrl-C, a signal, a terminal that goes away, or a file."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType


@dataclass
class Bell:
    """Rings when somebody wants the driver to stop: a signal, or a file `cancel` in the grid's folder."""

    cancel: Path
    rung: bool = False

    def ring(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        self.rung = True

    def heard(self) -> bool:
        """Whether it is time to stop."""
        return self.rung or self.cancel.exists()


@contextmanager
def listening(bell: Bell) -> Iterator[Bell]:
    """While it lasts, Ctrl-C, SIGTERM and a terminal that goes away ring the bell (SIGHUP not under `nohup`)."""
    before = {number: signal.signal(number, bell.ring) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, bell.ring)
    try:
        yield bell
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
