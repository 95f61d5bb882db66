"""The noise floor: a run pruned again, all sums backwards, and compared with itself, once."""

import shutil

import pytest
import tiny_grid
import torch
from families import build, draw
from tiny_grid import Place

from pipeline import floor
from pipeline.analyse import main
from pipeline.floor import sum_backwards
from store.reader import open_reader


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = tiny_grid.make(tmp_path_factory.mktemp("floor") / "here")
    preview = '{ name = "wanda_preview" }, { name = "wanda"'  # has masks, and no floor
    place.write_grid(
        tiny_grid.GRID.partition("[[measure]]")[0]
        .replace("[calibration]", "seed = [0, 1]\n[calibration]")
        .replace('{ name = "wanda"', preview)
    )
    code, output = place.run()
    assert code == 0, output
    return place


def test_one_run_of_each_setting_is_pruned_again(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.folder / "cache"))
    turned: list[object] = []
    monkeypatch.setattr(floor, "sum_backwards", lambda model: (turned.append(model), sum_backwards(model)))
    assert main(["--store", str(place.store), "--floor", "--device", "cpu"]) == 0
    assert len(turned) == 1
    output = capsys.readouterr().out
    assert "with itself, summed backwards" in output
    assert output.splitlines()[-1] == "1 new comparisons of masks"
    with open_reader(place.store, place.runs) as db:
        floors = db.execute("SELECT calibration, other, block, iou FROM figure2 WHERE kind = 'floor'").fetchall()
        assert len(floors) == 2 * 7
        assert {(language, how) for language, how, _, _ in floors} == {("de", "backwards")}
        assert all(0.9 < iou <= 1 for *_, iou in floors)
        assert db.execute("SELECT count(*), count(floor) FROM table16 WHERE method = 'wanda'").fetchone() == (7, 7)
        assert db.execute("SELECT count(*), count(floor) FROM table17 WHERE method = 'wanda'").fetchone() == (7, 7)
    assert main(["--store", str(place.store), "--floor", "--device", "cpu"]) == 0
    assert "no masks to compare" in capsys.readouterr().out


def test_sums_are_those_of_the_model_but_for_rounding() -> None:
    model, tokens = build("llama"), draw(2)
    with torch.no_grad():
        before = model(tokens).logits
        sum_backwards(model)
        after = model(tokens).logits
    assert not torch.equal(before, after)
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-5)


def test_another_text_is_no_noise(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(place.runs / "analyses", ignore_errors=True)
    (place.folder / "text" / "calibration" / "de.txt").write_text(tiny_grid.text("new"))
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.folder / "cache"))
    assert main(["--store", str(place.store), "--floor", "--device", "cpu"]) == 1
    told = capsys.readouterr()
    assert "-wanda-0.5-de-s0-" in told.err
    assert "its calibration text is no longer what it was" in told.err
    assert "new comparisons of masks" in told.out, "the others are compared and kept"
