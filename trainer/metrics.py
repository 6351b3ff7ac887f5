"""Scores from one confusion matrix, accumulated over a whole set of images."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from trainer.distributed import all_reduce_sum

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ConfusionMatrix", "Scores", "confusion", "scores"]


def confusion(prediction: Tensor, target: Tensor, n_classes: int) -> Tensor:
    """Count pixels by truth (rows) and prediction (columns).

    Parameters
    ----------
    prediction, target : Tensor of integers, same shape
        Class indices. Pixels where either is not a class (-1 unlabelled, 255 not predicted) are not counted.
    n_classes : int
        Number of classes.

    Returns
    -------
    Tensor (n_classes, n_classes), int64
        On the device of the inputs.
    """
    truth, guess = target.long().flatten(), prediction.long().flatten()
    counted = (truth >= 0) & (truth < n_classes) & (guess >= 0) & (guess < n_classes)
    # What is not counted goes to a bin of its own: selecting by a mask would make the device wait.
    place = torch.where(counted, truth * n_classes + guess, n_classes * n_classes)
    bins = torch.bincount(place, minlength=n_classes * n_classes + 1)
    return bins[:-1].view(n_classes, n_classes)


class ConfusionMatrix:
    """A confusion matrix that grows batch by batch, rows truth and columns prediction.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    device : torch.device or str
        Where it is kept: that of the predictions.
    """

    def __init__(self, n_classes: int, device: torch.device | str = "cpu") -> None:
        self.matrix: Tensor = torch.zeros(n_classes, n_classes, dtype=torch.int64, device=device)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count a batch; see `confusion`."""
        self.matrix += confusion(prediction, target, len(self.matrix))

    def reduce(self) -> None:
        """Add up the matrices of all ranks, on each of them."""
        all_reduce_sum(self.matrix)

    def scores(self) -> Scores:
        """Return the scores so far."""
        return scores(self.matrix)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a confusion matrix says.

    Parameters
    ----------
    iou : tuple of float
        Intersection over union per class; NaN where a class is in neither truth nor prediction.
    miou : float
        Mean of those that are not NaN; NaN where there are none.
    accuracy : float
        Share of pixels that are right; NaN where none were counted.
    """

    iou: tuple[float, ...]
    miou: float
    accuracy: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values; NaN becomes None, since JSON has no NaN."""
        return {
            key: [_or_none(v) for v in value] if isinstance(value, tuple) else _or_none(value)
            for key, value in asdict(self).items()
        }


def _or_none(value: float) -> float | None:
    return None if isinstance(value, float) and math.isnan(value) else value


def scores(matrix: Tensor) -> Scores:
    """Return the scores of a confusion matrix (n, n), rows truth and columns prediction; waits for the device."""
    counts = matrix.to("cpu", torch.float64)
    right = counts.diagonal()
    union = counts.sum(0) + counts.sum(1) - right
    iou = torch.where(union > 0, right / union.clamp(min=1), torch.nan)
    total = float(counts.sum())
    return Scores(
        iou=tuple(float(v) for v in iou),
        miou=float(iou.nanmean()),
        accuracy=float(right.sum()) / total if total else math.nan,
    )
