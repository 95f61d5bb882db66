"""A model's files from the Hugging Face hub: a folder of the hub's own cache, fetched where it is not there yet."""

import json
import logging
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import validate_repo_id

from pipeline import hub
from pipeline.models import space
from pipeline.models.error import ModelError, told
from pipeline.models.quiet import no_progress_bars

log = logging.getLogger(__name__)


def cached(repo: str, revision: str | None = None) -> Path | None:
    """The folder of a snapshot that was fetched before, if its weights are there. Asks nobody."""
    try:
        folder = Path(snapshot_download(repo, revision=revision, local_files_only=True))
    except IncompleteSnapshotError as error:
        folder = Path(error.snapshot_path)  # it lacks files of the repository, not necessarily ones we need
    except LocalEntryNotFoundError:
        return None
    return folder if _is_whole(folder) else None


def _is_whole(folder: Path) -> bool:
    """True where the configuration and every file of the weights is there."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        files = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    else:
        files = {file.name for pattern in ("*.safetensors", "*.bin") for file in folder.glob(pattern)}
    return bool(files) and all((folder / name).exists() for name in (*files, "config.json"))


def fetch(repo: str, revision: str | None = None, endpoint: str | None = None) -> Path:
    """The folder of a model's snapshot; where the hub cannot be reached, the one fetched before.

    endpoint: the hub's address where it is not the usual one (HF_ENDPOINT).
    Raises ModelError: no such id or revision, a gated model, no network, no space.
    """
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ModelError(f"'{repo}' is neither a directory nor a hub id: {error}") from None
    why = None if endpoint else hub.unreachable()
    if why is None:
        try:
            with told(f"fetching {repo}", Path(constants.HF_HUB_CACHE)):
                return _fetch(repo, revision, endpoint)
        except GatedRepoError:
            raise ModelError(
                f"{repo} is gated: accept its terms on its page of the hub, then run 'hf auth login' "
                "(or set HF_TOKEN) with an account that has access"
            ) from None
        except RepositoryNotFoundError:
            raise ModelError(
                f"model '{repo}': no such directory, no such model on the hub (a private one needs 'hf auth login')"
            ) from None
        except RevisionNotFoundError:
            raise ModelError(f"{repo} has no revision '{revision}': a branch, a tag or a commit is wanted") from None
        except ModelError:
            raise
        except Exception as error:  # the hub's client raises the network's errors as they come
            why = f"the hub failed ({' '.join(str(error).split())[:200]})"
    if folder := cached(repo, revision):
        log.info("%s: %s; the copy fetched before is used", repo, why)
        return folder
    named = repo if revision is None else f"{repo}@{revision}"
    raise ModelError(f"model '{named}': no such directory, not fetched before, and {why}")


def _fetch(repo: str, revision: str | None, endpoint: str | None) -> Path:
    info = HfApi(endpoint=endpoint).model_info(repo, revision=revision, files_metadata=True, timeout=30)
    files = wanted(info.siblings or [])
    missing = {
        name: size
        for name, size in files.items()
        if not isinstance(try_to_load_from_cache(repo, name, revision=info.sha), str)
    }
    n_bytes = sum(missing.values())
    cache = Path(constants.HF_HUB_CACHE)
    if n_bytes > space.MB:
        log.info("fetching %s from the hub: %d files, %.0f MB", repo, len(missing), n_bytes / space.MB)
        space.require(cache, n_bytes, repo)
    with no_progress_bars(), space.growing(cache / f"models--{repo.replace('/', '--')}", n_bytes, repo):
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(files), endpoint=endpoint))


def wanted(siblings: list[RepoSibling]) -> dict[str, int]:
    """The files needed to load a model and their bytes: weights as safetensors where there are any, no duplicates in
    other formats, nothing in sub-folders."""
    top = {file.rfilename: file.size or 0 for file in siblings if "/" not in file.rfilename}
    suffixes = (".json", ".jinja", ".model", ".txt", ".md")
    small = {name: size for name, size in top.items() if name.endswith(suffixes)}
    weights = {name: size for name, size in top.items() if name.startswith("model") and name.endswith(".safetensors")}
    return small | (weights or {name: size for name, size in top.items() if name.endswith((".safetensors", ".bin"))})
