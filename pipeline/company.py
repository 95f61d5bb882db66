"""Runs of one model that a worker does together: pruned one after the other, then measured in the same walks.

Each keeps to itself: what fails, fails for its run alone, and a walk that can't be shared is made for each.
"""

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.attempt import Attempt, logged
from pipeline.devices import DeviceError
from pipeline.engine import Ended, Told
from pipeline.progress import Report
from pipeline.record import AnotherModel
from pipeline.worker import failure
from store.errors import JournalFull

if TYPE_CHECKING:
    from pipeline.shared_walk import Wish

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Member:
    """A run of the company. wish: the walk that it waits for."""

    attempt: Attempt
    work: "Generator[Report | Wish, None, None]"
    wish: "Wish | None" = None
    error: Exception | None = None

    @property
    def run_id(self) -> str:
        return self.attempt.todo.run.run_id

    def onward(self) -> Iterator[Told | Ended]:
        """Until it wishes for a walk, or ends. Raises what no other run would be spared."""
        self.wish = None
        with logged(self.attempt.folder):
            try:
                for each in self.work:
                    if not isinstance(each, Report):
                        self.wish = each
                        return
                    yield Told(self.run_id, each)
            except (JournalFull, DeviceError):
                raise
            except Exception as error:
                self.error = error
                yield Ended(self.run_id, failure(error))
            else:
                yield Ended(self.run_id)

    def told(self, report: Report) -> Told:
        return Told(self.run_id, self.attempt.tell(report))


def keep_company(members: Sequence[Member]) -> Iterator[Told | Ended]:
    """Do them all. Raises what made the first one fail to load its model: it would be the same for the others."""
    try:
        for member in members:
            yield from member.onward()
            at_load = member.attempt.course.report.stage == "load"
            if member.error is not None and at_load and not isinstance(member.error, AnotherModel):
                raise member.error
            if member.wish is not None and len(members) > 1:
                yield member.told(Report(member.wish.stage, detail="until the others are pruned", waiting=True))
        while waiting := [member for member in members if member.wish is not None]:
            same = [member for member in waiting if _key(member) == _key(waiting[0])]
            yield from _walk(same)
            for member in same:
                yield from member.onward()
    finally:
        for member in members:
            member.work.close()


def _walk(members: Sequence[Member]) -> Iterator[Told]:
    """One walk for all; where that fails, one for each, and the error for whom it fails again."""
    from pipeline.shared_walk import walked

    wishes = [member.wish for member in members if member.wish is not None]
    try:
        with ExitStack() as logs:
            for member in members:
                logs.enter_context(logged(member.attempt.folder))
            for step in walked(wishes):
                for member, wish in zip(members, wishes, strict=True):
                    yield member.told(wish.report(step, len(members)))
    except Exception as error:
        if len(members) == 1:
            wishes[0].error = error
            return
        log.warning("a walk for %d runs failed (%s); walking for each", len(members), error)
        for member in members:
            yield from _walk([member])


def _key(member: Member) -> object:
    return None if member.wish is None else member.wish.key
