"""Scoring a network on a set of patches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from trainer.distributed import all_reduce_sum, rank, world_size
from trainer.fit.patches import batches
from trainer.losses import partial_cross_entropy
from trainer.metrics import ConfusionMatrix, Scores, confusion, scores

if TYPE_CHECKING:
    from torch import Tensor, nn

    from trainer.fit.patches import PatchSet
    from trainer.normalisation import Normalisation
    from trainer.precision import Precision

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a network scored on a set.

    Parameters
    ----------
    matrix : Tensor (n, n), int64
        Pixels by truth (rows) and prediction (columns), over the whole set and all ranks; on the CPU.
    scores : Scores
        From that matrix.
    batch_miou, batch_accuracy : float
        Means over batches of each batch's own, as some reports have them: higher or lower than the set's, and
        dependent on the batch size.
    loss : float
        Mean cross-entropy over the labelled pixels.
    """

    matrix: Tensor
    scores: Scores
    batch_miou: float
    batch_accuracy: float
    loss: float


def _mean(values: list[float], device: torch.device) -> float:
    known = [v for v in values if not math.isnan(v)]
    total, count = all_reduce_sum(torch.tensor([sum(known), len(known)], dtype=torch.float64, device=device)).tolist()
    return float(total / count) if count else math.nan


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    patches: PatchSet,
    normalisation: Normalisation,
    precision: Precision,
    classes: int,
    batch_size: int,
) -> Evaluation:
    """Score a network on the labelled pixels of a set; over several ranks each takes its share of the batches."""
    model.eval()
    matrix = ConfusionMatrix(classes, precision.device)
    sums = torch.zeros(2, dtype=torch.float64, device=precision.device)
    alone: list[Tensor] = []
    groups = [np.arange(at, min(at + batch_size, len(patches))) for at in range(0, len(patches), batch_size)]
    for images, labels in batches(patches, groups[rank() :: world_size()]):
        target = labels.to(precision.device, non_blocking=True)
        inputs = precision.images(normalisation.apply(precision.images(images)))
        with precision.autocast():
            logits = model(inputs)
        total, count = partial_cross_entropy(logits, target)
        sums += torch.stack([total.double(), count.double()])
        alone.append(confusion(logits.float().argmax(1), target, classes))
        matrix.matrix += alone[-1]
    each = [scores(one) for one in alone]
    matrix.reduce()
    total_loss, counted = all_reduce_sum(sums).tolist()
    return Evaluation(
        matrix=matrix.matrix.cpu(),
        scores=matrix.scores(),
        batch_miou=_mean([s.miou for s in each], precision.device),
        batch_accuracy=_mean([s.accuracy for s in each], precision.device),
        loss=total_loss / counted if counted else math.nan,
    )
