"""The one thread that talks to the store, so that nothing on screen ever waits for it."""

import contextlib
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from store.errors import StoreError

if TYPE_CHECKING:
    from store.reader import Reader

Question = Callable[["Reader"], Message | None]
"""Asks the store something; the answer is a message, or None when there is nothing to say."""

Reply = Callable[[Message], object]
"""Takes an answer; called in the store's thread. Textual's `post_message` is one."""


class StoreFailed(Message):
    """The store cannot be read. `text` says what is wrong with which file and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class StoreThread:
    """Answers questions one after another. A question replaces an earlier one of its kind that still waits."""

    def __init__(self, store: Path, runs: Path) -> None:
        self._paths = store, runs
        self._waiting: dict[str, tuple[Question, Reply]] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._busy = False
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)

    def start(self) -> None:
        """Open the store, in the thread; DuckDB is imported there."""
        self._thread.start()

    def ask(self, kind: str, question: Question, reply: Reply) -> None:
        """Answer `question` when those before it are answered."""
        with self._changed:
            self._waiting[kind] = question, reply
            self._changed.notify()

    @property
    def idle(self) -> bool:
        """Whether everything that was asked is answered."""
        with self._changed:
            return not self._waiting and not self._busy

    def stop(self, wait_s: float = 0.5) -> None:
        """Answer nothing more. Waits for the question being answered: DuckDB complains aloud when it is torn down
        with a connection in use."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def _next(self) -> tuple[Question, Reply] | None:
        with self._changed:
            self._busy = False
            self._changed.wait_for(lambda: self._waiting or self._stopped)
            if self._stopped:
                return None
            self._busy = True
            return self._waiting.pop(next(iter(self._waiting)))

    def _work(self) -> None:
        with contextlib.ExitStack() as closing:
            reader = None
            while waiting := self._next():
                question, reply = waiting
                try:
                    if reader is None:
                        import store.reader

                        reader = store.reader.Reader(*self._paths, views=())
                        closing.callback(reader.close)
                    answer = question(reader)
                except StoreError as error:
                    answer = StoreFailed(str(error))
                except Exception as error:
                    answer = StoreFailed(_mistake(error))
                if answer is not None and not self._stopped:
                    with contextlib.suppress(RuntimeError):  # the event loop is gone: the explorer is closing
                        reply(answer)


def _mistake(error: Exception) -> str:
    told = f"A mistake in calib-explorer itself, please report it: {type(error).__name__}: {error}"
    return f"{told}\n{traceback.format_exc()}"
