"""Scores of a map that is still being made: how it agrees with a truth, in numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import NOT_PREDICTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["class_iou", "mean_iou"]


def class_iou(
    prediction: NDArray[np.uint8], truth: NDArray[Any], n_classes: int, *, missing_is_wrong: bool = True
) -> NDArray[np.float64]:
    """Return the intersection over union of each class.

    Parameters
    ----------
    prediction : ndarray of uint8, shape (H, W)
        Class indices; 255 where there is no prediction yet.
    truth : ndarray of integers, shape (H, W)
        Class indices; anything outside 0 .. n_classes - 1 is unknown and not counted.
    n_classes : int
        Number of classes.
    missing_is_wrong : bool
        Whether a pixel without prediction counts against the class it belongs to, or not at all.

    Returns
    -------
    ndarray of float64, shape (n_classes,)
        NaN where a class is in neither.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"a prediction of shape {prediction.shape} and a truth of shape {truth.shape}")
    known = (truth >= 0) & (truth < n_classes)
    if not missing_is_wrong:
        known &= prediction != NOT_PREDICTED
    columns = np.minimum(prediction[known], n_classes).astype(np.int64)  # one column more for "none"
    rows = truth[known].astype(np.int64)
    size = n_classes + 1
    table = np.bincount(rows * size + columns, minlength=n_classes * size).reshape(n_classes, size)
    hit = np.diag(table[:, :n_classes])
    union = table.sum(1) + table[:, :n_classes].sum(0) - hit
    with np.errstate(invalid="ignore"):
        result: NDArray[np.float64] = np.where(union > 0, hit / np.maximum(union, 1), np.nan)
    return result


def mean_iou(
    prediction: NDArray[np.uint8], truth: NDArray[Any], n_classes: int, *, missing_is_wrong: bool = True
) -> float:
    """Return the mean of `class_iou` over the classes that occur; NaN when none does."""
    values = class_iou(prediction, truth, n_classes, missing_is_wrong=missing_is_wrong)
    present = ~np.isnan(values)
    return float(values[present].mean()) if present.any() else float("nan")
