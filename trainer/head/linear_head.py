"""A linear head: its fit to labelled pixels, and the correction for how common the classes are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from trainer.head.softmax_regression import softmax_regression
from trainer.live.class_prior import estimate_shares

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from trainer.head.scaling import Scaling

__all__ = ["LinearHead", "chosen_pixels", "fit_head"]

_MOST: Final = 4000  # labelled pixels in a fit
_LEAST_OF_CLASS: Final = 100
_CAUTION: Final = 0.25
_LIMIT: Final = 2.5  # of the correction of a logit: a class must not vanish because it is rare


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """Weights (K, D) and constants (K,) for raw features, float32."""

    weights: Tensor
    constants: Tensor


def chosen_pixels(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of many labelled pixels a head is fitted to: about as many of each class, all of a rare one.

    Parameters
    ----------
    classes : ndarray of int64, (N,)
        Of pixels in any order.

    Returns
    -------
    ndarray of int64
        Sorted places; the same for the same pixels.
    """
    present, counts = np.unique(classes, return_counts=True)
    if counts.sum() <= _MOST:
        return np.arange(len(classes))
    each = max(_MOST // len(present), _LEAST_OF_CLASS)
    parts = []
    for label in present:
        own = np.flatnonzero(classes == label)
        parts.append(own if len(own) <= each else np.random.default_rng(0).permutation(own)[:each])
    return np.sort(np.concatenate(parts))


def fit_head(
    features: Tensor, classes: Tensor, n_classes: int, scaling: Scaling, penalty: float, sample: Tensor, prior: float
) -> LinearHead:
    """Fit a head.

    Parameters
    ----------
    features : Tensor (N, D)
        Raw, of labelled pixels of two classes at least.
    classes : Tensor of int64, (N,)
        Theirs.
    n_classes : int
        Number of classes; one without labels is never answered.
    scaling : Scaling
        Of the features.
    penalty : float
        Of `softmax_regression`.
    sample : Tensor (M, D)
        Raw features of pixels from all over the image.
    prior : float
        How far the answers are corrected for classes being more or less common in the image than alike: 0 not at all,
        1 as far as the answers themselves say.
    """
    counts = torch.bincount(classes, minlength=n_classes)
    weights = 1.0 / (counts[classes] * (counts > 0).sum())
    fitted = softmax_regression(scaling.apply(features), classes, weights, n_classes, penalty)
    raw, constants = scaling.undone(fitted)
    if prior:
        constants = constants + _correction(sample @ raw.T + constants, counts > 0, prior)
    return LinearHead(raw, constants)


def _correction(logits: Tensor, present: Tensor, prior: float) -> Tensor:
    """Return what to add to the constants: the head was fitted as if all classes were equally common."""
    answers = logits[:, present].softmax(dim=1).cpu().numpy()
    alike = np.full(answers.shape[1], 1 / answers.shape[1])
    shares = estimate_shares(answers, alike, caution=_CAUTION)
    shift = np.clip(prior * np.log(shares / alike), -_LIMIT, _LIMIT).astype(np.float32)
    result = torch.zeros(len(present), device=logits.device)
    result[present] = torch.from_numpy(shift).to(logits.device)
    return result
