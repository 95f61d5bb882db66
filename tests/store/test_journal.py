"""The journal: durable, whole, typed, compacted without losing or doubling anything."""

import errno
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import polars
import pytest

from store import files
from store.errors import JournalFull
from store.folders import RunFolder
from store.frames import dtype
from store.journal import Journal, next_attempt, units
from store.schema import Table, journalled, tables
from store.segments import all_segments

ROW = {"evaluation": "e", "measure": "perplexity", "quantity": "perplexity", "unit": "ppl", "language": "de"}
SAMPLES: dict[str, Any] = {
    "VARCHAR": "x", "JSON": {"a": [1]}, "BOOLEAN": True, "INTEGER": 1, "BIGINT": 2, "USMALLINT": 3, "UINTEGER": 4,
    "FLOAT": 0.5, "DOUBLE": 0.25, "TIMESTAMPTZ": datetime(2025, 1, 1, tzinfo=UTC), "VARCHAR[]": ["de"],
    "INTEGER[]": [1, 2], "FLOAT[]": [0.5], "DOUBLE[]": [0.5, 1.5],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.at(tmp_path / "runs", "r1").create({"run_id": "r1"})


def read(path: Path) -> polars.DataFrame:
    with path.open("rb") as file:
        return polars.read_parquet(file)


def test_every_line_of_the_schema_was_understood() -> None:
    for table in tables().values():
        assert len(table.columns) == table.sql.count(" -- ") == table.sql.count("\n") - 1, table.name
        assert set(table.unit) <= {column.name for column in table.columns}
        assert not table.unit or table.columns[-1].name == "written_at"


@pytest.mark.parametrize("table", journalled().values(), ids=lambda table: table.name)
def test_every_table_takes_a_full_row(folder: RunFolder, table: Table) -> None:
    names = {column.name: column.type for column in table.journal_columns}
    row = {name: SAMPLES[kind] for name, kind in names.items() if name not in ("run_id", "written_at")}
    data = read(Journal(folder, 1).write(table.name, [row]))
    assert data.columns == list(names)
    assert dict(data.schema) == {name: dtype(kind) for name, kind in names.items()}
    assert data.null_count().sum_horizontal().item() == 0


def test_defaults_and_stamps_are_filled_in(folder: RunFolder) -> None:
    path = Journal(folder, 2).write("measurement", [{**ROW, "value": numpy.float32(1.5)}])
    row = read(path).row(0, named=True)
    assert (row["run_id"], row["task"], row["block"], row["better"], row["value"]) == ("r1", "", -1, "", 1.5)
    assert "note" not in row
    segment = next(all_segments(folder.path.parent))
    assert (segment.attempt, segment.table, segment.name) == (2, "measurement", f"r1/{path.name}")
    assert segment.time_ns == int(row["written_at"].timestamp() * 1e6) * 1000


@pytest.mark.parametrize(
    ("table", "rows", "message"),
    [
        ("mesurement", [ROW], "no table 'mesurement'"),
        ("measurement", [], "no rows"),
        ("measurement", [{**ROW, "quantiy": 1}], "did you mean 'quantity'"),
        ("measurement", [{**ROW, "unit": None}], "measurement.unit: NULL"),
        ("measurement", [{**ROW, "value": "many"}], "measurement: "),
        ("measurement", polars.DataFrame({**ROW, "n": "many"}), "measurement: "),
        ("evaluation", [{"evaluation": "e", "measure": "m"}] * 2, "two rows with the same evaluation"),
    ],
)
def test_rows_that_do_not_fit_are_refused(folder: RunFolder, table: str, rows: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Journal(folder, 1).write(table, rows)
    assert list(folder.journal.iterdir()) == []


def test_times_only_grow_even_if_the_clock_does_not(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Journal(folder, 1).write("measurement", [ROW])
    monkeypatch.setattr("time.time_ns", lambda: 1000)
    second = Journal(folder, 2).write("measurement", [ROW])
    assert first.name < second.name
    assert next_attempt(folder) == 3


def test_units_are_what_was_measured(folder: RunFolder) -> None:
    assert units(folder) == set()
    journal = Journal(folder, 1)
    journal.write("measurement", [ROW, {**ROW, "quantity": "bits_per_byte", "unit": "bits/byte"}])
    broken = journal.write("measurement", [{**ROW, "language": "en"}])
    broken.write_bytes(broken.read_bytes()[:100])
    assert units(folder) == {("e", "perplexity", "", "de")}
    assert units(RunFolder(folder.path / "nothing")) == set()


def test_compaction_keeps_the_last_writing_of_each_unit(folder: RunFolder) -> None:
    journal = Journal(folder, 1)
    journal.write("measurement", [{**ROW, "value": 1.0}, {**ROW, "quantity": "extra", "value": 9.0}])
    journal.write("measurement", [{**ROW, "value": 2.0}])
    journal.write("measurement", [{**ROW, "language": "en", "value": 3.0}])
    journal.write("run", [{"status": "running", "model": "m", "method": "dense"}])
    journal.write("run", [{"status": "done", "model": "m", "method": "dense"}])
    (folder.journal / ".x.parquet.1.tmp").write_bytes(b"left by a killed process")
    journal.compact()
    found = {segment.table: read(segment.path) for segment in all_segments(folder.path.parent)}
    assert len(list(folder.journal.iterdir())) == 2
    assert found["run"]["status"].to_list() == ["done"]
    values = found["measurement"].sort("language").select("language", "quantity", "value").rows()
    assert values == [("de", "perplexity", 2.0), ("en", "perplexity", 3.0)]
    before = sorted(folder.journal.iterdir())
    journal.compact()
    assert sorted(folder.journal.iterdir()) == before


def test_compaction_after_a_killed_one_doubles_nothing(folder: RunFolder) -> None:
    journal = Journal(folder, 1)
    originals = [journal.write("measurement", [{**ROW, "language": language}]) for language in ("de", "en")]
    data = [path.read_bytes() for path in originals]
    journal.compact()
    for path, content in zip(originals, data, strict=True):
        path.write_bytes(content)
    journal.compact()
    (left,) = folder.journal.iterdir()
    assert sorted(read(left)["language"]) == ["de", "en"]


def test_compaction_leaves_what_it_cannot_read(folder: RunFolder) -> None:
    journal = Journal(folder, 1)
    paths = [journal.write("measurement", [{**ROW, "language": language}]) for language in ("de", "en", "es")]
    paths[0].write_bytes(b"PAR1 nonsense")
    journal.compact()
    assert paths[0].exists()
    assert len(list(folder.journal.iterdir())) == 2
    assert {unit[3] for unit in units(folder)} == {"en", "es"}


def test_a_full_disk_is_told_and_leaves_the_rest(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(folder, 1)
    journal.write("measurement", [ROW])

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(JournalFull, match=r"no space left to write .*goes on from there"):
            journal.write("measurement", [{**ROW, "language": "en"}])
    assert len(list(folder.journal.iterdir())) == 1
    journal.write("measurement", [{**ROW, "language": "en"}])
    assert len(units(folder)) == 2
