"""From a Hessian to the triangular factor that tells how an error in one column is made up for by the later ones.

With H damped, U is the upper Cholesky factor of its inverse: H^-1 = U^T U. Exact arithmetic takes the references'
three steps: Cholesky, inverse, Cholesky. Fast stops at R = U^-1: with J the reversal of the columns and
J H J = L L^T, R = J L J is upper triangular and H = R R^T. A quarter of the operations, and less rounding.

tensor legend: columns (input features)
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

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
    if not bool(diagonal.isfinite().all()):
        raise CannotPrune("its inputs hold NaN or infinity; was the model broken before, or did its dtype overflow?")
    dead = diagonal == 0
    diagonal[dead] = 1
    order = None
    if ordered:
        order = torch.argsort(diagonal, descending=True)
        if arithmetic == "fast":
            mirror(hessian)
        hessian = hessian[order][:, order]
    damping = percdamp * torch.diag(hessian).mean()  # of a copy: a mean over the view rounds otherwise
    hessian.diagonal().add_(damping)
    what = f"percdamp = {percdamp:g} ({float(damping):.3g} on the diagonal)"
    if arithmetic == "exact":
        return Factor(_inverse_factor(hessian, what), True, dead, order)
    return Factor(_cholesky(hessian.flip(0, 1), what).flip(0, 1), False, dead, order)


def _inverse_factor(hessian: Float[Tensor, "columns columns"], what: str) -> Float[Tensor, "columns columns"]:
    """The references' three steps."""
    hessian = _cholesky(hessian, what)
    hessian = torch.cholesky_inverse(hessian)
    return _cholesky(hessian, what, upper=True)


def _cholesky(matrix: Tensor, what: str, *, upper: bool = False) -> Tensor:
    factor, minor = torch.linalg.cholesky_ex(matrix, upper=upper)
    if minor:
        raise CannotPrune(
            f"the Hessian of its inputs is not positive definite with {what}: minor {int(minor)} of {len(matrix)}; "
            "raise percdamp (0.05, 0.1), or calibrate on more tokens or other text"
        )
    return factor
