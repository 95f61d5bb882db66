"""Making a run's pruned model out of the dense one: by pruning, or by applying the masks of an earlier attempt."""

import logging
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import torch
from transformers import PreTrainedModel

from pipeline import preview, text
from pipeline.anatomy import find_blocks
from pipeline.bench import BENCH
from pipeline.checkpoint import adopt
from pipeline.kernels.products import products_of
from pipeline.linear_names import check_names
from pipeline.mask_check import is_there
from pipeline.mask_file import MaskFile
from pipeline.masks import MaskSummary, apply_masks
from pipeline.models import Loaded, load_weights, locate
from pipeline.progress import Report, part
from pipeline.prune import BlockPruned, prune
from pipeline.recorded import PRODUCTS
from pipeline.spec import CalibrationSpec, Checkpoint, Dense, RunSpec
from pipeline.spec.sources import is_self
from pipeline.text import Tokens
from pipeline.text.self_calibration import Author, self_calibration_tokens
from pipeline.work import Work

log = logging.getLogger(__name__)

PREVIEW_PASS = 0.8
"""Of a preview's time, for the dense passes."""


def make(work: Work) -> Iterator[Report]:
    """Prune the model on the bench in place. Its masks are in the run's folder afterwards.

    Raises AnotherModel, before anything is written over, where the run has measurements of another model.
    """
    run = work.run
    if isinstance(run.method, Dense):
        work.record.made({})
        return
    if is_there(run, work.folder):
        yield Report("apply")
        BENCH.change()
        apply_masks(work.loaded.model, work.folder.masks)
        yield Report("apply", 1.0)
        return
    tokens = None
    check_names(run.method, find_blocks(work.loaded.model))  # before text is drawn, or written
    if run.calibration is not None:
        yield Report("calibrate")
        asked = preview.all_of_each(run.calibration) if run.method.preview else run.calibration
        tokens = yield from _calibrate(work, asked)
        yield Report("calibrate", 1.0)
    yield from _prune(work, tokens)


def pruning(
    run: RunSpec,
    model: PreTrainedModel,
    tokens: Tokens | None,
    device: torch.device,
    statistics: Mapping[str, Any] | None = None,
) -> Iterator[BlockPruned]:
    """The dense model's blocks as they are pruned in place, or taken from a checkpoint. statistics: of a preview."""
    if isinstance(run.method, Checkpoint):
        other, weights = load_weights(run.method.path)
        return adopt(model, other, weights.name, run.method)
    ids = None if tokens is None else tokens.ids
    return prune(model, ids, run.method, device, arithmetic=run.arithmetic, statistics=statistics)


def calibration(
    spec: CalibrationSpec, seed: int, loaded: Loaded, device: torch.device
) -> Generator[Report, None, Tokens]:
    """The calibration tokens, drawn from their source, or written by the model, which is dense. Raises TextError."""
    if is_self(spec.source):
        return (yield from self_calibration_tokens(spec, seed, Author(loaded, device)))
    return text.calibration_tokens(spec, seed, loaded.tokenizer)


def _calibrate(work: Work, spec: CalibrationSpec) -> Generator[Report, None, Tokens]:
    """The calibration tokens, noted in the run's journal with the documents they came from."""
    tokens = yield from calibration(spec, work.run.seed or 0, work.loaded, work.device)
    work.recorded.check_text(tokens, spec.source)
    rows = [
        {
            "sequence": index,
            "language": document.language,
            "document": document.id,
            "first_token": document.first_token,
            "n_tokens": document.n_tokens,
            "sha256": document.sha256,
        }
        for index, document in enumerate(tokens.documents)
    ]
    if rows:
        work.record.journal.write("calibration_document", rows)
    facts = {"calibration_sha256": tokens.sha256, "calibration_documents": len(rows) or None}
    work.record.write("running", facts)
    return tokens


def _prune(work: Work, tokens: Tokens | None) -> Iterator[Report]:
    yield Report("prune")
    statistics, begun = None, 0.0
    if work.run.method.preview and tokens is not None:
        begun = PREVIEW_PASS
        statistics = yield from _preview(work, tokens)
    BENCH.change(0)
    BENCH.change(1)  # always one ahead (see `prune`)
    summaries: list[MaskSummary] = []
    n_removed = n_weights = 0
    known = not work.record.n_measured or work.recorded.knows_weights
    if not known:
        log.warning(
            "%s: no hash of its weights was noted, so nobody can tell whether they come out as they were. %s",
            work.folder.run_id,
            work.recorded.differences,
        )
    remaking = work.recorded.remaking(work.loaded.model)
    with MaskFile(work.folder.masks) as file:
        for block in pruning(work.run, work.loaded.model, tokens, work.device, statistics):
            for name, mask in block.masks.items():
                file.add(name, mask)
            remaking.add(block)
            summaries += block.summaries()
            n_removed += block.n_removed
            n_weights += block.n_weights
            done = block.index + 1
            if done + 1 < block.n_blocks:
                BENCH.change(done + 1)
            yield Report("prune", begun + (1 - begun) * done / block.n_blocks, f"block {done} of {block.n_blocks}")
        weights_sha256 = remaking.result()
    if summaries:
        path = f"{work.folder.run_id}/{work.folder.masks.name}"
        work.record.journal.write("mask_summary", [{**vars(summary), "path": path} for summary in summaries])
    else:
        work.folder.masks.unlink()  # quantised, or all left dense
    facts = {"sparsity_reached": n_removed / n_weights if n_weights else None, "weights_sha256": weights_sha256}
    if known:
        work.record.made({**facts, **_made_of(work, tokens)})


def _made_of(work: Work, tokens: Tokens | None) -> dict[str, Any]:
    """Columns of table `run` that tell by what products the model was made, or which checkpoint it is."""
    if isinstance(work.run.method, Checkpoint):
        weights = locate(work.run.method.path)
        return {"note": "; ".join([*work.notes, f"checkpoint of {weights.source} at {weights.revision}"])}
    if tokens is None or work.run.arithmetic != "fast":
        return {}
    return {"versions": {**work.record.here["versions"], PRODUCTS: products_of(work.device)}}


def _preview(work: Work, tokens: Tokens) -> Generator[Report, None, dict[str, Any]]:
    """The statistics of the run's mix of languages, from those of each."""
    text, loaded = work.run.calibration, work.loaded
    assert text is not None
    languages: dict[str, preview.Norms] = {}
    names = list(dict.fromkeys(tokens.languages))
    for place, language in enumerate(names):
        ids = tokens.ids[[of == language for of in tokens.languages]]
        known = {"model": loaded.source, "revision": loaded.revision, "source": text.source, "language": language}
        passing = preview.kept_norms(loaded.model, ids, work.device, work.run.arithmetic, known)
        begin, share = PREVIEW_PASS * place / len(names), PREVIEW_PASS / len(names)
        languages[language] = yield from part(passing, begin, share)
    mix = preview.mixed(languages, text.shares())
    return preview.statistics(mix, work.device, work.run.arithmetic)
