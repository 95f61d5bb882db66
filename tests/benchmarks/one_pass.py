"""What it costs to measure everything in one walk: perplexity, fidelity, lsar, lape and activations of a dense and a
pruned model, against two plain forward passes (heads included), and against a pass for each measure and model with
hooks of its own, as in the papers' code. The same tokens and batches, one after the other in every round; the last
way once.

    python tests/benchmarks/one_pass.py            SmolLM2-135M, 16 x 512 tokens, two languages, 3 rounds
    python tests/benchmarks/one_pass.py --quick    2 x 512 tokens

The least of the rounds counts. CPU seconds are told beside wall seconds: other programs disturb them less.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline import measures, models
from pipeline.anatomy import find_blocks, linears
from pipeline.gate import activation_of
from pipeline.lockstep import LockStep
from pipeline.measures import DENSE, OWN
from pipeline.measures.activations import Outputs
from pipeline.measures.lape import Neurons
from pipeline.measures.perplexity import Likelihoods
from pipeline.spec import LAPE, LSAR, Fidelity
from pipeline.stream import default_batch
from pipeline.walk import walk
from pipeline.windows import Windows

CPU = torch.device("cpu")
LINEARS = ("down_proj", "o_proj")
WANTED = 1.12


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    loaded = models.load("demo")
    model, dense = loaded.model, prune_by_half(loaded.model)
    samples = 1 if options.quick else 8
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randint(10, 40000, (samples, 512), generator=generator) for _ in range(2)]
    windows = Windows(dict(zip(("de", "en"), draw, strict=True)), loaded.tokenizer.all_special_ids)
    plain = Plain(model, dense, windows.tokens)
    ways: dict[str, Callable[[], None]] = {
        "two plain forwards": plain.forwards,
        "one walk, all five": lambda: one_walk(model, dense, windows, loaded.tokenizer),
        "a pass for each": plain.each_apart,
    }
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(options.rounds):
        for name, way in ways.items():
            if turn and name == "a pass for each":
                continue  # once: it takes as long as all the others
            began, began_cpu = time.perf_counter(), time.process_time()
            way()
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - began_cpu)
    tell(wall, cpu, windows.tokens.numel())


def parse() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def tell(wall: dict[str, list[float]], cpu: dict[str, list[float]], n_tokens: int) -> None:
    base, base_cpu = min(wall["two plain forwards"]), min(cpu["two plain forwards"])
    print(f"{n_tokens} tokens, SmolLM2-135M, float32, {torch.get_num_threads()} threads; least of rounds")
    for name in wall:
        a, b = min(wall[name]), min(cpu[name])
        print(f"{name:20}  wall {a:7.2f} s  x {a / base:.3f}   cpu {b:7.2f} s  x {b / base_cpu:.3f}")
    print(f"asked for: one walk at most x {WANTED}")


def prune_by_half(model: Any) -> dict[str, Tensor]:
    """Prune by magnitude in place; the dense weights."""
    dense = {}
    for path, block in find_blocks(model).items():
        for name, linear in linears(block).items():
            dense[f"{path}.{name}"] = linear.weight.detach().clone()
            size = linear.weight.detach().abs()
            linear.weight.data[size <= size.flatten().kthvalue(size.numel() // 2).values] = 0
    return dense


def one_walk(model: Any, dense: dict[str, Tensor], windows: Windows, tokenizer: Any) -> None:
    text: dict[str, Any] = {
        "languages": windows.languages, "source": "x", "samples": 1, "length": windows.length, "sampling": "pack"
    }  # fmt: skip
    lape = LAPE(name="lape", **text)
    observers: list[Any] = [
        measures.load("fidelity").observe(Fidelity(name="fidelity", **text), windows, tokenizer),
        measures.load("lsar").observe(LSAR(name="lsar", **text), windows, tokenizer),
    ]
    for variant in (DENSE, OWN):
        observers += [Likelihoods(windows, tokenizer, variant), Neurons(windows, lape, variant)]
        observers.append(Outputs(windows, LINEARS, variant))
    for _ in walk(LockStep(model, {DENSE: dense, OWN: None}, windows.tokens, CPU), observers):
        pass
    for observer in observers:
        list(observer.measured())


class Plain:
    """Whole-model forwards of the two models in turn; exchanging their weights is a matter of references."""

    def __init__(self, model: Any, dense: dict[str, Tensor], tokens: Tensor) -> None:
        self.model, self.tokens = model, tokens
        paths = {name: module for name, module in model.named_modules() if name in dense}
        own = {name: linear.weight.data for name, linear in paths.items()}
        self.linears, self.weights = paths, (dense, own)
        size = default_batch(tokens.shape[1], CPU)
        self.batches = tokens.split(size)

    @torch.no_grad()
    def forwards(self, **options: Any) -> list[Any]:
        """Both models over all batches, with head and likelihoods."""
        kept = []
        for weights in self.weights:
            for name, linear in self.linears.items():
                linear.weight.data = weights[name]
            for batch in self.batches:
                output = self.model(input_ids=batch, use_cache=False, **options)
                F.cross_entropy(output.logits[:, :-1].float().flatten(0, 1), batch[:, 1:].flatten(), reduction="sum")
                kept.append(output.hidden_states)
        return kept

    def each_apart(self) -> None:
        """Perplexity; hidden states for the SNR; again for LSAR; gates for LAPE; outputs of linears: ten passes."""
        self.forwards()
        kept = self.forwards(output_hidden_states=True)
        half = len(kept) // 2
        for h, g in zip(kept[:half], kept[half:], strict=True):
            for a, b in zip(h, g, strict=True):
                (a - b).square().mean(), a.square().mean(), a.norm(dim=-1).mean()
        for states in self.forwards(output_hidden_states=True):
            for state in states:
                state.mean(dim=1)
        blocks = find_blocks(self.model)
        acts = [activation_of(path, block) for path, block in blocks.items()]
        self._hooked(acts, lambda output: ((output > 0).sum(dim=(0, 1)), output.abs().sum(dim=(0, 1))))
        named = [
            linear for block in blocks.values() for name, linear in linears(block).items() if name.endswith(LINEARS)
        ]
        self._hooked(named, lambda output: output.sum(dim=(0, 1)))

    def _hooked(self, modules: list[nn.Module], see: Callable[[Tensor], Any]) -> None:
        def hook(module: nn.Module, read: Any, output: Tensor) -> None:  # noqa: ARG001
            see(output)

        with ExitStack() as hooks:
            for module in modules:
                hooks.callback(module.register_forward_hook(hook).remove)
            self.forwards()


if __name__ == "__main__":
    main()
