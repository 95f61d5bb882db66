"""What a grid varies, and the text behind one of its axes: the tables [axes] and [calibration]."""

from pydantic import Field

from pipeline.spec.calibration import PLAIN, CalibrationSpec, Sampling, Temperature, default_sampling, plainest
from pipeline.spec.frozen import Frozen
from pipeline.spec.methods import MethodSpec


class Axes(Frozen):
    """The axes whose product the grid's runs are."""

    model: tuple[str, ...] = Field(min_length=1)
    method: tuple[MethodSpec, ...] = Field(min_length=1)
    calibration: tuple[str, ...] = ()
    seed: tuple[int, ...] = (0,)


class CalibrationText(Frozen):
    """The [calibration] table: the text behind the languages of the calibration axis."""

    source: str
    samples: int = Field(default=128, ge=1)
    length: int = Field(default=2048, ge=2)
    sampling: Sampling | None = None
    bos: bool = False
    temperature: tuple[Temperature, Temperature] = PLAIN

    def of(self, languages: str) -> CalibrationSpec:
        """The calibration of one place on the axis."""
        return CalibrationSpec(
            languages=plainest(languages),
            source=self.source,
            samples=self.samples,
            length=self.length,
            sampling=self.sampling or default_sampling(self.source),
            bos=self.bos,
            temperature=self.temperature,
        )
