"""From a Hessian to the triangular factor that tells how an error in one column is made up for by the later ones.

With H damped, U is the upper Cholesky factor of its inverse: H^-1 = U^T U. Exact arithmetic takes the references'
three steps: Cholesky, inverse, Cholesky. Fast stops at R = U^-1: with J the reversal of the columns and
J H J = L L^T, R = J L J is upper triangular and H = R R^T. A quarter of the operations, and less rounding.

tensor legend: columns (input features)
"""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pipeline import doubts
from pipeline.kernels.gram import mirror
from pipeline.methods import CannotPrune
from pipeline.spec import Arithmetic


@dataclass(frozen=True)
class Factor:
    """matrix: U where `inverse`, else R = U^-1. dead: columns that were 0 in every token; their weights become 0.
    order: the columns as the factor has them, None for their own order."""

    matrix: Float[Tensor, "columns columns"]
    inverse: bool
    dead: Bool[Tensor, " columns"]
    order: Int[Tensor, " columns"] | None


def factorise(
    hessian: Float[Tensor, "columns columns"], percdamp: float, arithmetic: Arithmetic, *, ordered: bool
) -> Factor:
    """The factor of `hessian`, which is overwritten; fast arithmetic reads only its upper triangle.

    percdamp times the mean of its diagonal is added to it. ordered: columns by their diagonal, largest first.
    Raises CannotPrune where that is not positive definite: never another matrix in its place.
    """
    diagonal = hessian.diagonal()
    finite = diagonal.isfinite().all()
    dead = diagonal == 0
    diagonal.masked_fill_(dead, 1)
    order = None
    if ordered:
        order = torch.argsort(diagonal, descending=True)
        if arithmetic == "fast":
            mirror(hessian)
        hessian = hessian[order][:, order]
    damping = percdamp * torch.diag(hessian).mean()  # of a copy: a mean over the view rounds otherwise
    hessian.diagonal().add_(damping)
    trial = _Trial(finite, percdamp, damping, len(hessian))
    if arithmetic == "exact":
        return Factor(_inverse_factor(hessian, trial), True, dead, order)
    return Factor(_root(hessian, trial), False, dead, order)


@dataclass(frozen=True)
class _Trial:
    """What is tried. Values stay where they are computed until a factorisation is checked: at once in exact
    arithmetic, whose next step would stumble over a failed one, else with all other doubts of a block."""

    finite: Bool[Tensor, ""]
    percdamp: float
    damping: Float[Tensor, ""]
    n_columns: int

    def holds(self, minor: Int[Tensor, ""]) -> Bool[Tensor, ""]:
        """Whether the factorisation came through all minors."""
        return self.finite & (minor == 0)

    def error(self, minor: Int[Tensor, ""]) -> CannotPrune:
        """Why it did not."""
        if not bool(self.finite):
            return CannotPrune(
                "its inputs hold NaN or infinity; was the model broken before, or did its dtype overflow?"
            )
        return CannotPrune(
            f"the Hessian of its inputs is not positive definite with percdamp = {self.percdamp:g} "
            f"({float(self.damping):.3g} on the diagonal): minor {int(minor)} of {self.n_columns}; "
            "raise percdamp (0.05, 0.1), or calibrate on more tokens or other text"
        )


def _inverse_factor(hessian: Float[Tensor, "columns columns"], trial: _Trial) -> Float[Tensor, "columns columns"]:
    """U by the references' three steps."""
    hessian, minor = torch.linalg.cholesky_ex(hessian)
    if not bool(trial.holds(minor)):
        raise trial.error(minor)
    hessian = torch.cholesky_inverse(hessian)
    hessian, minor = torch.linalg.cholesky_ex(hessian, upper=True)
    doubts.require(trial.holds(minor), partial(trial.error, minor))
    return hessian


def _root(hessian: Float[Tensor, "columns columns"], trial: _Trial) -> Float[Tensor, "columns columns"]:
    """R, in the memory of the Hessian, of which the upper triangle is read."""
    _reverse(hessian)
    turned = hessian.mT  # column-major, as LAPACK works in place
    minor = torch.empty((), dtype=torch.int32, device=hessian.device)
    torch.linalg.cholesky_ex(turned, upper=True, out=(turned, minor))
    doubts.require(trial.holds(minor), partial(trial.error, minor))
    _reverse(hessian)
    return hessian


def _reverse(matrix: Float[Tensor, "columns columns"], step: int = 256) -> None:
    """Rows and columns in reverse order, in place."""
    n = len(matrix)
    for start in range(0, n // 2, step):
        stop = min(start + step, n // 2)
        above, below = matrix[start:stop], matrix[n - stop : n - start]
        kept = above.flip(0, 1)
        above.copy_(below.flip(0, 1))
        below.copy_(kept)
    if n % 2:
        middle = matrix[n // 2]
        middle.copy_(middle.flip(0))
