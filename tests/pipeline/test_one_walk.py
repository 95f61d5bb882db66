"""Every measure of one walk equals its definition written plainly: whole-model forwards, `hidden_states`, float64."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from families import build, draw
from inside_oracle import Plain
from torch import Tensor

from pipeline import measures
from pipeline.anatomy import find_blocks, linears
from pipeline.lockstep import LockStep
from pipeline.measures import DENSE, OWN, Measured
from pipeline.measures.lape import entropy, language_specific, ranks
from pipeline.measures.lsar import subspace
from pipeline.spec.measures import MEASURES, Heldout
from pipeline.walk import walk
from pipeline.windows import Windows

CPU = torch.device("cpu")
FAMILIES = ("llama", "phi3", "cohere", "opt", "gpt_neox", "gemma3_text")
SPECIAL = (5, 7)


class Letters:
    """A tokenizer whose every token is one byte."""

    def decode(self, token_ids: Any, *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool) -> str:  # noqa: ARG002
        return "a" * len(token_ids)


def text() -> dict[str, Tensor]:
    """Languages of unequal size, so that batches hold two of them."""
    return {"en": draw(3, seed=1), "de": draw(2, seed=2), "zh": draw(2, seed=3)}


def spec(name: str, **settings: Any) -> Heldout:
    fields = {"languages": ("en", "de", "zh"), "source": "x", "samples": 2, "length": 24, "sampling": "pack"}
    return MEASURES[name](name=name, **{**fields, **settings})


def pruned(model: Any, share: float = 0.4) -> dict[str, Tensor]:
    """Prune the model in place by magnitude within each linear; the dense weights."""
    dense = {}
    for path, block in find_blocks(model).items():
        for name, linear in linears(block).items():
            dense[f"{path}.{name}"] = linear.weight.detach().clone()
            size = linear.weight.detach().abs()
            linear.weight.data[size <= size.float().flatten().quantile(share)] = 0
    return dense


def observed(family: str, wanted: list[Heldout], batch: int = 2, parts: bool = False) -> tuple[list[Any], Any]:
    model = build(family)
    dense = pruned(model)
    windows = Windows(text(), SPECIAL)
    observers = [measures.load(each.name).observe(each, windows, Letters()) for each in wanted]
    cuts = [slice(0, 3), slice(3, 7)] if parts else [slice(0, 7)]
    for rows in cuts:
        lockstep = LockStep(model, {DENSE: dense, OWN: None}, windows.tokens[rows], CPU, batch, rows.start)
        steps = list(walk(lockstep, observers))
        assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)
    return observers, Plain(build(family), model, text(), SPECIAL)


def numbers(observer: Any) -> dict[tuple[str, str, int, str], Measured]:
    return {(m.quantity, m.language, m.block, m.linear): m for m in observer.measured()}


@pytest.mark.parametrize("family", FAMILIES)
def test_fidelity(family: str) -> None:
    (observer,), plain = observed(family, [spec("fidelity")])
    found = numbers(observer)
    for language in plain.languages:
        for suffix, first in (("", 0), ("_without_first", 1)):
            snrs = []
            for index, (h, g) in enumerate(plain.hidden(language, first)):
                mu = np.linalg.norm(h, axis=-1).mean()
                error = (((h - g) / mu) ** 2).mean()
                snrs.append(10 * math.log10(((h / mu) ** 2).mean() / error))
                moved = np.linalg.norm(h - g, axis=-1).mean()
                assert found["pruning_error" + suffix, language, index, ""].value == pytest.approx(
                    1e6 * error, rel=1e-4
                )
                assert found["snr" + suffix, language, index, ""].value == pytest.approx(snrs[-1], abs=1e-3)
                assert found["hidden_difference" + suffix, language, index, ""].value == pytest.approx(
                    moved, rel=1e-4
                )
            assert found["snr" + suffix, language, -1, ""].value == pytest.approx(np.mean(snrs), abs=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_perplexity_is_the_pruned_models(family: str) -> None:
    (observer,), plain = observed(family, [spec("perplexity")])
    for language in plain.languages:
        found = numbers(observer)["perplexity", language, -1, ""]
        assert found.value == pytest.approx(plain.perplexity(language), rel=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rank", [1, 2])
def test_lsar(family: str, rank: int) -> None:
    (observer,), plain = observed(family, [spec("lsar", rank=rank)])
    found = numbers(observer)
    for index in range(plain.n_blocks):
        dense, own = plain.embeddings(index)
        parts = plain.parts(dense, rank), plain.parts(own, rank)
        for language in plain.languages:
            for place, quantity in enumerate(("specific_difference", "agnostic_difference")):
                change = parts[0][language][place] - parts[1][language][place]
                expected = np.linalg.norm(change, axis=1).mean()
                assert found[quantity, language, index, ""].value == pytest.approx(expected, rel=1e-3)
    (tensors,) = observer.found()
    basis = next(row for row in tensors.rows if row["name"] == "lsar_subspace")
    assert basis["shape"] == [32, rank]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("output", ["gate", "product"])
def test_lape(family: str, output: str) -> None:
    (observer,), plain = observed(family, [spec("lape", output=output)])
    counts, tokens, lape = observer.found()
    assert {row["language"]: row["n_tokens"] for row in tokens.rows} == {"en": 72, "de": 48, "zh": 48}
    for language in plain.languages:
        for index in range(plain.n_blocks):
            active, magnitude = plain.neurons(language, index, output)
            rows = counts.rows.filter(language=language, block=index)
            assert rows["n_active"].to_list() == active.tolist()
            assert rows["mean_abs"].to_numpy() == pytest.approx(magnitude, rel=1e-4, abs=1e-7)
    assert lape.rows.height == counts.rows.height / 3
    assert numbers(observer)["never_active", "", -1, ""].value == lape.rows["lape"].null_count()


@pytest.mark.parametrize("family", FAMILIES)
def test_activations(family: str) -> None:
    names = {"opt": ("fc2", "out_proj"), "gpt_neox": ("dense_4h_to_h", "attention.dense")}
    chosen = names.get(family, ("down_proj", "o_proj"))
    (observer,), plain = observed(family, [spec("activations", linears=chosen)])
    (found,) = observer.found()
    assert found.rows.height == 3 * plain.n_blocks * 2 * 32
    for language in plain.languages:
        for (linear,), rows in found.rows.filter(language=language, block=1).group_by("linear"):
            assert rows.sort("output")["mean"].to_numpy() == pytest.approx(
                plain.outputs(language, 1, linear), abs=1e-5
            )


@pytest.mark.parametrize("family", FAMILIES)
def test_weights(family: str) -> None:
    (observer,), plain = observed(family, [spec("weights")])
    found = numbers(observer)
    for index in (0, plain.n_blocks - 1):
        for name, (dense, own) in plain.weights(index).items():
            error = ((dense - own) ** 2).sum() / (dense**2).sum()
            assert found["sparsity", "", index, name].value == pytest.approx((own == 0).mean())
            assert found["weight_error", "", index, name].value == pytest.approx(error, rel=1e-4)
            assert found["removed_among_smallest", "", index, name].value == 1.0
            for language in plain.languages:
                expected = plain.output_error(language, index, name)
                assert found["output_error", language, index, name].value == pytest.approx(expected, rel=1e-3)


def test_measures_taken_together_or_in_parts_are_those_taken_alone() -> None:
    wanted = [spec(name) for name in MEASURES]
    together, _ = observed("llama", wanted, batch=3)
    in_parts, _ = observed("llama", wanted, batch=1, parts=True)
    for one, observer, parted in zip(wanted, together, in_parts, strict=True):
        (alone,), _ = observed("llama", [one])
        for other in (observer, parted):
            for key, number in numbers(alone).items():
                assert numbers(other)[key].value == pytest.approx(number.value, rel=1e-4, abs=1e-6), key


def test_snr_falls_as_sparsity_rises() -> None:
    values = []
    for share in (0.0, 0.2, 0.5, 0.8):
        model = build("llama")
        dense = pruned(model, share) if share else {}
        windows = Windows(text())
        observer = measures.load("fidelity").observe(spec("fidelity"), windows, None)
        list(walk(LockStep(model, {DENSE: dense, OWN: None}, windows.tokens, CPU), [observer]))
        values.append(numbers(observer)["snr", "en", -1, ""].value)
    assert values[0] == math.inf
    assert values == sorted(values, reverse=True)


def test_the_model_is_as_it_was_after_a_walk() -> None:
    model = build("llama")
    dense = pruned(model)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    lockstep = LockStep(model, {DENSE: dense, OWN: None}, draw(2), CPU)
    list(walk(lockstep, []))
    assert all(torch.equal(before[name], parameter) for name, parameter in model.named_parameters())


def test_half_precision_is_reduced_in_float32() -> None:
    """Hidden states are bfloat16's; sums over them are as exact as float32's: a relative 1e-5."""
    model = build("llama").to(torch.bfloat16)
    dense = pruned(model)
    windows = Windows(text())
    observer = measures.load("fidelity").observe(spec("fidelity"), windows, None)
    kept: dict[int, list[tuple[Tensor, Tensor]]] = {}
    lockstep = LockStep(model, {DENSE: dense, OWN: None}, windows.tokens, CPU)
    for index, (_, block) in enumerate(lockstep):
        observer.watch(lockstep, index, block)
        for rows, outputs in lockstep.advance():
            observer.see(index, rows, outputs)
            kept.setdefault(index, []).append((outputs[DENSE].double(), outputs[OWN].double()))
    for index, pairs in kept.items():
        h, g = (torch.cat(part)[windows.rows("en")] for part in zip(*pairs, strict=True))
        expected = 10 * math.log10(float(h.square().sum() / (h - g).square().sum()))
        assert numbers(observer)["snr", "en", index, ""].value == pytest.approx(expected, rel=1e-5)


def test_lape_is_0_for_one_language_and_ln_of_their_number_for_an_even_one() -> None:
    probabilities = np.array([[0.5, 0.2, 0.0, 0.3], [0.0, 0.2, 0.0, 0.1], [0.0, 0.2, 0.0, 0.0]])
    lape = entropy(probabilities)
    assert lape[:2] == pytest.approx([0, math.log(3)])
    assert np.isnan(lape[2])
    assert ranks(lape).tolist() == [0, 2, -1, 1]


def test_language_specific_neurons_are_those_of_tangs_code() -> None:
    probabilities = np.random.default_rng(0).beta(0.5, 2.0, (3, 1000))
    probabilities[:, 7] = 0
    found = language_specific(probabilities)
    flat = torch.tensor(probabilities.T.copy())  # neurons x languages, as theirs
    shares = flat / flat.sum(dim=-1, keepdim=True)
    shares[torch.isnan(shares)] = 0
    logs = torch.where(shares > 0, shares.log(), torch.zeros(()).double())
    lape = -torch.sum(shares * logs, dim=-1)
    bar = flat.flatten().kthvalue(round(flat.numel() * 0.95)).values.item()
    lape[(flat > bar).sum(dim=-1) == 0] = torch.inf
    _, chosen = lape.topk(round(lape.numel() * 0.01), largest=False)
    for language in range(3):
        expected = sorted(int(index) for index in chosen if flat[index, language] > bar)
        assert found[language].tolist() == expected
    assert sum(map(len, found)) > 0


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_subspace_is_orthonormal_and_orthogonal_to_mu(rank: int) -> None:
    random = np.random.default_rng(1)
    means = random.normal(size=(40, 5)) + 30 * random.normal(size=(40, 1))
    found = subspace(means, rank)
    assert found.basis.T @ found.basis == pytest.approx(np.eye(rank), abs=1e-10)
    assert found.basis.T @ found.mu == pytest.approx(np.zeros(rank), abs=1e-9)
    embeddings = random.normal(size=(3, 40))
    assert found.specific(found.specific(embeddings)) == pytest.approx(found.specific(embeddings))
    if rank == 4:  # nothing is cut: the languages' means lie in mu + span(M_s)
        rest = means - found.mu[:, None]
        assert np.abs(found.specific(rest.T).T - rest).max() < 1e-9


def test_a_linear_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"no linear 'down_prj' in model\.layers\.0; did you mean 'mlp.down_proj'\?"):
        observed("llama", [spec("activations", linears=("down_prj",))])
