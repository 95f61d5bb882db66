"""All findings, printed as they come."""

import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from platformdirs import user_cache_path

from app.doctor import hub, machine, screen, storage
from app.doctor.finding import Finding
from app.table import to_json
from app.terminal import colours, width

COLOURED = {"ok": "\x1b[32mok\x1b[0m  ", "warn": "\x1b[33mwarn\x1b[0m", "fail": "\x1b[31mfail\x1b[0m"}

INDENT = 16
"""Where what was seen begins."""


def report(store: Path, as_json: bool) -> bool:
    """Print the findings; False if one of them is a failure."""
    findings = []
    for finding in examine(store):
        findings.append(finding)
        if not as_json:
            print(line(finding, colours() != "none", width()), flush=True)
    if as_json:
        print(to_json([asdict(finding) for finding in findings]))
    return all(finding.status != "fail" for finding in findings)


def examine(store: Path) -> Iterator[Finding]:
    """Every finding. Torch is asked first and listened to last: it takes seconds."""
    asked = machine.start_asking_torch()
    try:
        cache = user_cache_path("calib-explorer", appauthor=False)
        yield machine.python()
        yield machine.memory()
        yield from machine.disks({"results": store.absolute().parent, "models": cache})
        yield hub.hub()
        yield hub.models(cache / "models")
        yield from storage.storage(store)
        yield from screen.screen()
        yield machine.torch(asked)
    finally:
        asked.kill()
        asked.wait()


def line(finding: Finding, coloured: bool, room: int | None) -> str:
    """Status, subject, what was seen, and under it what to do, in lines of `room` columns."""
    status = COLOURED[finding.status] if coloured else f"{finding.status:4}"
    seen = _wrap(finding.seen, room)
    advice = f"→ {finding.advice}".splitlines() if finding.advice else []
    lines = [*seen, *(part for text in advice for part in _wrap(text, room))]
    return "\n".join([f"{status}  {finding.subject:9} {lines[0]}", *(f"{'':{INDENT}}{part}" for part in lines[1:])])


def _wrap(text: str, room: int | None) -> list[str]:
    if room is None:
        return [text]
    return textwrap.wrap(text, max(20, room - INDENT), break_long_words=False, break_on_hyphens=False)
