"""What a grid may say of a method. One class a method; the arithmetic is in pipeline/methods/NAME.py."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, field_validator, model_validator

from pipeline.spec.frozen import Frozen


class Dense(Frozen):
    """The unpruned model: the reference."""

    reads_text: ClassVar[bool] = False
    name: Literal["dense"]


class Changing(Frozen):
    """Settings that every method has that changes weights.

    Each says whether it reads calibration text, and whether it leaves the weights it does not remove untouched: then
    dense weights and masks are the pruned model.

    skip_blocks: blocks left dense, by index; negative ones count from the end (paper, table 12: [0, -1]).
    skip_linears: linears left dense in every block, by their dotted name or the end of it ("down_proj").
    """

    reads_text: ClassVar[bool]
    keeps_weights: ClassVar[bool]
    skip_blocks: tuple[int, ...] = ()
    skip_linears: tuple[str, ...] = ()

    def at(self, block: int, n_blocks: int, linear: str) -> "Changing | None":
        """The settings of one linear; None where it stays dense."""
        skipped = is_block(block, n_blocks, self.skip_blocks) or is_linear(linear, self.skip_linears)
        return None if skipped else self


class Override(Frozen):
    """Another sparsity for some linears: those that are in `blocks` and named by `linears` (all, where not given)."""

    blocks: tuple[int, ...] | None = None
    linears: tuple[str, ...] | None = None
    sparsity: float = Field(ge=0.0, lt=1.0)

    def covers(self, block: int, n_blocks: int, linear: str) -> bool:
        """True if this linear is one of them."""
        in_blocks = self.blocks is None or is_block(block, n_blocks, self.blocks)
        return in_blocks and (self.linears is None or is_linear(linear, self.linears))


def is_block(block: int, n_blocks: int, listed: tuple[int, ...]) -> bool:
    """True if `listed` names the block, from the front or, negative, from the end."""
    return block in listed or block - n_blocks in listed


def is_linear(linear: str, listed: tuple[str, ...]) -> bool:
    """True if `listed` holds the linear's dotted name ("mlp.down_proj") or the end of it ("down_proj")."""
    return any(f".{linear}".endswith(f".{name}") for name in listed)


class Pruning(Changing):
    """Settings that every pruning method has.

    pattern: "unstructured", or "n:m": in each group of m consecutive inputs n weights are removed.
    sparsity: share of removed weights, 0 <= sparsity < 1; for n:m it is n/m and need not be given.
    override: other sparsities for some blocks or linears, unstructured only; of several that cover a linear the last
        one counts.
    """

    pattern: str = "unstructured"
    sparsity: float = Field(default=0.5, ge=0.0, lt=1.0)
    override: tuple[Override, ...] = ()

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
        if self.group and self.override:
            raise ValueError(f"override: pattern '{self.pattern}' has one sparsity; leave it out")
        return self

    def at(self, block: int, n_blocks: int, linear: str) -> "Pruning | None":
        """The settings of one linear, its sparsity among them; None where it stays dense."""
        if super().at(block, n_blocks, linear) is None:
            return None
        covering = [entry.sparsity for entry in self.override if entry.covers(block, n_blocks, linear)]
        return self.model_copy(update={"sparsity": covering[-1]}) if covering else self

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
    keeps_weights: ClassVar[bool] = True
    name: Literal["magnitude"]


class Wanda(Pruning):
    """Sun et al. 2024 (arXiv 2306.11695): |weight| times the norm of its input feature."""

    reads_text: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True
    name: Literal["wanda"]


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
            raise ValueError(f"blocksize {self.blocksize} is no multiple of the groups of pattern '{self.pattern}'")
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


MethodSpec = Annotated[Dense | Magnitude | Wanda | RIA | SparseGPT | WandaUpdate | GPTQ, Field(discriminator="name")]

METHODS: dict[str, type[Dense | Changing]] = {
    get_args(spec.model_fields["name"].annotation)[0]: spec for spec in get_args(get_args(MethodSpec)[0])
}
"""Every method by name."""

READS_NO_TEXT = frozenset(name for name, spec in METHODS.items() if not spec.reads_text)
"""Methods without calibration: they run once per model, whatever the grid's calibrations and seeds."""
