"""A run: everything that decides one pruned model, and its id."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from pipeline.spec.calibration import CalibrationSpec, label
from pipeline.spec.frozen import Frozen, digest
from pipeline.spec.methods import Checkpoint, Dense, MethodSpec, Pruning

DType = Literal["auto", "float32", "bfloat16", "float16"]

Arithmetic = Literal["fast", "exact"]

DEMO_MODELS = {"demo": "SmolLM2-135M-Instruct", "demo-gemma": "gemma-3-270m"}
"""Models that come as a package; their names on screen and in SQL."""


@dataclass(frozen=True)
class Coordinates:
    """Where a run stands among others, beside its model: the columns of table `run` that matrices are made of."""

    method: str
    pattern: str | None
    sparsity: float | None
    calibration: str | None
    seed: int | None


class RunSpec(Frozen):
    """One pruned model.

    model: hub id, "id@revision", a directory, "demo" or "demo-gemma".
    dtype: of the weights while pruning and measuring; "auto" is the checkpoint's own (float32 for the demo models).
    calibration, seed: None for methods that read no text.
    arithmetic: "exact" keeps to the references' order of operations, one sequence at a time, and is theirs bit for
        bit in float32 on one machine; "fast" sums in any order, in float32.
    """

    model: str
    method: MethodSpec
    calibration: CalibrationSpec | None = None
    seed: int | None = None
    dtype: DType = "auto"
    arithmetic: Arithmetic = "fast"

    @property
    def model_name(self) -> str:
        """The model's name on screen and in SQL: the last part of its id or path, without a revision."""
        return DEMO_MODELS.get(self.model) or PurePath(self.model.partition("@")[0]).name

    @property
    def coordinates(self) -> Coordinates:
        """Of a pruned checkpoint from elsewhere: those of the run that it stands for, as far as they are known."""
        method, text = self.method, self.calibration
        if isinstance(method, Checkpoint):
            known = method.known
            languages = None if known.calibration is None else label(known.calibration)
            return Coordinates(known.of or method.name, known.pattern, known.sparsity, languages, known.seed)
        return Coordinates(
            method.name,
            None if isinstance(method, Dense) else method.pattern,
            method.target_sparsity if isinstance(method, Pruning) else None,
            None if text is None else text.label,
            self.seed,
        )

    @property
    def run_id(self) -> str:
        """A readable name ending in a hash of what was set: equal for equal settings, on every machine."""
        at = self.coordinates
        seed = None if at.seed is None else f"s{at.seed}"
        words = [self.model_name, self.method_label, at.calibration, seed, digest(self.canonical(), 8)]
        text = "-".join(word for word in words if word).lower()
        return "".join(letter if letter.isalnum() or letter in "-+." else "_" for letter in text)[-120:].lstrip("-.")

    @property
    def method_label(self) -> str:
        """ "wanda-0.5", "wanda-2of4", "gptq-4bit-g128", "dense", "checkpoint-wanda-0.5"."""
        at = self.coordinates
        words = [at.method, _amount(at)]
        if isinstance(self.method, Checkpoint):
            words = ["checkpoint", self.method.known.of or PurePath(self.method.path).name, words[1]]
        return "-".join(word for word in words if word)


def _amount(at: Coordinates) -> str:
    if at.pattern == "unstructured":
        return "unstructured" if at.sparsity is None else f"{at.sparsity:.4g}"
    return (at.pattern or "").replace(":", "of").replace("/", "-")
