"""Softmax regression in one fit: a convex problem, so there is one answer and nothing that oscillates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import minimize
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["softmax_regression"]

_NEVER = -1e4  # the constant of a class without labels


def softmax_regression(
    features: torch.Tensor,
    classes: torch.Tensor,
    weights: torch.Tensor,
    n_classes: int,
    penalty: float,
    iterations: int = 30,
) -> torch.Tensor:
    """Return weights (n_classes, D + 1), the last column for the constant.

    Minimises the weighted cross-entropy plus penalty / 2 times the sum of squared weights, without the constants, by
    L-BFGS.

    Parameters
    ----------
    features : Tensor (N, D)
        Of labelled pixels; about 1 in size.
    classes : Tensor of int64, (N,)
        Their classes.
    weights : Tensor (N,)
        How much each counts; their sum is 1.
    n_classes : int
        Number of classes; one without labels is never answered.
    penalty : float
        Above 0.
    iterations : int
        At the most.
    """
    inputs = torch.cat([features, features.new_ones(len(features), 1)], dim=1)
    missing = torch.where(torch.bincount(classes, minlength=n_classes) > 0, 0.0, _NEVER).to(features)
    wanted = functional.one_hot(classes, n_classes).to(features)
    shape = n_classes, inputs.shape[1]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the loss and its gradient."""
        present = torch.from_numpy(flat.reshape(shape)).to(features)
        logs = (inputs @ present.T + missing).log_softmax(dim=1)
        held = present.clone()
        held[:, -1] = 0
        value = -(weights * (logs * wanted).sum(1)).sum() + penalty / 2 * held.square().sum()
        gradient = ((logs.exp() - wanted) * weights[:, None]).T @ inputs + penalty * held
        return float(value), gradient.double().cpu().numpy().ravel()

    with torch.no_grad():
        # scipy's: torch's own imports its compiler for the first step, for more than a second.
        found = minimize(
            loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": iterations}
        )
    fitted = torch.from_numpy(found.x.reshape(shape)).to(features)
    fitted[:, -1] += missing
    return fitted
