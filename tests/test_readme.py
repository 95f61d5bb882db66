"""The README cannot fall behind: its SQL runs, its commands exist, its grid is valid, its links lead somewhere."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import typer.main

from app.commands import command
from app.sql import ask
from pipeline.spec import Grid
from store.reader import Reader

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else ""
EXAMPLES = (ROOT / "store" / "examples.sql").read_text(encoding="utf-8")


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
    named = set(
        re.findall(r"\bcalib-explorer ([a-z][a-z-]*)\b", "\n".join(re.findall(r"`[^`]+`", README) + blocks(r"\w*")))
    )
    assert named <= set(typer.main.get_command(command).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("grid", blocks("toml"))
def test_grids_are_valid(grid: str, tmp_path: Path) -> None:
    assert list(Grid.parse(tomllib.loads(grid), tmp_path / "grid.toml").runs())


def test_relative_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
