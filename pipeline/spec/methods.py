"""What a grid may say of a method. One class a method; the arithmetic is in pipeline/methods/NAME.py."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, field_validator, model_validator

from pipeline.spec.calibration import label
from pipeline.spec.changing import Changing, Pattern, Pruning, group_of
from pipeline.spec.frozen import Frozen
from pipeline.spec.published import named


class Dense(Frozen):
    """The unpruned model: the reference."""

    reads_text: ClassVar[bool] = False
    preview: ClassVar[bool] = False
    name: Literal["dense"]


class Magnitude(Pruning):
    """Remove the smallest weights of each linear. Reads no calibration text."""

    reads_text: ClassVar[bool] = False
    keeps_weights: ClassVar[bool] = True
    name: Literal["magnitude"]


class Wanda(Pruning):
    """Sun et al. 2024 (arXiv 2306.11695): |weight| times the norm of its input feature."""

    reads_text: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True
    name: Literal["wanda"]


class WandaPreview(Pruning):
    """An estimate of Wanda's result from one dense pass over each language, which serves all mixes, sparsities and
    patterns. It has a name of its own so that it never stands for the result."""

    reads_text: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True
    preview: ClassVar[bool] = True
    name: Literal["wanda_preview"]


class RIA(Pruning):
    """Zhang et al. 2024 (ICLR, "Plug-and-Play"): a weight's share of its row and of its column times the norm of its
    input feature to the power `exponent`.

    comparison: what is ranked together where unstructured: all weights of a linear, as the authors' code does unless
        told otherwise, or those of each output row, as Wanda does.
    """

    reads_text: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True
    name: Literal["ria"]
    exponent: float = Field(default=0.5, ge=0.0)
    comparison: Literal["linear", "row"] = "linear"


class SparseGPT(Pruning):
    """Frantar & Alistarh 2023 (arXiv 2301.00774): remove weights and let the others make up for it.

    blocksize: columns whose mask is chosen together, and between whose updates later columns wait.
    percdamp: this share of the mean diagonal is added to the Hessian's diagonal; more is needed where its
        Cholesky factorisation fails.
    """

    reads_text: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = False
    name: Literal["sparsegpt"]
    blocksize: int = Field(default=128, ge=1, le=1024)
    percdamp: float = Field(default=0.01, ge=0.0)

    @model_validator(mode="after")
    def _whole_groups(self) -> "SparseGPT":
        if self.group and self.blocksize % self.group[1]:
            size = self.group[1]
            raise ValueError(
                f"blocksize {self.blocksize} is no multiple of the groups of pattern '{self.pattern}'; "
                f"write blocksize = {max(1, self.blocksize // size) * size}"
            )
        return self


class WandaUpdate(Pruning):
    """Wanda's mask, and SparseGPT's update of the weights that are kept. Settings as there."""

    reads_text: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = False
    name: Literal["wanda_update"]
    blocksize: int = Field(default=128, ge=1, le=1024)
    percdamp: float = Field(default=0.01, ge=0.0)


class GPTQ(Changing):
    """Frantar et al. 2023 (arXiv 2210.17323): round weights to a grid and let the later ones make up for it.

    group_size: consecutive inputs of an output row that share scale and zero point; 0: the whole row.
    act_order: columns in the order of their Hessian diagonal, largest first; groups are then of that order.
    symmetric: the grid's zero in its middle.
    blocksize, percdamp: as for SparseGPT. With group_size < blocksize a group's scale does not see the updates that
        its own block of columns made (the reference's rule); blocksize = group_size gives it fresh ones.
    """

    reads_text: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = False
    name: Literal["gptq"]
    bits: Literal[2, 3, 4, 8] = 4
    group_size: int = Field(default=128, ge=0)
    act_order: bool = False
    symmetric: bool = False
    blocksize: int = Field(default=128, ge=1, le=1024)
    percdamp: float = Field(default=0.01, ge=0.0)

    @property
    def pattern(self) -> str:
        """As in the store: "4bit/g128", "4bit/row"."""
        return f"{self.bits}bit/g{self.group_size}" if self.group_size else f"{self.bits}bit/row"


class Checkpoint(Changing):
    """A model that somebody else pruned: its zeros are the mask, its weights the run's. Taken, not computed, by
    pipeline/checkpoint.py.

    path: a directory, a hub id, or "id@revision".
    of, pattern, sparsity, calibration, source, samples, length, seed: how it was pruned, as far as that is known; it
        places the run in matrices. What is not set is taken from a name like those of the paper's checkpoints.
    """

    reads_text: ClassVar[bool] = False
    keeps_weights: ClassVar[bool] = False
    name: Literal["checkpoint"]
    path: str = Field(min_length=1)
    of: str | None = Field(default=None, pattern="^[a-z][a-z0-9_]*$")
    pattern: Pattern | None = None
    sparsity: float | None = Field(default=None, gt=0.0, lt=1.0)
    calibration: str | None = None
    source: str | None = None
    samples: int | None = Field(default=None, ge=1)
    length: int | None = Field(default=None, ge=2)
    seed: int | None = None

    @field_validator("calibration")
    @classmethod
    def _languages(cls, text: str | None) -> str | None:
        if text is not None:
            label(text)  # complains of what is no list of languages
        return text

    @property
    def owner(self) -> str:
        """Who has it: the hub's organisation, or the folder that the directory is in; "" where there is none."""
        return self.path.rpartition("/")[0].rpartition("/")[2]

    @property
    def known(self) -> "Checkpoint":
        """With what is not set filled in from the name."""
        unset = {key: value for key, value in named(self.path).items() if getattr(self, key) is None}
        filled = self.model_copy(update=unset)
        group = group_of(filled.pattern)
        if filled.sparsity is None and group is not None:
            return filled.model_copy(update={"sparsity": group[0] / group[1]})
        if filled.pattern is None and filled.sparsity is not None:
            return filled.model_copy(update={"pattern": "unstructured"})
        return filled


MethodSpec = Annotated[
    Dense | Magnitude | Wanda | WandaPreview | RIA | SparseGPT | WandaUpdate | GPTQ | Checkpoint,
    Field(discriminator="name"),
]

METHODS: dict[str, type[Dense | Changing]] = {
    get_args(spec.model_fields["name"].annotation)[0]: spec for spec in get_args(get_args(MethodSpec)[0])
}
"""Every method by name."""

READS_NO_TEXT = frozenset(name for name, spec in METHODS.items() if not spec.reads_text)
"""Methods without calibration: they run once per model, whatever the grid's calibrations and seeds."""
