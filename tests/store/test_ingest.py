"""Segments into the store: exactly once, whatever the order, whoever holds the file, whatever is broken."""

import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars
import pytest
from sample import Place, held, measured, rows

from store.ingest import ingest
from store.journal import Journal


def numbers(store: Path) -> list[tuple[object, ...]]:
    connection = duckdb.connect(str(store), read_only=True)
    try:
        return measured(connection)
    finally:
        connection.close()


def test_what_was_written_is_there_once(place: Place) -> None:
    place.run("a")
    place.run("b", "zh")
    report = ingest(place.store, place.runs)
    assert (report.n_segments, report.n_rows, report.held_by) == (10, 16, None)
    assert (report.quarantined, report.waiting) == ([], [])
    assert ingest(place.store, place.runs).n_segments == 0
    assert numbers(place.store) == [("a", "de", 1.0), ("a", "en", 1.0), ("b", "zh", 1.0)]
    connection = duckdb.connect(str(place.store), read_only=True)
    noted = connection.sql("SELECT target, count(*), sum(n_rows) FROM segment GROUP BY ALL ORDER BY ALL").fetchall()
    connection.close()
    assert noted == [("evaluation", 2, 2), ("measurement", 3, 6), ("neuron_count", 3, 6), ("run", 2, 2)]
    assert not Path(f"{place.store}.wal").exists()


def test_a_unit_replaces_its_earlier_writing_as_a_whole(place: Place) -> None:
    journal = place.run("a", value=1.0)
    ingest(place.store, place.runs)
    place.number(journal, "de", 2.0)
    row = {"evaluation": "perplexity-1", "measure": "perplexity", "quantity": "perplexity", "unit": "ppl"}
    journal.write("measurement", [{**row, "language": "en", "value": 3.0}])
    journal.write("run", [{"status": "failed", "model": "m", "method": "wanda", "error": "out of memory"}])
    ingest(place.store, place.runs)
    found = rows(place.store)
    ours = [row for row in found["measurement"] if row[1] == "perplexity-1"]
    assert sorted((row[7], row[3], row[10]) for row in ours) == [
        ("de", "bits_per_byte", 2.0), ("de", "perplexity", 2.0), ("en", "perplexity", 3.0)
    ]  # fmt: skip
    assert [row[3] for row in found["run"] if row[2] == "run"] == ["failed"]


def test_order_of_arrival_does_not_matter(place: Place) -> None:
    journal = place.run("a")
    for value in (2.0, 3.0):
        place.number(journal, "de", value)
    ingest(place.store, place.runs)
    expected = rows(place.store)
    whole = sorted(path.name for path in journal.folder.journal.iterdir())
    for seed in range(5):
        other = place.beside(str(seed))
        order = random.Random(seed).sample(whole, len(whole))
        target = other.journal("a").folder.journal
        for index, name in enumerate(order):
            (target / name).write_bytes((journal.folder.journal / name).read_bytes())
            if index % 3 == 0 or index == len(order) - 1:
                ingest(other.store, other.runs)
        assert rows(other.store) == expected


@pytest.mark.parametrize("ingested_before", [False, True])
@pytest.mark.parametrize("killed_half_way", [False, True])
def test_compaction_changes_no_row(place: Place, ingested_before: bool, killed_half_way: bool) -> None:
    journal = place.run("a")
    place.number(journal, "de", 2.0)
    first = place.beside("first")
    ingest(first.store, place.runs)
    if ingested_before:
        ingest(place.store, place.runs)
    originals = {path: path.read_bytes() for path in journal.folder.journal.iterdir()}
    journal.compact()
    if killed_half_way:
        for path, data in originals.items():
            path.write_bytes(data)
    ingest(place.store, place.runs)
    assert rows(place.store) == rows(first.store)


@pytest.mark.parametrize("mode", ["read_only", "read_write"])
def test_a_held_store_delays_and_is_named(place: Place, mode: str) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    journal = place.run("b")
    with held(place.store, mode) as pid:
        report = ingest(place.store, place.runs)
        assert report.held_by is not None
        assert (report.held_by.pid, report.held_by.read_write) == (pid, mode == "read_write")
        assert str(report.held_by).startswith("python")
        assert f"(process {pid})" in str(report.held_by)
        place.number(journal, "zh", 1.0)
    report = ingest(place.store, place.runs, wait_s=5)
    assert report.held_by is None
    assert report.n_segments == 7


