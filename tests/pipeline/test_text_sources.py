"""Every source of documents, the hub's on local copies of the same shape."""

import gzip
import json
import random
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from pipeline.text.document import Source, Split, Text, TextError, is_held_out
from pipeline.text.fineweb import FineWeb
from pipeline.text.folder import Folder
from pipeline.text.mc4 import REVISION, Mc4, shards
from pipeline.text.sources import open_source
from pipeline.text.wikipedia import Wikipedia


def read(source: Source, language: str, split: Split, seed: int = 0) -> list[Text]:
    return list(source.documents(language, split, random.Random(seed)))


def write(file: Path, texts: list[str]) -> Path:
    """The same documents in any of the three formats."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.table({"n": list(range(len(texts))), "text": texts}), file)
    elif file.suffix == ".txt":
        file.write_text("\n\n".join(texts), encoding="utf-8")
    else:
        file.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    return file


TEXTS = [f"Absatz {index}:\nein Hund läuft 狗" for index in range(60)]


@pytest.mark.parametrize("suffix", [".jsonl", ".txt", ".parquet"])
def test_a_directory_is_read_in_each_format(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"de{suffix}", TEXTS)
    documents = read(open_source(str(tmp_path)), "de", "calibration")
    assert [document.text for document in documents] == TEXTS
    assert len({document.id for document in documents}) == len(TEXTS)
    assert read(open_source(str(tmp_path)), "de", "heldout") == documents, "one purpose a directory: read whole"


def test_folders_hold_the_splits_and_what_stands_in_both_is_held_out(tmp_path: Path) -> None:
    write(tmp_path / "calibration" / "de.txt", TEXTS[:40])
    write(tmp_path / "heldout" / "de.jsonl", TEXTS[30:])
    source = open_source(str(tmp_path))
    assert [document.text for document in read(source, "de", "calibration")] == TEXTS[:30]
    assert [document.text for document in read(source, "de", "heldout")] == TEXTS[30:]


def test_a_directory_for_both_purposes_is_divided_by_hash_the_same_in_every_order(tmp_path: Path) -> None:
    write(tmp_path / "de.txt", TEXTS)
    parts = {part: read(open_source(f"{tmp_path}#{part}"), "de", part) for part in ("calibration", "heldout")}
    texts = {part: {document.text for document in documents} for part, documents in parts.items()}
    assert texts["calibration"] | texts["heldout"] == set(TEXTS)
    assert not texts["calibration"] & texts["heldout"]
    assert 4 <= len(texts["heldout"]) <= 20
    write(tmp_path / "de.txt", TEXTS[::-1])
    assert {document.text for document in read(open_source(f"{tmp_path}#heldout"), "de", "heldout")} == texts[
        "heldout"
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("de.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: not JSON"),
        ("de.jsonl", b'{"text": "a"}\n\n{"txt": "b"}\n', 'line 3: an object with a "text" is wanted'),
        ("de.jsonl", b'"a"\n', "line 1: an object"),
        ("de.jsonl", b'{"text": "a\\ud800b"}\n', "half a character"),
        ("de.txt", b"Gr\xfc\xdfe", "not UTF-8: .* at byte 2"),
        ("de.parquet", b"PAR?", "not Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TextError, match=message) as caught:
        read(open_source(str(tmp_path)), "de", "calibration")
    assert str(tmp_path / name) in str(caught.value)


def test_parquet_without_text_and_with_empty_text_is_told(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"body": ["a"]}), tmp_path / "de.parquet")
    with pytest.raises(TextError, match='no column "text"; there is body'):
        read(open_source(str(tmp_path)), "de", "calibration")
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", None]}), tmp_path / "de.parquet")
    with pytest.raises(TextError, match="row 2"):
        read(open_source(str(tmp_path)), "de", "calibration")


def test_a_language_or_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    write(tmp_path / "de.txt", TEXTS)
    with pytest.raises(TextError, match=r"no text in 'sw' in .*; there is de"):
        read(open_source(str(tmp_path)), "sw", "calibration")
    with pytest.raises(TextError, match="neither a corpus nor a directory"):
        open_source(str(tmp_path / "nowhere"))
    with pytest.raises(TextError, match=r"no text in 'fr' .* there is ar, de, en, es, ru, sw, zh"):
        read(open_source("demo"), "fr", "calibration")


def test_blank_documents_are_none(tmp_path: Path) -> None:
    write(tmp_path / "de.jsonl", ["a", "  \n ", "b"])
    assert [document.text for document in read(Folder(str(tmp_path)), "de", "calibration")] == ["a", "b"]


def mc4_copy(folder: Path, split: Split, rows_a_shard: int = 3) -> Path:
    """A local copy of mC4's Chinese, in files named as on the hub; one time stamp is empty, as there."""
    for name in shards("zh", split, random.Random(0))[: 2 if split == "heldout" else 5]:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(file, "wt", encoding="utf-8") as lines:
            for row in range(rows_a_shard):
                stamp = "" if row == 1 else "2020-01-01T00:00:00Z"
                text = f"{file.name} {row} 狗在雨中跑过树林"
                lines.write(json.dumps({"text": text, "timestamp": stamp, "url": "u"}) + "\n")
    return folder


