"""rebuild, merge and pack: the same rows somewhere else."""

import shutil
import tarfile
from pathlib import Path

import duckdb
import pytest
from sample import Place, held, measured, rows

from store.errors import StoreError
from store.ingest import ingest
from store.journal import units
from store.merge import merge
from store.pack import pack
from store.rebuild import rebuild


@pytest.fixture
def filled(place: Place) -> Place:
    """Two runs, one of them compacted and then measured again in part, all ingested."""
    place.run("a").compact()
    place.number(place.journal("a"), "de", 2.0)
    place.run("b", "zh sw")
    overlap = {"kind": "seeds", "run_a": "a & b", "run_b": "", "label_a": "de", "label_b": "", "model": "m"}
    counts = {"method": "wanda", "block": 0, "linear": "q", "n_intersection": 1, "n_union": 2}
    place.journal("a").write("mask_overlap", [{**overlap, **counts}])
    ingest(place.store, place.runs)
    return place


def test_a_rebuilt_store_is_equal_and_the_old_one_kept(filled: Place) -> None:
    before = rows(filled.store)
    done = rebuild(filled.store, filled.runs)
    assert rows(filled.store) == before
    assert done.kept is not None
    assert rows(done.kept) == before
    assert done.report.n_segments == 12
    assert ingest(filled.store, filled.runs).n_segments == 0
    assert sorted(path.name for path in filled.folder.iterdir() if not path.name.endswith("-lock")) == [
        "results.duckdb", done.kept.name, "runs"
    ]  # fmt: skip


def test_a_damaged_store_is_rebuilt(filled: Place) -> None:
    before = rows(filled.store)
    damaged = filled.store.read_bytes()[:5000]
    filled.store.write_bytes(damaged)
    Path(f"{filled.store}.wal").write_bytes(b"left over")
    done = rebuild(filled.store, filled.runs)
    assert rows(filled.store) == before
    assert done.kept is not None
    assert done.kept.read_bytes() == damaged
    assert Path(f"{done.kept}.wal").exists()
    assert not Path(f"{filled.store}.wal").exists()


def test_a_store_is_made_where_none_was(filled: Place) -> None:
    before = rows(filled.store)
    filled.store.unlink()
    assert rebuild(filled.store, filled.runs).kept is None
    assert rows(filled.store) == before


def test_a_held_store_is_not_rebuilt(filled: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.rebuild._PATIENCE_S", 0.1)
    before = rows(filled.store)
    with held(filled.store, "read_only"), pytest.raises(StoreError, match="close it and try again"):
        rebuild(filled.store, filled.runs)
    assert rows(filled.store) == before
    assert not list(filled.folder.glob(".*rebuilt*"))


@pytest.mark.parametrize("what", ["store", "runs"])
def test_merging_brings_everything_and_twice_changes_nothing(filled: Place, place: Place, what: str) -> None:
    here = place.beside("here")
    here.run("c", "ru")
    (filled.runs / "a" / "masks.safetensors").write_bytes(b"bits")
    other = filled.store if what == "store" else filled.runs
    first = merge(here.store, here.runs, other)
    assert first.n_runs == 2
    theirs, ours = rows(filled.store), rows(here.store)
    for table, expected in theirs.items():
        missing = [row for row in expected if row not in ours[table]]
        assert not missing or table == "evaluation"  # run c's writing of it is newer
    assert len(ours["measurement"]) == len(theirs["measurement"]) + 2
    again = merge(here.store, here.runs, other)
    assert (again.n_segments, again.report.n_segments) == (0, 0)
    assert rows(here.store) == ours
    rebuild(here.store, here.runs)
    assert rows(here.store) == ours
    assert units(here.journal("a").folder) == units(filled.journal("a").folder)
    assert (here.runs / "a" / "masks.safetensors").exists() == (what == "runs")


def test_merging_takes_only_what_is_newer(filled: Place, place: Place) -> None:
    here = place.beside("here")
    merge(here.store, here.runs, filled.store)
    here.number(here.journal("b"), "zh", 8.0)
    filled.number(filled.journal("b"), "sw", 9.0)
    ingest(filled.store, filled.runs)
    merged = merge(here.store, here.runs, filled.store)
    assert merged.n_segments == 1
    connection = duckdb.connect(str(here.store), read_only=True)
    found = {(run, language): value for run, language, value in measured(connection)}
    connection.close()
    assert (found["b", "zh"], found["b", "sw"], found["a", "de"]) == (8.0, 9.0, 2.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "no file or folder"),
        ("results.duckdb", "is this store itself"),
        ("runs", "own runs folder"),
        ("empty", "no run folders"),
        ("text", "is not a DuckDB database"),
        ("alien.duckdb", "not a store of calib-explorer"),
    ],
)
def test_what_cannot_be_merged_says_why(filled: Place, name: str, message: str) -> None:
    (filled.folder / "empty").mkdir()
    (filled.folder / "text").write_text("hello")
    connection = duckdb.connect(str(filled.folder / "alien.duckdb"))
    connection.execute("CREATE TABLE t(x INT)")
    connection.close()
    with pytest.raises(StoreError, match=message):
        merge(filled.store, filled.runs, filled.folder / name)


def test_a_pack_is_a_store_with_everything(filled: Place) -> None:
    filled.run("c", "ru")
    packed = pack(filled.store, filled.runs, filled.folder / "share.duckdb")
    assert packed.report.n_segments == 4
    assert packed.n_bytes == packed.file.stat().st_size
    ingest(filled.store, filled.runs)
    assert rows(packed.file) == rows(filled.store)
    with pytest.raises(StoreError, match="exists already"):
        pack(filled.store, filled.runs, packed.file)
    shutil.rmtree(filled.runs)
    assert ingest(packed.file, filled.runs).n_segments == 0


def test_a_pack_with_masks_is_a_tar_that_unpacks_to_a_place(filled: Place) -> None:
    (filled.runs / "a" / "masks.safetensors").write_bytes(b"bits")
    with pytest.raises(StoreError, match=r"share\.tar"):
        pack(filled.store, filled.runs, filled.folder / "share.duckdb", masks=True)
    packed = pack(filled.store, filled.runs, filled.folder / "share.tar", masks=True)
    assert packed.n_masks == 1
    with tarfile.open(packed.file) as archive:
        archive.extractall(filled.folder / "there", filter="data")
    there = Place(filled.folder / "there")
    assert rows(there.store) == rows(filled.store)
    assert (there.runs / "a" / "masks.safetensors").read_bytes() == b"bits"
    assert (there.runs / "a" / "spec.json").exists()
