"""What became of a grid, in words and as an exit code."""

from dataclasses import dataclass, field

DONE, SOME_FAILED, BAD_INPUT, BUSY, INTERRUPTED = 0, 1, 2, 75, 130


@dataclass
class Outcome:
    """Runs by what became of them. failed: reason by run_id."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        return SOME_FAILED if self.failed else DONE


def failures(failed: dict[str, str]) -> list[str]:
    """A line for each reason, however many runs share it."""
    by_reason: dict[str, list[str]] = {}
    for run_id, reason in failed.items():
        by_reason.setdefault(reason, []).append(run_id)
    return [f"failed: {_several(ids)}: {reason}" for reason, ids in by_reason.items()]


def plural(count: int, noun: str) -> str:
    """ "1 run", "9 runs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _several(ids: list[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{len(ids)} runs ({ids[0]} and others)"
