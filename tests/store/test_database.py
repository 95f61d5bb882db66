"""The store itself: its schema, comments, storage version, additive changes, and versions that meet."""

import dataclasses
import hashlib
from pathlib import Path

import duckdb
import pytest
from sample import Place, measured, rows

from store import database, schema
from store.errors import StoreError
from store.ingest import ingest
from store.reader import Reader
from store.schema import Column, tables
from store.view_files import view_files


def open_store(store: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(store))


def test_every_table_column_and_view_has_its_comment(place: Place) -> None:
    connection = duckdb.connect(str(place.store), read_only=True)
    found = dict(connection.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall())
    columns = "SELECT table_name, column_name, comment FROM duckdb_columns() JOIN duckdb_tables() USING (table_name)"
    columns = columns.replace("comment", "duckdb_columns.comment", 1)
    commented = {(table, column): comment for table, column, comment in connection.execute(columns).fetchall()}
    views = dict(connection.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
    connection.close()
    assert found == {table.name: table.comment for table in tables().values()}
    assert commented == {(table.name, c.name): c.comment for table in tables().values() for c in table.columns}
    assert all(commented.values())
    assert views == {view.name: view.comment for view in view_files()}
    assert all(views.values())


def test_older_duckdbs_can_open_it(place: Place) -> None:
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{place.store}' AS s (READ_ONLY)")
    tags = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 's'").fetchall()
    assert "v1.2.0" in str(tags)
    sizes = connection.execute("SELECT block_size FROM pragma_database_size() WHERE database_name = 's'")
    assert sizes.fetchall() == [(65536,)]
    connection.close()


def newer_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """This program as its next version: one table and two columns more."""
    known = dict(tables())
    measurement = known["measurement"]
    columns = (
        *measurement.columns,
        Column("temperature", "DOUBLE", False, None, "of the machine, °C"),
        Column("weather", "VARCHAR", True, "'dry'", "outside"),
    )
    known["measurement"] = dataclasses.replace(measurement, columns=columns)
    sql = "CREATE TABLE later(\n  a INTEGER\n);"
    known["later"] = schema.Table("later", sql, "Later.", (), (Column("a", "INTEGER", False, None, "a number"),))
    monkeypatch.setattr(database, "tables", lambda: known)
    pretend(monkeypatch, schema.VERSION + 1)


def pretend(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    monkeypatch.setattr(database, "VERSION", version)
    monkeypatch.setattr(database, "fingerprint", lambda: hashlib.sha256(str(version).encode()).hexdigest())


def test_what_is_missing_in_an_older_store_is_added_in_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    with monkeypatch.context() as later:
        newer_schema(later)
        place.run("b", "zh")
        ingest(place.store, place.runs)
    connection = open_store(place.store)
    assert len(measured(connection)) == 3
    added = connection.execute("SELECT DISTINCT temperature, weather FROM measurement").fetchall()
    assert added == [(None, "dry")]
    history = connection.execute("SELECT version, name FROM schema_migration ORDER BY version").fetchall()
    now = schema.VERSION
    assert history == [(now, "created"), (now + 1, "measurement.temperature, measurement.weather, later")]
    comment = connection.execute("SELECT comment FROM duckdb_columns() WHERE column_name = 'temperature'").fetchall()
    assert comment == [("of the machine, °C",)]
    connection.close()


def test_a_newer_store_is_refused_and_segments_wait(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        pretend(later, schema.VERSION + 1)
        ingest(place.store, place.runs)
    place.run("a")
    refused = rf"has schema {schema.VERSION + 1}; .* knows up to {schema.VERSION}. Upgrade calib-explorer"
    for use in (lambda: ingest(place.store, place.runs), lambda: Reader(place.store, place.runs).refresh()):
        with pytest.raises(StoreError, match=refused):
            use()
    with monkeypatch.context() as later:
        pretend(later, schema.VERSION + 1)
        assert ingest(place.store, place.runs).n_segments == 6


def test_an_older_store_can_be_read_as_it_is(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    connection = open_store(place.store)
    for view in reversed(view_files()):
        connection.execute(f"DROP VIEW {view.name}")
    connection.execute("ALTER TABLE measurement DROP COLUMN note; ALTER TABLE neuron_count DROP COLUMN mean_abs")
    connection.execute("DROP TABLE item")
    connection.execute("UPDATE schema_migration SET version = 0, fingerprint = 'old'")
    connection.close()
    reader = Reader(place.store, place.runs)
    reader.refresh()
    assert len(measured(reader.connection)) == 2
    with reader:
        assert reader.connection.execute("SELECT count(*), count(mean_abs) FROM neuron_count").fetchall() == [(4, 0)]
        assert reader.connection.execute("SELECT count(*) FROM item").fetchall() == [(0,)]
    ingest(place.store, place.runs)
    assert rows(place.store)["item"] == []


def test_what_cannot_be_added_asks_for_a_rebuild(place: Place) -> None:
    connection = open_store(place.store)
    for view in reversed(view_files()):
        connection.execute(f"DROP VIEW {view.name}")
    connection.execute("ALTER TABLE measurement ALTER value TYPE VARCHAR")
    connection.execute("UPDATE schema_migration SET version = 0")
    connection.close()
    with pytest.raises(StoreError, match=r"measurement.value is VARCHAR, not DOUBLE.*calib-explorer rebuild"):
        ingest(place.store, place.runs)
    connection = open_store(place.store)
    assert connection.execute("SELECT version FROM schema_migration").fetchall() == [(0,)]
    connection.close()


def test_somebody_elses_tables_and_views_stay(place: Place) -> None:
    connection = open_store(place.store)
    connection.execute("CREATE TABLE mine AS SELECT 1 AS x; CREATE VIEW my_view AS SELECT * FROM mine")
    connection.execute("UPDATE schema_migration SET fingerprint = 'old'")
    connection.close()
    place.run("a")
    ingest(place.store, place.runs)
    connection = open_store(place.store)
    assert connection.execute("SELECT x FROM my_view").fetchall() == [(1,)]
    connection.close()


def test_a_store_is_made_whole_or_not_at_all(bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_connection: duckdb.DuckDBPyConnection) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(database, "apply_views", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest(bare.store, bare.runs)
    assert not bare.store.exists()
    ingest(bare.store, bare.runs)
    assert bare.store.exists()
