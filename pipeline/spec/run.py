"""A run: everything that decides one pruned model, and its id."""

from pathlib import PurePath
from typing import Literal

from pipeline.spec.calibration import CalibrationSpec
from pipeline.spec.frozen import Frozen, digest
from pipeline.spec.methods import GPTQ, Dense, MethodSpec, Pruning

DType = Literal["auto", "float32", "bfloat16", "float16"]

Arithmetic = Literal["fast", "exact"]

DEMO_MODELS = {"demo": "SmolLM2-135M-Instruct", "demo-gemma": "gemma-3-270m"}
"""Models that come as a package; their names on screen and in SQL."""


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
    def run_id(self) -> str:
        """A readable name ending in a hash of what was set: equal for equal settings, on every machine."""
        calibration = self.calibration.label if self.calibration else None
        seed = None if self.seed is None else f"s{self.seed}"
        words = [self.model_name, self.method_label, calibration, seed, digest(self.canonical(), 8)]
        text = "-".join(word for word in words if word).lower()
        return "".join(letter if letter.isalnum() or letter in "-+." else "_" for letter in text)[-120:].lstrip("-.")

    @property
    def method_label(self) -> str:
        """ "wanda-0.5", "wanda-2of4", "gptq-4bit-g128", "dense"."""
        if isinstance(self.method, Dense):
            return self.method.name
        return f"{self.method.name}-{_amount(self.method)}"


def _amount(method: Pruning | GPTQ) -> str:
    if isinstance(method, GPTQ):
        return method.pattern.replace("/", "-")
    group = method.group
    return f"{method.sparsity:.4g}" if group is None else f"{group[0]}of{group[1]}"
