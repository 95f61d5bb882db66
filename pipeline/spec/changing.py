"""Settings that methods share: which linears stay dense, how much is removed of the others and in which pattern."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from pipeline.spec.frozen import Frozen


class Changing(Frozen):
    """Settings that every method has that changes weights.

    Each says whether it reads calibration text, and whether it leaves the weights it does not remove untouched: then
    dense weights and masks are the pruned model. A preview takes all its statistics from the dense model.

    skip_blocks: blocks left dense, by index; negative ones count from the end (paper, table 12: [0, -1]).
    skip_linears: linears left dense in every block, by their dotted name or the end of it ("down_proj").
    """

    reads_text: ClassVar[bool]
    keeps_weights: ClassVar[bool]
    preview: ClassVar[bool] = False
    skip_blocks: tuple[int, ...] = ()
    skip_linears: tuple[str, ...] = ()

    def at(self, block: int, n_blocks: int, linear: str) -> "Changing | None":
        """The settings of one linear; None where it stays dense."""
        skipped = is_block(block, n_blocks, self.skip_blocks) or is_linear(linear, self.skip_linears)
        return None if skipped else self


class Override(Frozen):
    """Another sparsity for some linears: those that are in `blocks` and named by `linears` (all, where not given);
    0 leaves them dense."""

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


def _checked_pattern(pattern: str) -> str:
    if pattern == "unstructured":
        return pattern
    removed, colon, group = pattern.partition(":")
    if not (colon and removed.isdigit() and group.isdigit() and 0 < int(removed) < int(group)):
        raise ValueError(f"'{pattern}' is no pattern; write 'unstructured' or 'n:m' with 0 < n < m, as '2:4'")
    return f"{int(removed)}:{int(group)}"


NUMBERS = re.compile(r"(\d+):(\d+)")

Pattern = Annotated[str, AfterValidator(_checked_pattern)]
""" "unstructured", or "n:m"."""


def group_of(pattern: str | None) -> tuple[int, int] | None:
    """(n, m) of an n:m pattern, None where unstructured."""
    removed, colon, size = (pattern or "").partition(":")
    return (int(removed), int(size)) if colon else None


class Pruning(Changing):
    """Settings that every pruning method has.

    pattern: "unstructured", or "n:m": in each group of m consecutive inputs n weights are removed.
    sparsity: share of removed weights, 0 <= sparsity < 1; for n:m it is n/m and need not be given.
    override: other sparsities for some blocks or linears, unstructured only; of several that cover a linear the last
        one counts.
    """

    pattern: Pattern = "unstructured"
    sparsity: float = Field(default=0.5, ge=0.0, lt=1.0)
    override: tuple[Override, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _said_once(cls, data: Any) -> Any:
        """n:m with its own sparsity beside it is the same setting as without, and the same run."""
        if not isinstance(data, dict) or not (said := NUMBERS.fullmatch(str(data.get("pattern")))):
            return data
        n, m = map(int, said.groups())
        return {key: value for key, value in data.items() if key != "sparsity" or not m or value != n / m}

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As it can be read back: the field's default beside n:m would contradict it."""
        data: dict[str, Any] = write(self)
        return {key: value for key, value in data.items() if key != "sparsity" or not self.group}

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
        if not covering:
            return self
        return self.model_copy(update={"sparsity": covering[-1]}) if covering[-1] else None

    @property
    def group(self) -> tuple[int, int] | None:
        """(n, m) of an n:m pattern, None where unstructured."""
        return group_of(self.pattern)

    @property
    def target_sparsity(self) -> float:
        """The share of weights to remove in each pruned linear."""
        return self.sparsity if self.group is None else self.group[0] / self.group[1]