def test_mc4_streams_every_shard_of_its_split_in_a_seeded_order(tmp_path: Path) -> None:
    source = Mc4(base=str(mc4_copy(tmp_path, "heldout")))
    documents = read(source, "zh", "heldout")
    assert len(documents) == 6
    assert all("c4-zh-validation.tfrecord" in document.text for document in documents)
    assert documents[0].id in documents[0].text.replace(".json.gz ", "#")
    assert {document.id for document in documents} == {document.id for document in read(source, "zh", "heldout", 3)}
    firsts = {read(source, "zh", "heldout", seed)[0].id for seed in range(8)}
    assert len(firsts) == 2, "the seed chooses the shard"
    assert source.identity("zh", "heldout")["revision"] == REVISION


def test_mc4_names_its_shards_as_the_hub_does() -> None:
    english = shards("en", "calibration", random.Random(0))
    assert len(english) == len(set(english)) == 11264
    assert "multilingual/c4-en.tfrecord-00000-of-11264.json.gz" in english
    assert shards("sw", "heldout", random.Random(0)) == [
        "multilingual/c4-sw-validation.tfrecord-00000-of-00001.json.gz"
    ]
    assert shards("de", "calibration", random.Random(1)) != shards("de", "calibration", random.Random(2))


def test_a_copy_of_mc4_that_lacks_a_file_names_it(tmp_path: Path) -> None:
    source = Mc4(base=str(mc4_copy(tmp_path, "heldout")))
    with pytest.raises(TextError, match=r"cannot read .*c4-sw-validation.tfrecord-00000-of-00001"):
        read(source, "sw", "heldout")


def test_without_the_hub_a_corpus_says_so_at_once() -> None:
    for source in (Mc4(), FineWeb(), Wikipedia()):
        with pytest.raises(TextError, match="HF_HUB_OFFLINE is set"):
            read(source, "de", "calibration")


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALIB_MIRROR", str(tmp_path))
    # datasets waits 5 s for its threads after every shuffled stream
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)
    return tmp_path


def parquet_copy(folder: Path, config: str, splits: dict[str, list[str]]) -> None:
    """A data set as the hub keeps it: Parquet files and a card that says which belong to which configuration."""
    lines = ["---", "configs:", f"- config_name: {config}", "  data_files:"]
    for split, texts in splits.items():
        file = folder / "data" / config / split / "000_00000.parquet"
        file.parent.mkdir(parents=True)
        ids = [f"<{split}{index}>" for index in range(len(texts))]
        pyarrow.parquet.write_table(pyarrow.table({"text": texts, "id": ids, "score": [0.5] * len(ids)}), file)
        lines += [f"  - split: {split}", f"    path: data/{config}/{split}/*"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf-8")


def test_fineweb_2_has_its_own_held_out_split(mirror: Path) -> None:
    parquet_copy(mirror / "HuggingFaceFW" / "fineweb-2", "deu_Latn", {"train": TEXTS[:20], "test": TEXTS[20:30]})
    assert {document.text for document in read(FineWeb(), "de", "calibration")} == set(TEXTS[:20])
    assert {document.text for document in read(FineWeb(), "de", "heldout")} == set(TEXTS[20:30])
    orders = {tuple(document.id for document in read(FineWeb(), "de", "calibration", seed)) for seed in (0, 0, 1)}
    assert len(orders) == 2


@pytest.mark.parametrize(
    ("repository", "config", "source", "language"),
    [
        ("HuggingFaceFW/fineweb", "sample-10BT", "fineweb-2", "en"),
        ("wikimedia/wikipedia", "20231101.sw", "wikipedia", "sw"),
    ],
)
def test_where_a_corpus_has_one_split_documents_are_divided_by_hash(
    mirror: Path, repository: str, config: str, source: str, language: str
) -> None:
    parquet_copy(mirror / repository, config, {"train": TEXTS})
    held_out = read(open_source(source), language, "heldout")
    assert {document.text for document in held_out} == {text for text in TEXTS if is_held_out(Text("", text).sha256)}
    assert len(held_out) + len(read(open_source(source), language, "calibration")) == len(TEXTS)
