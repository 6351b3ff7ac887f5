"""A network in training: its optimiser, its moving average, and what a step and an epoch do."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from trainer.augment import augment, photometric
from trainer.config import ConfigError
from trainer.distributed import all_reduce_sum, is_main, rank, world_size
from trainer.fit.patches import batches
from trainer.models import build_model
from trainer.models.sync_norm import synchronised
from trainer.optim import Average, make_optimizers, set_rates
from trainer.precision import Precision, choose_precision
from trainer.step import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from trainer.config import FitConfig
    from trainer.fit.patches import PatchSet
    from trainer.normalisation import Normalisation
    from trainer.step import StepLoss

__all__ = ["EpochSums", "Training", "class_weights", "nothing_done", "steps_per_epoch"]

_ORDER, _CHANGE = 1, 2  # which random stream: the order of the patches, the change of a patch


def steps_per_epoch(config: FitConfig, patches: int) -> int:
    """Return the number of whole batches, or `min_steps`; what is left over has its turn in another epoch."""
    return max(patches // config.batch_size, config.min_steps)


def class_weights(config: FitConfig, counts: Sequence[int]) -> list[float] | None:
    """Return the weight of each class in the loss; None for all alike.

    Parameters
    ----------
    config : FitConfig
        Gives the weights, or how far to balance.
    counts : sequence of int
        Labelled pixels of each class.

    Returns
    -------
    list of float or None
        Balanced weights average 1 over the labelled pixels, so the scale of the loss stays; a class without pixels has
        weight 0.
    """
    if config.class_weights:
        if len(config.class_weights) != len(counts):
            raise ConfigError(f"there are {len(config.class_weights)} class weights for {len(counts)} classes")
        return list(config.class_weights)
    if not config.class_balance:
        return None
    raw = [count**-config.class_balance if count else 0.0 for count in counts]
    mean = sum(weight * count for weight, count in zip(raw, counts, strict=True)) / sum(counts)
    return [weight / mean for weight in raw]


def _require_shapes(optimizer: torch.optim.Optimizer) -> None:
    """Raise ValueError where what an optimiser remembers does not fit: its kernels would write over other memory."""
    for parameter, memory in optimizer.state.items():
        for name, value in memory.items():
            if isinstance(value, torch.Tensor) and value.dim() and value.shape != parameter.shape:
                raise ValueError(f"{name} has the shape {tuple(value.shape)}, not {tuple(parameter.shape)}")


def nothing_done() -> dict[str, float]:
    """Return what is done of an epoch that has not begun."""
    return {"steps": 0, "total": 0.0, "count": 0.0, "waited": 0.0}


class EpochSums:
    """What is done of an epoch, added up on the device, so that adding waits for nothing.

    Parameters
    ----------
    part : mapping
        What an earlier run has done of it: steps, summed loss (total), labelled pixels (count) and seconds in which the
        network stood still for data (waited).
    device : torch.device
        What computes.
    """

    def __init__(self, part: Mapping[str, float], device: torch.device) -> None:
        self.steps = int(part["steps"])
        self._waited = part["waited"]
        before = [part["total"], part["count"]] if is_main() else [0.0, 0.0]  # they are added up over all ranks
        self._sums = torch.tensor(before, dtype=torch.float64, device=device)

    def add(self, loss: StepLoss) -> None:
        """Add a step."""
        self._sums += torch.stack([loss.total.double(), loss.labelled.double()])
        self.steps += 1

    def wait(self, seconds: float) -> None:
        """Add seconds of waiting."""
        self._waited += seconds

    def part(self) -> dict[str, float]:
        """Return what is done, for `EpochSums` to go on from; waits for the device."""
        total, count = self._sums.tolist()
        return {"steps": self.steps, "total": total, "count": count, "waited": self._waited}

    def over_all_ranks(self) -> dict[str, float]:
        """Return the same once, when the epoch has ended, with the losses and pixels of all ranks."""
        all_reduce_sum(self._sums)
        return self.part()


class Training:
    """A network in training; `trainer.fit.loop.fit` runs it.

    Parameters
    ----------
    config : FitConfig
        Everything that can be set.
    normalisation : Normalisation
        Of the images.
    in_channels : int
        Bands of the images.
    counts : sequence of int
        Labelled training pixels of each class.
    """

    def __init__(
        self, config: FitConfig, normalisation: Normalisation, in_channels: int, counts: Sequence[int]
    ) -> None:
        self.config = config
        self.normalisation = normalisation
        self.classes = classes = len(counts)
        self.precision: Precision = choose_precision(config.device)
        torch.manual_seed(config.seed)
        self.model = self.precision.place(build_model(config.model, in_channels, classes))
        self.trained = self._wrapped()
        self.average = Average(self.model, config.optim.ema) if config.optim.ema else None
        self.optimizers = make_optimizers(self.model, config.optim)
        weights = class_weights(config, counts)
        weight = None if weights is None else torch.tensor(weights, device=self.precision.device)
        self._make_step = TrainingStep(self.trained, self.optimizers, self.precision, weight)
        self.step = 0

    @property
    def predicting(self) -> nn.Module:
        """The network that is scored and kept: the moving average, where there is one."""
        return self.model if self.average is None else self.average.model

    def state(self) -> dict[str, Any]:
        """Return all that the next step depends on, for `load_state`."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "scaler": self._make_step.scaler.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.model.load_state_dict(state["average"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
            _require_shapes(optimizer)
        self._make_step.scaler.load_state_dict(state["scaler"])
        self.step = int(state["step"])

    def _wrapped(self) -> nn.Module:
        if world_size() == 1:
            return self.model
        device = self.precision.device
        if self.config.sync_batchnorm:
            self.model = synchronised(self.model)
        return nn.parallel.DistributedDataParallel(self.model, device_ids=[device] if device.type == "cuda" else None)

    def _groups(self, patches: int, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng([self.config.seed, _ORDER, epoch])
        steps, size = steps_per_epoch(self.config, patches), self.config.batch_size
        rounds = max(-(-steps * size // patches), 1) if steps > 1 else 1
        order = np.concatenate([rng.permutation(patches) for _ in range(rounds)])
        return [order[n * size : (n + 1) * size] for n in range(steps)]

    def train_epoch(self, patches: PatchSet, epoch: int, sums: EpochSums) -> Generator[int, None, None]:
        """Go through the patches once.

        Parameters
        ----------
        patches : PatchSet
            What is learnt from.
        epoch : int
            Its number, from 1.
        sums : EpochSums
            What an earlier run has done of it; each step is added.

        Yields
        ------
        int
            The number of steps of the whole training that are made, after each.
        """
        groups = self._groups(len(patches), epoch)
        mine = [group[rank() :: world_size()] for group in groups]
        steps = len(groups) * self.config.epochs
        first = sums.steps
        self.trained.train()
        with closing(batches(patches, mine[first:], sums.wait)) as ahead:
            for nth, batch in enumerate(ahead, first):
                turn = nth * self.config.batch_size // len(patches)  # 0 but for a set gone through several times
                set_rates(self.optimizers, self.config.optim, self.step, steps)
                generators = [self._generator(epoch, turn, int(i)) for i in mine[nth]]
                start = time.perf_counter()
                inputs, labels = self._prepared(*batch, generators)
                sums.wait(time.perf_counter() - start)  # on a GPU this is only the launching of it
                sums.add(self._make_step(inputs, labels))
                self.step += 1
                if self.average is not None:
                    self.average.update(self.model, self.step)
                yield self.step

    def _generator(self, epoch: int, turn: int, index: int) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, _CHANGE, epoch, index, *([turn] if turn else [])])

    def _prepared(self, images: Tensor, labels: Tensor, generators: list[np.random.Generator]) -> tuple[Tensor, Tensor]:
        """Return the network's input and the labels, changed at random."""
        images, labels = self.precision.images(images), labels.to(self.precision.device, non_blocking=True)
        images, labels = augment(images, labels, self.config.augment, generators)
        inputs = photometric(self.normalisation.apply(images), self.config.augment, generators)
        return self.precision.images(inputs), labels
