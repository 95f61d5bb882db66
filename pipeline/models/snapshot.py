"""A model's files from the Hugging Face hub: a folder of the hub's own cache, fetched where it is not there yet."""

import logging
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling

from pipeline import hub
from pipeline.models import space
from pipeline.models.error import ModelError, told
from pipeline.models.quiet import no_progress_bars

log = logging.getLogger(__name__)

ASKED = "; asked as a hub id because there is no such directory"


def cached(repo: str, revision: str | None = None) -> Path | None:
    """The folder of a snapshot that was fetched before, if its weights are there. Asks nobody."""
    try:
        folder = Path(snapshot_download(repo, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    weights = any(folder.glob("*.safetensors")) or any(folder.glob("*.bin"))
    return folder if weights and (folder / "config.json").is_file() else None


def fetch(repo: str, revision: str | None = None, endpoint: str | None = None) -> Path:
    """The folder of a model's snapshot; where the hub cannot be reached, the one fetched before.

    endpoint: the hub's address where it is not the usual one (HF_ENDPOINT).
    Raises ModelError: no such id or revision, a gated model, no network, no space.
    """
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
            raise ModelError(f"no model '{repo}' on the hub{ASKED} (a private one needs 'hf auth login')") from None
        except RevisionNotFoundError:
            raise ModelError(f"{repo} has no revision '{revision}': a branch, a tag or a commit is wanted") from None
        except HFValidationError as error:
            raise ModelError(f"'{repo}' is neither a directory nor a hub id: {error}") from None
        except OSError as error:  # the hub's client raises its own errors and the network's as such
            why = f"the hub failed ({' '.join(str(error).split())[:200]})"
    if folder := cached(repo, revision):
        log.info("%s: %s; the copy fetched before is used", repo, why)
        return folder
    named = repo if revision is None else f"{repo}@{revision}"
    raise ModelError(f"model '{named}' is not on this machine and cannot be fetched: {why}{ASKED}")


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
