"""The training step: forward, partial cross-entropy, backward through the loss scaler, and the move of the weights.

The one place where gradients are made: training on patches, the live learner, the starter weights and the throughput
benchmark differ in where their crops come from, not in what a step is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from trainer.distributed import all_reduce_sum, world_size
from trainer.losses import mean_over_labelled, partial_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from trainer.precision import Precision

__all__ = ["StepLoss", "TrainingStep", "summed_loss"]


class StepLoss(NamedTuple):
    """The loss of a batch, on its device and without a graph.

    Parameters
    ----------
    total : Tensor ()
        Summed cross-entropy over the labelled pixels; the mean over the heads where a network has several.
    labelled : Tensor (), int64
        Labelled pixels of the batch.
    mean : Tensor ()
        What the gradients are of: the sum over the labelled pixels of the whole step.
    """

    total: Tensor
    labelled: Tensor
    mean: Tensor


def summed_loss(output: Tensor | list[Tensor], target: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the summed partial cross-entropy, the mean over the heads, and the number of labelled pixels.

    Parameters
    ----------
    output : Tensor (B, C, H, W) or list of Tensor
        Logits; several of them with deep supervision.
    target : Tensor (B, H, W)
        -1 where unlabelled.
    weight : Tensor (C,), optional
        Of each class.
    """
    heads = output if isinstance(output, list) else [output]
    parts = [partial_cross_entropy(head, target, weight) for head in heads]
    return torch.stack([total for total, _ in parts]).mean(), parts[0][1]


class TrainingStep:
    """Steps of one network.

    Parameters
    ----------
    network : torch.nn.Module
        Is called; with several processes the wrapped one, which averages the gradients.
    optimizers : sequence of Optimizer
        Move the weights.
    precision : Precision
        In which numbers is computed, and whether the loss needs scaling.
    weight : Tensor (C,), optional
        Of each class in the loss.

    Attributes
    ----------
    scaler : torch.amp.GradScaler
        Does nothing where the numbers need no scaling.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        precision: Precision,
        weight: Tensor | None = None,
    ) -> None:
        self.scaler = precision.grad_scaler()
        self._network = network
        self._optimizers = optimizers
        self._precision = precision
        self._weight = weight

    def __call__(self, inputs: Tensor, target: Tensor) -> StepLoss:
        """Make a step on one batch; see `accumulate`."""
        self.clear()
        loss = self.accumulate(inputs, target)
        self.move()
        return loss

    def clear(self) -> None:
        """Forget the gradients."""
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)

    def accumulate(self, inputs: Tensor, target: Tensor, count: Tensor | None = None) -> StepLoss:
        """Add the gradients of a batch.

        Parameters
        ----------
        inputs : Tensor (B, bands, H, W)
            Normalised, on the device and in its layout.
        target : Tensor (B, H, W)
            On the device; -1 where unlabelled.
        count : Tensor (), optional
            Labelled pixels of the whole step, where this is a part of its batch; by default those of the batch, over
            all processes.
        """
        with self._precision.autocast():
            output = self._network(inputs)
        total, labelled = summed_loss(output, target, self._weight)
        # Divided by the labels of all processes and not by each one's own: these differ, and a label would count more
        # where there are few.
        everywhere = all_reduce_sum(labelled.clone()) if count is None else count
        mean = mean_over_labelled(total, everywhere, world_size())
        self.scaler.scale(mean).backward()  # type: ignore[no-untyped-call]  # torch's stub
        return StepLoss(total.detach(), labelled, mean.detach())

    def move(self) -> None:
        """Move the weights by the gradients; steps that overflowed in float16 are left out by the scaler."""
        for optimizer in self._optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()

    def reset_scaler(self) -> None:
        """Give the loss scaler a fresh scale, after the weights were set back."""
        self.scaler = self._precision.grad_scaler()
