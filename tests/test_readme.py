"""The README cannot fall behind: its SQL runs, its commands exist, its grid is valid, its links lead somewhere."""

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import typer.main

from app.cli import main
from app.commands import command
from app.sql import ask
from pipeline.spec import Grid
from store.reader import Reader

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else ""
EXAMPLES = (ROOT / "store" / "examples.sql").read_text(encoding="utf-8")


LINES = [shlex.split(line, comments=True) for line in re.findall(r"^ {4}(calib-explorer\b.*)$", README, re.MULTILINE)]
"""The command lines of indented blocks, in words."""


def blocks(language: str) -> list[str]:
    """The fenced code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def papers_numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A store that no run has written to: it holds the paper's numbers."""
    folder = tmp_path_factory.mktemp("store")
    with Reader(folder / "results.duckdb", folder / "runs") as reader:
        reader.refresh()
        yield reader.connection


@pytest.mark.parametrize("query", [*blocks("sql"), *filter(str.strip, EXAMPLES.split(";\n"))])
def test_sql_runs(query: str, papers_numbers: duckdb.DuckDBPyConnection) -> None:
    statements = papers_numbers.extract_statements(query)
    assert statements, "a block of SQL without a statement"
    for statement in statements:
        assert ask(papers_numbers, statement.query).columns


def test_commands_exist() -> None:
    named = {line[1] for line in LINES if len(line) > 1 and not line[1].startswith("-")}
    named |= set(re.findall(r"`calib-explorer ([a-z][a-z-]*)\b", README))
    assert named <= set(typer.main.get_command(command).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", [line for line in LINES if {"show", "sql", "runs"}.intersection(line[1:2])])
def test_commands_that_only_read_work_before_any_run(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", line)
    assert main() == 0, capsys.readouterr().err


@pytest.mark.parametrize("grid", blocks("toml"))
def test_grids_are_valid(grid: str, tmp_path: Path) -> None:
    assert list(Grid.parse(tomllib.loads(grid), tmp_path / "grid.toml").runs())


def test_relative_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
