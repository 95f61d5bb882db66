"""The command as a user meets it, in an empty folder."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from app.cli import main
from app.commands import command

COMMANDS = sorted(typer.main.get_command(command).commands)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Done:
    """How a call ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`calib-explorer ARGUMENTS` in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run_(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["calib-explorer", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main()
        return Done(code, *capsys.readouterr())

    return run_


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name: str, run: Run) -> None:
    done = run(name, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"calib-explorer {name}" in done.stdout


def test_every_example_of_show_and_sql_is_valid(run: Run) -> None:
    """The examples of the help, as far as they need no results of one's own."""
    assert run("show").returncode == 0
    assert run("show", "snr?model=Llama-3-8B-Instruct&method=sparsegpt", "--source", "paper").returncode == 0
    assert run("show", "acc?task=belebele&source=paper", "--format", "csv").returncode == 0
    assert run("show", "paper_table6").returncode == 0
    assert run("show", "runs", "--format", "json").returncode == 0
    assert run("sql", "FROM metrics LIMIT 5").returncode == 0


def test_without_a_terminal_the_explorer_names_show(run: Run) -> None:
    done = run()
    assert done.returncode == 2
    assert "calib-explorer show" in done.stderr


def test_the_paper_is_there_without_any_run(run: Run) -> None:
    text = run("show", "perplexity?source=paper&model=llama-3-8b-instruct&method=wanda").stdout
    assert "lower is better" in text
    assert "26.3*" in text
    assert "is the best calibration in 6 of 7 columns" in text
    rows = list(csv.reader(io.StringIO(run("show", "perplexity?source=paper", "--format", "csv").stdout)))
    assert rows[0] == ["calibration", "ar", "de", "en", "es", "ru", "sw", "zh"]
    data = json.loads(run("show", "perplexity?source=paper", "--format", "json").stdout)
    assert data["better"] == "lower"
    assert len(data["cells"]) == 49
    assert r"\toprule" in run("show", "perplexity?source=paper", "--format", "latex").stdout


def test_the_sql_behind_a_matrix_and_a_view_runs(run: Run) -> None:
    behind = run("show", "perplexity?source=paper", "--sql").stdout
    assert run("sql", stdin=behind).stdout.splitlines()[-1] == "(49 rows)"
    assert "CREATE OR REPLACE VIEW metrics" in run("show", "metrics", "--sql").stdout


def test_nothing_measured_yet_is_no_error(run: Run) -> None:
    done = run("show", "perplexity?method=wanda")
    assert done.returncode == 0, done.stderr
    assert "nothing measured yet" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "perplexety?source=paper"), "did you mean 'perplexity'?"),
        (("show", "perplexity?metod=wanda"), "did you mean 'method'?"),
        (("show", "perplexity?source=paper&method=wandda"), "did you mean 'wanda'?"),
        (("sql", "SELECT langage FROM metrics"), '"language"'),
        (("sql", "SELEC 1"), "syntax error"),
        (("sql", "DELETE FROM run"), "only reads"),
        (("sql",), "no query"),
        (("run", "nowhere.toml"), "nowhere.toml"),
        (("run", "demo", "--device", "cuda:99"), "cuda:99"),
        (("run", "demo", "--workers", "0"), "--workers"),
        (("run", "demo", "--model"), "--model"),
        (("runs", "--cancel", "nothing"), "no grid or run 'nothing'"),
        (("merge", "nowhere"), "nowhere"),
        (("ingest", "--store", "nowhere/results.duckdb"), "no folder"),
        (("--view", "snr", "show"), "--view"),
        (("shwo",), "shwo"),
        (("show", "--format", "xml"), "xml"),
    ],
)
def test_bad_input_is_one_clear_message_and_exit_code_2(arguments: tuple[str, ...], says: str, run: Run) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"), [(["nowhere.toml"], "nowhere.toml"), (["demo", "--device", "cuda:99"], "cuda:99")]
)
def test_headless_this_process_becomes_the_pipeline(arguments: list[str], says: str, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "app.cli", "run", "--headless", *arguments]
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(line, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dry_run_stays_in_the_foreground_and_starts_nothing(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "app.cli", "run", "demo", "--dry-run"]
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HF_HOME": str(tmp_path / "hub")}
    done = subprocess.run(line, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "there, 9 to do" in done.stdout
    assert "download 93 MB (800 MB on disk)" in done.stdout
    assert not list(tmp_path.glob("r*"))  # neither runs nor results.duckdb


def test_sql_prints_text_csv_and_json_and_reads_pipes(run: Run) -> None:
    query = (
        "SELECT calibration, language, value FROM metrics WHERE paper_table = 6 AND quantity = 'perplexity' LIMIT 2"
    )
    assert run("sql", query).stdout.splitlines()[-1] == "(2 rows)"
    assert len(json.loads(run("sql", query, "--format", "json").stdout)) == 2
    assert run("sql", "--format", "csv", stdin=query).stdout.startswith("calibration,language,value\n")


def test_sql_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    run("sql", "FROM runs LIMIT 1")
    run("show", "perplexity?source=paper")
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


def test_a_file_that_is_no_store_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "results.duckdb").write_text("something else")
    done = run("show", "perplexity?source=paper")
    assert done.returncode == 2
    assert "results.duckdb" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    line = f"'{sys.executable}' -m app.cli sql 'FROM metrics' --format csv | head -n 1"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("run_id,")
    assert done.stderr == ""


def test_doctor_says_ok_warn_or_fail_of_everything(run: Run) -> None:
    done = run("doctor", "--json")
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert {"python", "torch", "memory", "disk", "hub", "models", "store", "runs", "terminal"} <= set(findings)
    assert all(finding["status"] in ("ok", "warn", "fail") for finding in findings.values())
    assert findings["torch"]["status"] == "ok", findings["torch"]
    assert done.returncode == any(finding["status"] == "fail" for finding in findings.values())


def test_runs_of_an_empty_folder(run: Run) -> None:
    assert "No run" in run("runs").stdout
    assert json.loads(run("runs", "--format", "json").stdout) == []


def test_the_store_may_be_named_before_the_command_and_by_its_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert run("--store", "there", "ingest").stdout == "there/results.duckdb is up to date.\n"
    assert run("show", "perplexity", "--store", "there").stdout == "perplexity · nothing measured yet\n\n"
    assert "no elsewhere.duckdb" in run("--store", "elsewhere.duckdb", "show", "perplexity").stdout
