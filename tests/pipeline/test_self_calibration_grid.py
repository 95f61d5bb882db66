"""Text that a model writes itself, as a grid file asks for it: what it may say, and a whole grid."""

from pathlib import Path

import duckdb
import pytest
import tiny_grid

from pipeline.spec import Grid, GridError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def grid(**calibration: object) -> dict[str, object]:
    return {
        "name": "own",
        "axes": {"model": ["m"], "method": [{"name": "wanda"}], "calibration": ["de"]},
        "calibration": {"source": "self", "samples": 4, "length": 16, **calibration},
    }


def test_a_grid_names_it(tmp_path: Path) -> None:
    (run,) = Grid.parse(grid(), tmp_path / "own.toml").runs()
    assert run.calibration is not None
    assert (run.calibration.source, run.calibration.sampling) == ("self", "pack")
    (warmer,) = Grid.parse(grid(temperature=[2.0, 1.0]), tmp_path / "own.toml").runs()
    assert warmer.run_id != run.run_id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"calibration": {"source": "self", "sampling": "window"}}, "a text that is written has no windows"),
        ({"calibration": {"source": "demo", "temperature": [2, 1]}}, "'demo' is not written; it goes with 'self'"),
        ({"calibration": {"source": "self:nowhere"}}, "no directory .*nowhere; it should hold openings, LANG.txt"),
        (
            {"axes": {"model": ["m"], "method": [{"name": "wanda"}], "calibration": ["fr"]}},
            "no openings in 'fr'; there are ar, de, en, es, ru, sw, zh. Write fr.txt",
        ),
        (
            {"measure": [{"name": "perplexity", "languages": ["de"], "source": "self", "samples": 2, "length": 8}]},
            "measure.0..source: 'self' is text that the model writes itself, to calibrate with only",
        ),
    ],
)
def test_mistakes_are_told(change: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(GridError, match=message):
        Grid.parse({**grid(), **change}, tmp_path / "own.toml")


def test_a_whole_grid(tmp_path: Path) -> None:
    place = tiny_grid.make(tmp_path / "place")
    place.write_grid(
        tiny_grid.GRID.replace('source = "text"', 'source = "self"', 1).replace('["de", "en"]', '["de", "sw+en"]', 1)
    )
    code, output = place.run()
    assert code == 0, output
    with duckdb.connect(str(place.store)) as store:
        rows = store.sql(
            "SELECT calibration, setting, count(*) FROM metrics WHERE source = 'run' AND method = 'wanda' "
            "AND quantity = 'perplexity' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        documents = store.sql("SELECT count(*), min(n_tokens) FROM calibration_document").fetchall()
    assert [(row[0], row[1].split()[0], row[2]) for row in rows] == [("de", "self", 2), ("en+sw", "self", 2)]
    assert documents[0][0] >= 16
