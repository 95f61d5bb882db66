"""What a grid may say of a method. One class a method; the arithmetic is in pipeline/methods/NAME.py."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, field_validator, model_validator

from pipeline.spec.frozen import Frozen


class Dense(Frozen):
    """The unpruned model: the reference."""

    reads_text: ClassVar[bool] = False
    name: Literal["dense"]


class Pruning(Frozen):
    """Settings that every pruning method has. Each says whether it reads calibration text.

    pattern: "unstructured", or "n:m": in each group of m consecutive inputs n weights are removed.
    sparsity: share of removed weights, 0 <= sparsity < 1; for n:m it is n/m and need not be given.
    skip_blocks: blocks left dense, by index; negative ones count from the end (paper, table 12: [0, -1]).
    """

    reads_text: ClassVar[bool]
    pattern: str = "unstructured"
    sparsity: float = Field(default=0.5, ge=0.0, lt=1.0)
    skip_blocks: tuple[int, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        if pattern == "unstructured":
            return pattern
        removed, colon, group = pattern.partition(":")
        if not (colon and removed.isdigit() and group.isdigit() and 0 < int(removed) < int(group)):
            raise ValueError(f"'{pattern}' is no pattern; write 'unstructured' or 'n:m' with 0 < n < m, as '2:4'")
        return pattern

    @model_validator(mode="after")
    def _one_sparsity(self) -> "Pruning":
        if self.group and "sparsity" in self.model_fields_set and self.sparsity != self.target_sparsity:
            raise ValueError(f"sparsity {self.sparsity:g} contradicts pattern '{self.pattern}'; leave it out")
        return self

    @property
    def group(self) -> tuple[int, int] | None:
        """(n, m) of an n:m pattern, None where unstructured."""
        if self.pattern == "unstructured":
            return None
        removed, _, size = self.pattern.partition(":")
        return int(removed), int(size)

    @property
    def target_sparsity(self) -> float:
        """The share of weights to remove in each pruned linear."""
        return self.sparsity if self.group is None else self.group[0] / self.group[1]


class Magnitude(Pruning):
    """Remove the smallest weights of each linear. Reads no calibration text."""

    reads_text: ClassVar[bool] = False
    name: Literal["magnitude"]


class Wanda(Pruning):
    """Sun et al. 2024 (arXiv 2306.11695): |weight| times the norm of its input feature."""

    reads_text: ClassVar[bool] = True
    name: Literal["wanda"]


MethodSpec = Annotated[Dense | Magnitude | Wanda, Field(discriminator="name")]

METHODS: dict[str, type[Dense | Pruning]] = {
    get_args(spec.model_fields["name"].annotation)[0]: spec for spec in get_args(get_args(MethodSpec)[0])
}
"""Every method by name."""

READS_NO_TEXT = frozenset(name for name, spec in METHODS.items() if not spec.reads_text)
"""Methods without calibration: they run once per model, whatever the grid's calibrations and seeds."""
