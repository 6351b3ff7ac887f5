"""What an epoch of training brought, and what training ended with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from trainer.metrics import Scores, scores

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EpochResult", "FitResult"]

_ASTRAY: Final = 10.0  # times the cross-entropy of a network that knows nothing and says so


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What an epoch brought.

    Parameters
    ----------
    epoch, step : int
        From 1; steps made by its end.
    loss, val_loss : float
        Mean cross-entropy over labelled pixels.
    matrix : Tensor (n, n), int64
        The validation set by truth and prediction.
    batch_miou, batch_accuracy : float
        Means over the validation batches' own.
    seconds : float
        Training and scoring.
    waited : float
        Seconds of the training in which the network stood still for data.
    """

    epoch: int
    step: int
    loss: float
    val_loss: float
    matrix: Tensor
    batch_miou: float
    batch_accuracy: float
    seconds: float
    waited: float

    @property
    def scores(self) -> Scores:
        """Scores from the confusion matrix."""
        return scores(self.matrix)

    @property
    def usable(self) -> bool:
        """Whether losses and score are numbers; a network that diverged still has a most likely class everywhere."""
        return all(map(math.isfinite, (self.loss, self.val_loss, self.scores.miou)))

    def diverged(self, classes: int) -> bool:
        """Whether training went astray: losses are not numbers, or the training loss is far above that of guessing."""
        if not (math.isfinite(self.loss) and math.isfinite(self.val_loss)):
            return True
        return self.loss > _ASTRAY * math.log(max(classes, 2))

    def better_than(self, other: EpochResult | None, select: str) -> bool:
        """Whether to keep this epoch's weights rather than the other's."""
        if not self.usable:
            return False
        if other is None:
            return True
        if select == "batch_miou":
            return self.batch_miou > other.batch_miou
        return self.scores.miou > other.scores.miou

    def row(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """Return plain values for the history."""
        result = self.scores
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": self.loss,
            "val_loss": self.val_loss,
            "miou": result.miou,
            "accuracy": result.accuracy,
            "batch_miou": self.batch_miou,
            "batch_accuracy": self.batch_accuracy,
            "seconds": self.seconds,
            "waited": self.waited,
            **{f"iou {name}": value for name, value in zip(class_names, result.iou, strict=True)},
        }

    def to_plain(self) -> dict[str, Any]:
        """Return plain values from which `from_plain` rebuilds it."""
        names = ("epoch", "step", "loss", "val_loss", "batch_miou", "batch_accuracy", "seconds", "waited")
        return {"matrix": self.matrix.tolist(), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_plain(cls, value: dict[str, Any]) -> EpochResult:
        """Rebuild from `to_plain`."""
        return cls(**{**value, "matrix": torch.tensor(value["matrix"], dtype=torch.int64)})


@dataclass(frozen=True, slots=True)
class FitResult:
    """What training ended with: the epochs, the best of them (None if none was usable), and the time it took."""

    epochs: tuple[EpochResult, ...]
    best: EpochResult | None
    seconds: float
    precision: str