def test_a_store_held_by_this_very_process_delays_too(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    place.run("b")
    connection = duckdb.connect(str(place.store))
    assert ingest(place.store, place.runs).held_by is not None
    connection.execute("CREATE TABLE mine AS SELECT 1 AS x")
    connection.close()
    assert ingest(place.store, place.runs).n_segments == 6
    assert len(numbers(place.store)) == 4


def rewrite(path: Path, change: Callable[[polars.DataFrame], polars.DataFrame]) -> None:
    with path.open("rb") as file:
        frame = change(polars.read_parquet(file))
    with path.open("wb") as file:
        frame.write_parquet(file)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "short": lambda path: path.write_bytes(path.read_bytes()[:-200]),
    "noise": lambda path: path.write_bytes(b"\x17" * 999),
    "text": lambda path: path.write_bytes(b"PAR1hiPAR1"),
    "NULL": lambda path: rewrite(path, lambda rows: rows.with_columns(evaluation=polars.lit(None, polars.String))),
    "no column": lambda path: rewrite(path, lambda rows: rows.drop("unit")),
    "other type": lambda path: rewrite(path, lambda rows: rows.with_columns(value=polars.lit("much"))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_segment_is_set_aside_and_told(place: Place, damage: str) -> None:
    journal = place.run("a")
    broken = place.number(journal, "zh", 1.0)
    DAMAGES[damage](broken)
    (told,) = ingest(place.store, place.runs).quarantined
    assert str(broken) in told
    assert broken.with_name(broken.name + ".corrupt").exists()
    assert not broken.exists()
    assert numbers(place.store) == [("a", "de", 1.0), ("a", "en", 1.0)]
    place.number(journal, "zh", 5.0)
    assert ingest(place.store, place.runs).quarantined == []
    assert numbers(place.store)[-1] == ("a", "zh", 5.0)


def test_two_rows_where_there_may_be_one_are_set_aside(place: Place) -> None:
    journal = place.run("a")
    rewrite(next(journal.folder.journal.glob("*-run.parquet")), lambda rows: polars.concat([rows, rows]))
    assert len(ingest(place.store, place.runs).quarantined) == 1
    assert [row for row in rows(place.store)["run"] if row[2] == "run"] == []


def test_segments_of_a_newer_program_wait_for_it(place: Place) -> None:
    journal = place.run("a")
    newer = place.number(journal, "zh", 1.0)
    rewrite(newer, lambda rows: rows.with_columns(temperature=polars.lit(0.5)))
    stranger = newer.with_name(newer.name.replace("measurement", "weather"))
    stranger.write_bytes(newer.read_bytes())
    report = ingest(place.store, place.runs)
    assert report.n_segments == 6
    assert len(report.waiting) == 2
    assert "measurement.temperature" in report.waiting[0]
    assert "'weather'" in report.waiting[1]
    assert newer.exists()
    assert stranger.exists()
    assert len(numbers(place.store)) == 2


def test_segments_of_an_older_program_get_defaults(place: Place) -> None:
    journal = place.run("a", "de")
    for path in journal.folder.journal.glob("*measurement*"):
        rewrite(path, lambda rows: rows.drop("better"))
    assert ingest(place.store, place.runs).n_segments == 4
    ours = [row for row in rows(place.store)["measurement"] if row[1] == "perplexity-1"]
    assert {(row[5], row[13]) for row in ours} == {("", None)}


def test_one_ingester_at_a_time(place: Place) -> None:
    from store.intake import elected

    place.run("a")
    with elected(place.store, 0.0):
        report = ingest(place.store, place.runs)
    assert not report.elected
    assert report.n_segments == 0
    assert ingest(place.store, place.runs).n_segments == 6


def test_large_ingests_take_several_transactions(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.intake._BATCH_BYTES", 10_000)
    for index in range(5):
        place.run(f"r{index}")
    assert ingest(place.store, place.runs).n_segments == 30
    assert len(numbers(place.store)) == 10


def test_run_ids_and_keys_are_one_to_one(place: Place) -> None:
    from store.stage import run_key

    place.run("smollm2-wanda-0.5-de+en-s0-1f2e3d4c")
    ingest(place.store, place.runs)
    assert all(row[0] == run_key(row[1]) for row in rows(place.store)["run"])
    assert isinstance(place.journal("x"), Journal)
