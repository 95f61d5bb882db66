"""What a grid may say of a measure. One class a measure; the arithmetic is in pipeline/measures/NAME.py."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.spec.calibration import Sampling
from pipeline.spec.frozen import Frozen, digest


class Heldout(Frozen):
    """The text that a measure reads, and where it is measured.

    languages: where it is measured; each language is a measurement of its own, but for measures that are `joint`.
    source, samples, length, sampling, bos: the text, as for calibration, drawn from the source's held-out split.
    seed: of the draw of that text, the same for every run.
    """

    joint: ClassVar[bool] = False
    """Whether a language's number depends on the other languages: then all are measured, or none."""
    compares: ClassVar[bool] = False
    """Whether the dense model has to run beside the pruned one."""

    name: str
    languages: tuple[str, ...] = Field(min_length=1)
    source: str
    samples: int = Field(ge=1)
    length: int = Field(ge=2)
    sampling: Sampling
    bos: bool = False
    seed: int = 0

    @field_validator("languages")
    @classmethod
    def _distinct(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in languages if languages.count(name) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' is listed twice")
        return languages

    @property
    def evaluation(self) -> str:
        """Id of how it was measured: everything that decides the number but the run and the language."""
        languages = tuple(sorted(self.languages)) if self.joint else ()
        return f"{self.name}-{digest(self.model_copy(update={'languages': languages}).canonical(), 8)}"

    @property
    def text(self) -> str:
        """Id of the text but for its language: measures with equal ones read the same tokens."""
        names = ("source", "samples", "length", "sampling", "bos", "seed")
        return digest("|".join(f"{getattr(self, name)}" for name in names), 8)


class Perplexity(Heldout):
    """Perplexity and bits per byte on held-out text."""

    name: Literal["perplexity"]


class Fidelity(Heldout):
    """Pruning error, SNR and mean magnitude of the change of hidden states, by block."""

    compares: ClassVar[bool] = True
    name: Literal["fidelity"]


class LSAR(Heldout):
    """Change of the language-specific and language-agnostic parts of prompt embeddings, by block.

    rank: of the language subspace; without it the number of languages less one.
    """

    joint: ClassVar[bool] = True
    compares: ClassVar[bool] = True
    name: Literal["lsar"]
    rank: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> "LSAR":
        most = len(self.languages) - 1
        if most < 1:
            raise ValueError("lsar needs at least 2 languages: a subspace is spanned by their differences")
        if self.rank is not None and self.rank > most:
            raise ValueError(f"rank {self.rank} is too high for {most + 1} languages; at most {most}")
        return self

    @property
    def rank_used(self) -> int:
        """The rank of the subspace."""
        return self.rank or len(self.languages) - 1


class LAPE(Heldout):
    """Activation counts of FFN neurons by language, and their language activation probability entropy.

    output: whose mean magnitude is kept: "gate", |act(gate)|, or "product", |act(gate) * up| (the down projection's
        input).
    specific: also the language-specific neurons of Tang et al. 2024.
    """

    joint: ClassVar[bool] = True
    name: Literal["lape"]
    output: Literal["gate", "product"] = "gate"
    specific: bool = False


class Activations(Heldout):
    """Mean activation of each output unit of the named linears; a name's last part is enough."""

    name: Literal["activations"]
    linears: tuple[str, ...] = Field(default=("down_proj", "o_proj"), min_length=1)


class Weights(Heldout):
    """Sparsity, weight and output reconstruction error of each linear, and how small the removed weights were."""

    compares: ClassVar[bool] = True
    name: Literal["weights"]


MEASURES: dict[str, type[Heldout]] = {
    "perplexity": Perplexity,
    "fidelity": Fidelity,
    "lsar": LSAR,
    "lape": LAPE,
    "activations": Activations,
    "weights": Weights,
}

MeasureSpec = Annotated[Perplexity | Fidelity | LSAR | LAPE | Activations | Weights, Field(discriminator="name")]
