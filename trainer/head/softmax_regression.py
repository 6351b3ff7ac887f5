"""Softmax regression in one fit: a convex problem, so there is one answer and nothing that oscillates."""

from __future__ import annotations

import torch
from torch.nn import functional

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
    with torch.enable_grad():
        result = torch.zeros(n_classes, inputs.shape[1], device=features.device, requires_grad=True)
        optimizer = torch.optim.LBFGS([result], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            entropy = functional.cross_entropy(inputs @ result.T + missing, classes, reduction="none")
            value = (entropy * weights).sum() + penalty / 2 * (result[:, :-1] ** 2).sum()
            value.backward()  # type: ignore[no-untyped-call]  # torch's stub
            return value

        optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted = result.detach()
    fitted[:, -1] += missing
    return fitted
