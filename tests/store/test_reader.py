"""The reader: the store, what is not in it yet, and the paper's numbers; whoever holds the file."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from sample import Place, held, measured

from store.errors import StoreError
from store.ingest import ingest
from store.journal import Journal
from store.reader import Reader, open_reader
from store.schema import journalled
from store.view_files import view_files

DE_EN = [("a", "de", 1.0), ("a", "en", 1.0)]


def neurons(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    found: tuple[int, int] = connection.execute("SELECT count(*), sum(n_active)::INT FROM neuron_count").fetchall()[0]
    return found


def inside(reader: Reader) -> tuple[int, int]:
    with reader:
        return neurons(reader.connection)


def test_without_anything_there_are_the_papers_numbers(bare: Place) -> None:
    reader = Reader(bare.store, bare.runs)
    freshness = reader.refresh()
    assert (freshness.held_by, freshness.overlay_segments, freshness.stale) == (None, 0, False)
    assert reader.connection.execute("SELECT count(*) FROM metrics WHERE source = 'paper'").fetchall() == [(5476,)]
    assert inside(reader) == (0, None)
    assert not bare.store.exists()


def test_every_table_and_view_is_there(bare: Place) -> None:
    with open_reader(bare.store, bare.runs) as connection:
        for name in [*journalled(), *(view.name for view in view_files())]:
            connection.execute(f"SELECT * FROM {name} LIMIT 1").fetchall()


def test_the_first_refresh_is_quick_and_the_second_makes_every_view(bare: Place) -> None:
    reader = Reader(bare.store, bare.runs)
    made = []
    for _ in range(2):
        reader.refresh()
        made.append({row[0] for row in reader.connection.execute("SELECT view_name FROM duckdb_views()").fetchall()})
    assert len(made[0] & {view.name for view in view_files()}) < 10
    assert made[1] >= {view.name for view in view_files()}


def test_each_view_alone_brings_what_it_reads(bare: Place) -> None:
    """A command that shows one view waits for no other. The last ones of the list read the most others."""
    for name in [view.name for view in view_files()[::-9]]:
        reader = Reader(bare.store, bare.runs, views=[name])
        with reader:
            reader.refresh()
            reader.connection.execute(f"SELECT * FROM {name} LIMIT 1").fetchall()
            made = {row[0] for row in reader.connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
            assert name == "figure13" or "figure13" not in made
        reader.close()


@pytest.mark.parametrize("store_exists", [False, True])
def test_results_are_shown_before_and_after_they_are_moved_in(bare: Place, place: Place, store_exists: bool) -> None:
    here = place if store_exists else bare
    reader = Reader(here.store, here.runs)
    reader.refresh()
    here.run("a")
    before = reader.refresh()
    assert before.overlay_segments == 6
    assert measured(reader.connection) == DE_EN
    assert inside(reader) == (4, 12)
    ingest(here.store, here.runs)
    after = reader.refresh()
    assert after.overlay_segments == 0
    assert measured(reader.connection) == DE_EN
    with reader:
        assert reader.refresh().overlay_segments == 0
        assert measured(reader.connection) == DE_EN
        assert neurons(reader.connection) == (4, 12)
    assert measured(Reader(here.store, here.runs).connection) == DE_EN


def test_a_pending_unit_hides_its_earlier_writing(place: Place) -> None:
    journal = place.run("a")
    place.run("b", "zh")
    ingest(place.store, place.runs)
    reader = Reader(place.store, place.runs)
    reader.refresh()
    place.number(journal, "de", 7.0)
    rewrite_neurons(journal)
    reader.refresh()
    assert measured(reader.connection) == [("a", "de", 7.0), ("a", "en", 1.0), ("b", "zh", 1.0)]
    assert inside(reader) == (5, 3 + 3 + 3 + 3 + 40)
    reader.close()


def rewrite_neurons(journal: Journal) -> None:
    count = {"evaluation": "lape-1", "language": "de", "block": 0, "neuron": 5, "n_active": 40}
    journal.write("neuron_count", [count])


def test_a_large_table_written_twice_counts_once_while_pending(place: Place) -> None:
    journal = place.run("a")
    rewrite_neurons(journal)
    reader = Reader(place.store, place.runs)
    assert inside(reader) == (3, 3 + 3 + 40)
    with reader:
        rewrite_neurons(journal)
        reader.refresh()
        assert neurons(reader.connection) == (3, 3 + 3 + 40)


def test_what_others_moved_in_unseen_is_shown(place: Place) -> None:
    place.run("a")
    reader = Reader(place.store, place.runs)
    reader.refresh()
    journal = place.run("b", "zh")
    place.run("c", "zh")
    ingest(place.store, place.runs)
    shutil.rmtree(journal.folder.path)
    first = reader.refresh()
    assert [row[0] for row in measured(reader.connection)] == ["a", "a", "b", "c"]
    assert reader.refresh() == first


def test_compaction_changes_nothing_shown(place: Place) -> None:
    journal = place.run("a")
    ingest(place.store, place.runs)
    reader = Reader(place.store, place.runs)
    reader.refresh()
    journal.compact()
    reader.refresh()
    assert measured(reader.connection) == DE_EN
    assert inside(reader) == (4, 12)


@pytest.mark.parametrize("started", ["before", "while held"])
def test_a_store_held_to_write_is_named_and_everything_shown(place: Place, started: str) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    reader = Reader(place.store, place.runs)
    if started == "before":
        reader.refresh()
    with held(place.store, "read_write") as pid:
        freshness = reader.refresh()
        assert freshness.held_by is not None
        assert freshness.held_by.pid == pid
        assert freshness.stale == (started == "while held")
        place.run("b", "zh")
        reader.refresh()
        assert measured(reader.connection) == [*DE_EN, ("b", "zh", 1.0)]
        assert inside(reader) == (6, 18)
        with reader:
            assert measured(reader.connection) == [*DE_EN, ("b", "zh", 1.0)]
    freshness = reader.refresh()
    assert (freshness.held_by, freshness.stale) == (None, False)
    assert measured(reader.connection) == [*DE_EN, ("b", "zh", 1.0)]


def test_large_tables_are_not_empty_outside_but_an_error(place: Place) -> None:
    place.run("a")
    reader = Reader(place.store, place.runs)
    for _ in range(2):
        reader.refresh()
        for question in ("SELECT count(*) FROM neuron_count", "SELECT * FROM tensor", "SELECT item FROM item"):
            with pytest.raises(duckdb.Error, match="inside 'with reader:' only"):
                reader.connection.execute(question).fetchall()
        assert inside(reader) == (4, 12)


def test_a_reader_is_no_obstacle_between_refreshes(place: Place) -> None:
    place.run("a")
    reader = Reader(place.store, place.runs)
    reader.refresh()
    assert ingest(place.store, place.runs).held_by is None
    other = duckdb.connect(str(place.store))
    other.execute("DELETE FROM measurement WHERE language = 'en' AND evaluation = 'perplexity-1'")
    other.close()
    reader.refresh()
    assert measured(reader.connection) == [("a", "de", 1.0)]


def test_a_store_held_to_read_is_read(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    with held(place.store, "read_only"):
        reader = Reader(place.store, place.runs)
        assert reader.refresh().held_by is None
        assert measured(reader.connection) == DE_EN


def test_an_ingester_passing_by_is_no_holder(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    reader = Reader(place.store, place.runs)
    reader.refresh()
    with held(place.store, "read_write") as pid:
        threading.Timer(0.1, os.kill, (pid, signal.SIGKILL)).start()
        assert reader.refresh().held_by is None


def test_nothing_changed_is_told_by_the_revision(place: Place) -> None:
    journal = place.run("a")
    reader = Reader(place.store, place.runs)
    first = reader.refresh()
    assert reader.refresh() == first
    place.number(journal, "de", 2.0)
    second = reader.refresh()
    assert second.revision != first.revision
    ingest(place.store, place.runs)
    assert reader.refresh().overlay_segments == 0


def test_broken_segments_are_not_shown_and_not_fatal(place: Place) -> None:
    journal = place.run("a")
    place.number(journal, "zh", 1.0).write_bytes(b"PAR1 nonsense PAR1")
    (journal.folder.journal / f"{10**18}-a1-neuron_count.parquet").write_bytes(b"nonsense")
    reader = Reader(place.store, place.runs)
    reader.refresh()
    assert measured(reader.connection) == DE_EN
    assert inside(reader) == (4, 12)


def test_a_store_that_cannot_be_used_is_an_error(place: Place) -> None:
    place.store.write_bytes(b"not a database at all")
    with pytest.raises(StoreError, match="is not a DuckDB database"):
        Reader(place.store, place.runs).refresh()
    with pytest.raises(StoreError, match="is not a DuckDB database"), open_reader(place.store, place.runs):
        pass


def test_a_store_without_run_folders_shows_all_when_attached(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    shutil.rmtree(place.runs)
    with open_reader(place.store, place.runs) as connection:
        assert measured(connection) == DE_EN
        assert neurons(connection) == (4, 12)


def test_reading_and_ingesting_import_neither_polars_nor_pyarrow(place: Place) -> None:
    place.run("a")
    code = (
        "import sys; from pathlib import Path; from store.reader import Reader; from store.ingest import ingest\n"
        "store, runs = map(Path, sys.argv[1:]); Reader(store, runs).refresh(); ingest(store, runs)\n"
        "with Reader(store, runs) as reader: print(reader.connection.sql('FROM runs SELECT count(*)').fetchall())\n"
        "bad = {'polars', 'pyarrow', 'pandas', 'numpy', 'torch', 'textual', 'pydantic'} & sys.modules.keys()\n"
        "sys.exit(f'imported: {bad}' if bad else 0)"
    )
    command = [sys.executable, "-c", code, str(place.store), str(place.runs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[(270,)]\n"
