"""Partial cross-entropy: the loss over labelled pixels, divided by how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from annotations.classes import UNLABELLED
from annotations.errors import LabelError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["check_target", "mean_over_labelled", "partial_cross_entropy"]


def partial_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the summed cross-entropy over labelled pixels, and how many there are.

    The sum is not divided here: with several micro-batches or ranks the divisor is the count over all of them, and
    `mean_over_labelled` is the one place that divides.

    Parameters
    ----------
    logits : Tensor (B, C, H, W)
        Any floating type; computed in float32.
    target : Tensor (B, H, W), int8 or any signed integer type
        Class indices, -1 where unlabelled.
    weight : Tensor (C,), optional
        A weight per class.

    Returns
    -------
    total : Tensor (), float32
        Sum over labelled pixels of ``-weight[y] * log_softmax(z)[y]``.
    count : Tensor (), int64
        Number of labelled pixels, whatever their weight.

    Notes
    -----
    torch's own weighted mean divides by the sum of the weights, and gives NaN where nothing is labelled; the sum and
    the count do neither. An empty target gives 0 and gradients of 0, without asking the device for the count.
    """
    logits = logits.float()
    if weight is not None:
        weight = weight.to(logits)
    total = functional.cross_entropy(logits, target.long(), weight, ignore_index=UNLABELLED, reduction="sum")
    return total, (target != UNLABELLED).sum()


def mean_over_labelled(total: Tensor, count: Tensor, world_size: int = 1) -> Tensor:
    """Divide a summed loss by the number of labelled pixels; 0 where there are none.

    Parameters
    ----------
    total : Tensor ()
        Summed loss of this rank (or micro-batch).
    count : Tensor ()
        Labelled pixels of the whole step: of all micro-batches, all-reduced over all ranks.
    world_size : int
        Number of ranks. Gradients are averaged over ranks, so the sum is scaled up by as much.
    """
    return total * world_size / count.clamp(min=1)


def check_target(target: Tensor, classes: int, source: str = "labels") -> None:
    """Raise unless every value of `target` is -1 or a class; for data on its way in, since it waits for the device.

    Raises
    ------
    LabelError
        The message names source, value and place.
    """
    bad = (target < UNLABELLED) | (target >= classes)
    if bool(bad.any()):
        place = tuple(int(p) for p in bad.nonzero()[0])
        raise LabelError(
            f"{source}: value {int(target[place])} at {place} is not one of the {classes} classes (0 to {classes - 1}) "
            f"and not {UNLABELLED} (unlabelled). Add the missing classes to the scheme or correct the labels."
        )
