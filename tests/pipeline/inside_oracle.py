"""What happens inside two models, as it reads: whole-model forwards, one sequence at a time, hooks, numpy float64."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from oracle import blocks, linears_of
from torch import Tensor, nn

ACTIVATIONS = {
    "llama": "mlp.act_fn",
    "phi3": "mlp.activation_fn",
    "cohere": "mlp.act_fn",
    "opt": "activation_fn",
    "gpt_neox": "mlp.act",
    "gemma3_text": "mlp.act_fn",
}
DOWN = {"opt": "fc2", "gpt_neox": "mlp.dense_4h_to_h"}


class Plain:
    """A dense and a pruned model on windows of some languages."""

    def __init__(self, dense: Any, own: Any, text: Mapping[str, Tensor], special: tuple[int, ...]) -> None:
        self.dense, self.own, self.text, self.special = dense, own, text, special
        self.languages = list(text)
        self.n_blocks = len(blocks(dense))
        self.family = dense.config.model_type

    def hidden(self, language: str, first: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
        """Block outputs (dense, pruned), sequences x positions x features, from position `first` on."""
        both = [self._outputs(model, language, [""] * self.n_blocks) for model in (self.dense, self.own)]
        return [(dense[:, first:], own[:, first:]) for dense, own in zip(*both, strict=True)]

    def perplexity(self, language: str) -> float:
        losses = []
        for sequence in self.text[language]:
            with torch.no_grad():
                logits = self.own(sequence[None]).logits[0].double()
            losses.append(float(nn.functional.cross_entropy(logits[:-1], sequence[1:])))
        return math.exp(sum(losses) / len(losses))

    def embeddings(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Mean over tokens that are no special ones: prompts x features, by language."""
        found: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
        for language in self.languages:
            for place, hidden in enumerate(self.hidden(language)[index]):
                kept = [
                    [position for position, token in enumerate(sequence.tolist()) if token not in self.special]
                    for sequence in self.text[language]
                ]
                found[place][language] = np.array(
                    [h[keep].mean(axis=0) for h, keep in zip(hidden, kept, strict=True)]
                )
        return found

    def parts(self, embeddings: Mapping[str, np.ndarray], rank: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Specific and agnostic part by language: LSAR's two steps with numpy's own pinv, cut to rank + 1."""
        m = np.stack([embeddings[language].mean(axis=0) for language in self.languages], axis=1)
        ones = np.ones((m.shape[1], 1))
        mu_prime = m @ ones / len(self.languages)
        u, s, vt = np.linalg.svd(m - mu_prime @ ones.T, full_matrices=False)
        m_prime = mu_prime @ ones.T + u[:, :rank] @ np.diag(s[:rank]) @ vt[:rank]
        mu = np.linalg.pinv(m_prime, rcond=1e-10).T @ ones
        mu = mu / (mu.T @ mu)
        basis = np.linalg.svd(m_prime - mu @ ones.T, full_matrices=False)[0][:, :rank]
        result = {}
        for language, e in embeddings.items():
            specific = np.array([basis @ (basis.T @ vector) for vector in e])
            result[language] = specific, e - specific
        return result

    def neurons(self, language: str, index: int, output: str) -> tuple[np.ndarray, np.ndarray]:
        """How often act(gate) is above 0, and the mean of |act(gate)| or of what the down projection reads."""
        act = self._outputs(self.own, language, [ACTIVATIONS[self.family]] * self.n_blocks)[index]
        act = act.reshape(-1, act.shape[-1])
        read = act
        if output == "product":
            name = DOWN.get(self.family, "mlp.down_proj")
            read = self._outputs(self.own, language, [name] * self.n_blocks, inputs=True)[index]
        return (act > 0).sum(axis=0), np.abs(read.reshape(-1, read.shape[-1])).mean(axis=0)

    def outputs(self, language: str, index: int, linear: str) -> np.ndarray:
        """Mean output of a linear of the pruned model."""
        found = self._outputs(self.own, language, [linear] * self.n_blocks)[index]
        return found.reshape(-1, found.shape[-1]).mean(axis=0)

    def weights(self, index: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        both = [dict(linears_of(blocks(model)[index][1])) for model in (self.dense, self.own)]
        return {
            name: (both[0][name].weight.detach().double().numpy(), both[1][name].weight.detach().double().numpy())
            for name in both[0]
        }

    def output_error(self, language: str, index: int, linear: str) -> float:
        read = self._outputs(self.dense, language, [linear] * self.n_blocks, inputs=True)[index]
        x = read.reshape(-1, read.shape[-1])
        dense, own = self.weights(index)[linear]
        return float(((x @ dense.T - x @ own.T) ** 2).sum() / ((x @ dense.T) ** 2).sum())

    def _outputs(self, model: Any, language: str, names: list[str], inputs: bool = False) -> list[np.ndarray]:
        """What a module of each block gives (or reads) over a language's windows, one at a time."""
        kept: list[list[np.ndarray]] = [[] for _ in names]

        def keeper(index: int) -> Any:
            def keep(module: nn.Module, read: Any, output: Any) -> None:  # noqa: ARG001
                tensor = read[0] if inputs else output[0] if isinstance(output, tuple) else output
                kept[index].append(tensor.detach().double().reshape(-1, tensor.shape[-1]).numpy())

            return keep

        handles = [
            block.get_submodule(name).register_forward_hook(keeper(index))
            for index, ((_, block), name) in enumerate(zip(blocks(model), names, strict=True))
        ]
        for sequence in self.text[language]:
            with torch.no_grad():
                model(sequence[None], use_cache=False)
        for handle in handles:
            handle.remove()
        return [np.stack(parts) for parts in kept]
