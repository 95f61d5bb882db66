"""The pruned model of a run once more: from dense weights and masks, or pruned again and held against its record."""

from collections.abc import Callable

import torch

from pipeline.bench import Bench
from pipeline.export.chosen import Chosen
from pipeline.masks import apply_masks
from pipeline.models import Loaded
from pipeline.outcome import plural
from pipeline.provenance import host, versions
from pipeline.pruned_model import calibration, pruning
from pipeline.record import AnotherModel
from pipeline.recorded import Recorded
from pipeline.spec import CalibrationSpec
from pipeline.text import Tokens

Say = Callable[[str], None]
"""Told what is being done, and how far it is."""


def make(chosen: Chosen, bench: Bench, device: torch.device, name: str, say: Say) -> str:
    """Turn the dense model on the bench into the run's. Returns how, in words for the model's card.

    name: of the device. Raises AnotherModel where the model, the text or the result is not the one that the run had,
    OSError where there is no room for the bench's scratch file.
    """
    loaded = bench.loaded
    assert loaded is not None
    here = {"versions": versions(), "host": host(), "device": name, "threads": torch.get_num_threads()}
    recorded = Recorded.of(chosen.folder, chosen.record, here, device)
    recorded.check_model(loaded)
    if chosen.has_masks:
        say(f"applying the masks of {chosen.folder.run_id}")
        bench.change()
        apply_masks(loaded.model, chosen.folder.masks)
        return "rebuilt from the dense weights and the run's masks"
    return _again(chosen, recorded, bench, loaded, say)


def _again(chosen: Chosen, recorded: Recorded, bench: Bench, loaded: Loaded, say: Say) -> str:
    run = chosen.run
    method = run.coordinates.method
    if run.method.preview:
        raise AnotherModel(
            f"the masks of {chosen.folder.run_id} are damaged or gone, and a preview is nothing else. Delete "
            f"{chosen.folder.path}, call 'calib-explorer rebuild', and run its grid again"
        )
    say(f"masks alone don't give the model of {chosen.folder.run_id}: {method} is done again")
    if recorded.products:
        say(f"its weights may come out otherwise: {recorded.products}")
    tokens = None if run.calibration is None else _tokens(run.calibration, run.seed or 0, recorded, loaded, say)
    bench.change(0)
    bench.change(1)  # always one ahead (see `prune`)
    remaking = recorded.remaking(loaded.model)
    for block in pruning(run, loaded.model, tokens, recorded.device):
        remaking.add(block)
        bench.change(block.index + 2)
        say(f"{method}: block {block.index + 1} of {block.n_blocks}")
    remaking.result()
    again = "pruned again with the run's settings and calibration text"
    if not recorded.knows_weights:
        say("the run has neither masks nor a hash of its weights to check the result against")
        return f"{again}; without masks or a hash of the run's weights there was nothing to check"
    masks = f"all {plural(remaking.n_masks, 'mask')}" if remaking.n_masks else ""
    weights = "its weights" if recorded.row.get("weights_sha256") else ""
    return f"{again}; {' and '.join(filter(None, [weights, masks]))} are those of the run"


def _tokens(spec: CalibrationSpec, seed: int, recorded: Recorded, loaded: Loaded, say: Say) -> Tokens:
    reading = calibration(spec, seed, loaded, recorded.device)
    while True:
        try:
            say(next(reading).detail)
        except StopIteration as end:
            tokens: Tokens = end.value
            break
    recorded.check_text(tokens, spec.source)
    return tokens
