"""Where a model's files are, and what of them is still to be fetched. Fetches nothing."""

from dataclasses import dataclass
from pathlib import Path

from pipeline import hub
from pipeline.models import ModelError, converted, snapshot
from pipeline.models.demo import DEMOS, DemoModel


@dataclass(frozen=True)
class Place:
    """config, revision: what transformers finds the configuration by: a folder, or a hub id where it is not here.
    fetch, disk: bytes to be fetched, and on disk while they are made into a model; None: those of its weights.
    tokenizer: bytes of its file, 0 where it is not here."""

    name: str
    config: str
    revision: str | None = None
    fetch: int | None = None
    disk: int | None = None
    tokenizer: int = 0


def place(name: str) -> Place:
    """Raises ModelError where the model is not here and the hub cannot be asked."""
    if name in DEMOS:
        return _demo(DEMOS[name])
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _here(folder.resolve().name, folder)
    repo, _, revision = name.partition("@")
    if found := snapshot.cached(repo, revision or None):
        return _here(repo, found)
    if why := hub.unreachable():
        raise ModelError(f"model '{name}': no such directory, not fetched before, and {why}")
    return Place(repo, repo, revision or None)


def _demo(demo: DemoModel) -> Place:
    if found := snapshot.cached(demo.hub):
        return _here(demo.name, found)
    if converted.is_whole(demo):
        return _here(demo.name, converted.folder(demo))
    return Place(demo.name, demo.hub, None, demo.n_download, demo.n_disk)


def _here(name: str, folder: Path) -> Place:
    file = folder / "tokenizer.json"
    return Place(name, str(folder), None, 0, 0, file.stat().st_size if file.exists() else 0)
