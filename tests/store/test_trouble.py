"""What goes wrong with files and disks, and what the person is told. Nothing is lost in any of it."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from sample import Place, held, measured, rows

from store.errors import JournalFull, StoreError
from store.holder import holder
from store.ingest import ingest
from store.journal import units
from store.reader import Reader
from store.rebuild import rebuild


def mount(kind: list[str], target: Path) -> Iterator[Path]:
    """A mount for one test; skipped where mounting is not permitted."""
    target.mkdir(exist_ok=True)
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting needs root")
    done = subprocess.run(["mount", *kind, str(target)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.decode().strip()}")
    try:
        yield target
    finally:
        subprocess.run(["umount", "-l", str(target)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    yield from mount(["-t", "tmpfs", "-o", "size=16m", "tmpfs"], tmp_path / "small")


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return ballast


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.95])
def test_a_truncated_store_is_told_and_rebuilt(place: Place, share: float) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    before, whole = rows(place.store), place.store.read_bytes()
    place.store.write_bytes(whole[: int(len(whole) * share)])
    journal = place.run("b", "zh")
    for use in (lambda: ingest(place.store, place.runs), lambda: Reader(place.store, place.runs).refresh()):
        with pytest.raises(StoreError, match=r"damaged|not a DuckDB database") as told:
            use()
        assert str(place.store) in str(told.value)
        assert "calib-explorer rebuild" in str(told.value)
    rebuild(place.store, place.runs)
    after = rows(place.store)
    assert all(row in after["measurement"] for row in before["measurement"])
    assert len(units(journal.folder)) == 1
    assert len(after["measurement"]) == len(before["measurement"]) + 2


def test_whichever_block_a_killed_writer_tore_the_store_is_made_afresh(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    before, whole = rows(place.store), place.store.read_bytes()
    n_repaired = 0
    for start in range(12288, len(whole), 65536):
        place.store.write_bytes(whole[: start + 20000] + bytes(20000) + whole[start + 40000 :])
        Path(f"{place.store}.writing").touch()
        repaired = ingest(place.store, place.runs).repaired
        assert rows(place.store) == before
        assert [f"{place.store.name} was damaged" in line for line in repaired] in ([], [True])
        n_repaired += len(repaired)
    assert n_repaired > 3
    assert not Path(f"{place.store}.writing").exists()
    assert len(list(place.folder.glob("*.old"))) >= 1


def test_damage_that_no_writer_of_ours_did_is_left_to_the_person(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    place.store.write_bytes(place.store.read_bytes()[:100_000])
    for _ in range(2):
        with pytest.raises(StoreError, match="damaged"):
            ingest(place.store, place.runs)
        assert not Path(f"{place.store}.writing").exists()


def test_the_log_of_a_killed_writer_is_taken_up(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    leave_a_log(place.store)
    reader = Reader(place.store, place.runs)
    reader.refresh()
    assert len(measured(reader.connection)) == 2
    place.run("b")
    assert ingest(place.store, place.runs).n_segments == 6
    assert not Path(f"{place.store}.wal").exists()
    connection = duckdb.connect(str(place.store))
    assert connection.execute("SELECT x FROM notes").fetchall() == [(42,)]
    connection.close()


def test_a_stray_log_of_noise_does_no_harm(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    before = rows(place.store)
    Path(f"{place.store}.wal").write_bytes(b"\x17garbage" * 50)
    place.run("b", "zh")
    ingest(place.store, place.runs)
    assert len(rows(place.store)["measurement"]) == len(before["measurement"]) + 2


def test_a_log_of_another_state_of_the_store_is_told(place: Place) -> None:
    log = Path(f"{place.store}.wal")
    leave_a_log(place.store)
    stray = log.read_bytes()
    place.run("a")
    ingest(place.store, place.runs)
    before = rows(place.store)
    log.write_bytes(stray)
    for use in (lambda: ingest(place.store, place.runs), lambda: Reader(place.store, place.runs).refresh()):
        with pytest.raises(StoreError, match=r"results.duckdb.wal is not .*results.duckdb's own log"):
            use()
    assert log.read_bytes() == stray
    log.unlink()
    assert rows(place.store) == before


def leave_a_log(store: Path) -> None:
    """Be killed while the store is open to write."""
    code = "import duckdb, os, sys, signal\nc = duckdb.connect(sys.argv[1])\n"
    code += "c.execute('CREATE TABLE notes AS SELECT 42 AS x'); os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code, str(store)], check=False)
    assert Path(f"{store}.wal").exists()


def test_another_programs_database_is_left_alone(place: Place) -> None:
    place.store.unlink()
    connection = duckdb.connect(str(place.store))
    connection.execute("CREATE TABLE precious AS SELECT 1 AS x")
    connection.close()
    place.run("a")
    for use in (lambda: ingest(place.store, place.runs), lambda: Reader(place.store, place.runs).refresh()):
        with pytest.raises(StoreError, match="not a store of calib-explorer"):
            use()
    connection = duckdb.connect(str(place.store))
    assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("precious",)]
    connection.close()


def test_a_store_on_a_read_only_disk_is_read_but_not_added_to(place: Place) -> None:
    place.run("a")
    ingest(place.store, place.runs)
    place.run("b", "zh")
    for folder in mount(["--bind", "-o", "ro", str(place.folder)], place.folder.parent / "read-only"):
        there = Place(folder)
        with pytest.raises(StoreError, match="can be read, but nothing can be added"):
            ingest(there.store, there.runs)
        reader = Reader(there.store, there.runs)
        assert reader.refresh().overlay_segments == 4
        assert len(measured(reader.connection)) == 3
        with reader:
            assert len(measured(reader.connection)) == 3


def test_a_folder_that_cannot_be_written_is_told(bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    bare.run("a")
    monkeypatch.setattr("filelock._unix.os.open", refused)
    with pytest.raises(StoreError, match=r"cannot write in .*Choose another with --store"):
        ingest(bare.store, bare.runs)


def test_a_full_disk_stops_the_journal_and_goes_on_after_room_is_made(small_disk: Path) -> None:
    place = Place(small_disk)
    journal = place.run("a")
    ballast = fill(small_disk)
    done = units(journal.folder)
    with pytest.raises(JournalFull, match="no space left to write"):
        place.number(journal, "zh", 1.0)
    assert units(journal.folder) == done
    assert not list(journal.folder.journal.glob(".*"))
    ballast.unlink()
    place.number(journal, "zh", 1.0)
    assert len(units(journal.folder)) == 3


def test_a_full_disk_stops_the_ingester_and_goes_on_after_room_is_made(small_disk: Path, place: Place) -> None:
    there = Place(small_disk)
    shutil.copyfile(place.store, there.store)
    there.run("a")
    ingest(there.store, there.runs)
    before = rows(there.store)
    journal = there.run("b", "zh")
    count = {"evaluation": "lape-2", "language": "de", "block": 0, "mean_abs": 0.1}
    many = [{**count, "neuron": index, "n_active": (index * 7919) % 65536} for index in range(60_000)]
    journal.write("neuron_count", many)
    ballast = fill(small_disk)
    with pytest.raises(StoreError, match="no space left beside"):
        ingest(there.store, there.runs)
    ballast.unlink()
    assert rows(there.store) == before
    assert ingest(there.store, there.runs).n_rows == 60_000 + 6
    assert len(rows(there.store)["neuron_count"]) == len(before["neuron_count"]) + 2 + 60_000


def test_looking_for_the_holder_does_not_drop_our_own_lock(place: Place) -> None:
    connection = duckdb.connect(str(place.store))
    assert holder(place.store, to_write=True) is None
    code = "import duckdb, sys\ntry: duckdb.connect(sys.argv[1])\nexcept duckdb.IOException: sys.exit(7)"
    done = subprocess.run([sys.executable, "-c", code, str(place.store)], check=False)
    connection.close()
    assert done.returncode == 7


def test_the_holder_is_named_with_its_mode(place: Place) -> None:
    assert holder(place.store, to_write=True) is None
    with held(place.store, "read_only") as pid:
        assert holder(place.store, to_write=False) is None
        found = holder(place.store, to_write=True)
        assert found is not None
        assert (found.pid, found.read_write) == (pid, False)
    assert holder(place.folder / "nothing", to_write=True) is None
