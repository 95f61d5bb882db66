"""What a grid may say of a measure. One class a measure; the arithmetic is in pipeline/measures/NAME.py."""

from typing import Literal

from pydantic import Field, field_validator

from pipeline.spec.calibration import Sampling
from pipeline.spec.frozen import Frozen, digest


class Perplexity(Frozen):
    """Perplexity and bits per byte on held-out text.

    languages: where it is measured; each language is a measurement of its own.
    source, samples, length, sampling, bos: the text, as for calibration, drawn from the source's held-out split.
    seed: of the draw of that text, the same for every run.
    """

    name: Literal["perplexity"]
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
        return f"{self.name}-{digest(self.model_copy(update={'languages': ()}).canonical(), 8)}"


MeasureSpec = Perplexity
