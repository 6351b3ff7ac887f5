"""The live learner: it trains on the labels there are, takes in new ones as they come, and never starts over.

Crops are drawn around labelled pixels, classes balanced, the newest strokes more often. The weights that predict
are a moving average of those that train: a small network on few labels swings from step to step, its average does
not. Normalisation is BatchNorm with fixed statistics in prediction, so that neighbouring blocks agree at their seam.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from annotations.classes import UNLABELLED
from annotations.region import Region
from trainer.adapt import load_matching
from trainer.augment import augment, photometric
from trainer.checkpoint import Checkpoint, versions
from trainer.config import to_plain
from trainer.losses import mean_over_labelled, partial_cross_entropy
from trainer.models import build_model
from trainer.predict import BlockPredictor

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.classes import ClassScheme
    from trainer.config import WorkConfig
    from trainer.label_index import LabelIndex
    from trainer.normalisation import Normalisation
    from trainer.pixels import BlockCache
    from trainer.precision import Precision

__all__ = ["LiveLearner"]

_FRESH_SHARE = 0.25
_STATISTICS_BATCHES = 3
_SETTLE_STEPS = 400  # without new labels the learning rate halves about every this many steps ...
_LOWEST_RATE = 0.1  # ... down to this share
_JITTER = 3 / 8  # a crop's centre lies up to this share of its side from the labelled pixel
_FULL_MICRO_BATCH = 64


class LiveLearner:
    """A network, its optimiser and its moving average, trained on what `labels` holds.

    Parameters
    ----------
    image : BlockCache
        The orthophoto.
    labels : LabelIndex
        The labelled pixels; whoever owns it adds to it between steps.
    scheme : ClassScheme
        The classes.
    config : WorkConfig
        Network, learning and augmentation.
    normalisation : Normalisation
        Of the orthophoto's bands.
    precision : Precision
        Device and numbers.
    """

    def __init__(
        self,
        image: BlockCache,
        labels: LabelIndex,
        scheme: ClassScheme,
        config: WorkConfig,
        normalisation: Normalisation,
        precision: Precision,
    ) -> None:
        self.image = image
        self.labels = labels
        self.scheme = scheme
        self.config = config
        self.normalisation = normalisation
        self.precision = precision
        self.step_count = 0
        self.steps_since_labels = 0
        self.micro_batch = _FULL_MICRO_BATCH
        self._rng = np.random.default_rng(config.live.seed)
        self._loss_sum = torch.zeros((), device=precision.device)
        self._loss_steps = 0
        self._build()

    def _build(self) -> None:
        torch.manual_seed(self.config.live.seed)
        model = build_model(self.config.model, self.image.bands, len(self.scheme)).to(self.precision.device)
        if self.precision.channels_last:
            model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in its stubs
        self.model = model
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        live = self.config.live
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=live.lr,
            weight_decay=live.weight_decay,
            fused=self.precision.device.type in ("cpu", "cuda"),
        )

    # ------------------------------------------------------------------------------------------------ training

    @property
    def ready(self) -> bool:
        """Whether there is something to learn: labels of two classes at least."""
        return int((self.labels.counts > 0).sum()) >= 2

    def labels_arrived(self) -> None:
        """Raise the learning rate again: there is something new to learn."""
        self.steps_since_labels = 0

    def step(self, cancelled: Callable[[], bool]) -> bool:
        """Train on one batch of crops.

        Parameters
        ----------
        cancelled : callable
            Asked between micro-batches; the step is dropped when it says so.

        Returns
        -------
        bool
            Whether the step was made.
        """
        images, targets = self._batch()
        count = (targets != UNLABELLED).sum()  # of the whole step, whatever the micro-batches; on the CPU still
        if not count:
            return False
        count = count.to(self.precision.device)
        self._set_rate()
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.zeros((), device=self.precision.device)
        for start in range(0, len(images), self.micro_batch):
            if cancelled():
                return False
            part = slice(start, start + self.micro_batch)
            loss += self._backward(images[part], targets[part], count)
        self.optimizer.step()
        self.step_count += 1
        self.steps_since_labels += 1
        self._update_average()
        self._loss_sum += loss
        self._loss_steps += 1
        return True

    def take_loss(self) -> float | None:
        """Return the mean loss since the last call, or None when no step was made; waits for the device."""
        if not self._loss_steps:
            return None
        value = float(self._loss_sum) / self._loss_steps
        self._loss_sum = torch.zeros((), device=self.precision.device)
        self._loss_steps = 0
        return value

    def halve_micro_batch(self) -> int:
        """After running out of memory: use half as many crops at once; returns the new number, 0 if already 1."""
        present = min(self.micro_batch, self.config.live.batch_size)
        if present <= 1:
            return 0
        self.micro_batch = present // 2
        return self.micro_batch

    def _set_rate(self) -> None:
        share = max(_LOWEST_RATE, 0.5 ** (self.steps_since_labels / _SETTLE_STEPS))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.live.lr * share

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        live = self.config.live
        side = live.crop
        centres = self.labels.sample(self._rng, live.batch_size, balance=live.balance, fresh_share=_FRESH_SHARE)
        jitter = int(side * _JITTER)
        corners = centres - side // 2 + self._rng.integers(-jitter, jitter + 1, centres.shape)
        regions = [Region(int(row), int(column), side, side) for row, column in corners]
        pixels = np.stack([self.image.read_padded(region) for region in regions])
        if pixels.dtype not in (np.uint8, np.float32):
            pixels = pixels.astype(np.float32)
        images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
        targets = torch.from_numpy(np.stack([self.labels.read(region) for region in regions]))
        return augment(images, targets, self.config.augment, self._rng)

    def _backward(self, images: torch.Tensor, targets: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        device = self.precision.device
        inputs = self.normalisation.apply(images.to(device, non_blocking=True))
        inputs = photometric(inputs, self.config.augment, self._rng)
        if self.precision.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        target = targets.to(device, non_blocking=True)
        with self.precision.autocast():
            outputs = self.model(inputs)
        heads = outputs if isinstance(outputs, list) else [outputs]
        total = torch.stack([partial_cross_entropy(head, target)[0] for head in heads]).mean()
        loss = mean_over_labelled(total, count)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's stub
        return loss.detach()

    @torch.no_grad()
    def _update_average(self) -> None:
        # A young average follows quickly, else it would be made of the random first weights for long.
        decay = min(self.config.live.ema, (1 + self.step_count) / (10 + self.step_count))
        for mean, value in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    # ---------------------------------------------------------------------------------------------- prediction

    def snapshot(self) -> BlockPredictor:
        """Return a predictor with a copy of the averaged weights of this moment."""
        model = copy.deepcopy(self.average)
        self._estimate_statistics(model)
        return BlockPredictor(model, self.normalisation, self.precision)

    @torch.no_grad()
    def _estimate_statistics(self, model: nn.Module) -> None:
        """Measure the statistics of BatchNorm anew for the averaged weights, on training crops.

        Running averages lag behind weights that change with every step, most of all in the first seconds.
        """
        layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        if not layers or not self.labels.counts.any():  # all labels were erased since: the running averages must do
            return
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over the batches
        model.train()
        for _ in range(_STATISTICS_BATCHES):
            images, _ = self._batch()
            inputs = self.precision.images(self.normalisation.apply(images.to(self.precision.device)))
            with self.precision.autocast():
                model(inputs)
        model.eval()

    # --------------------------------------------------------------------------------------------- persistence

    def checkpoint(self) -> Checkpoint:
        """Return the averaged weights with all that prediction needs."""
        return Checkpoint(
            model=self.config.model,
            in_channels=self.image.bands,
            scheme=self.scheme,
            normalisation=self.normalisation,
            state_dict={k: v.detach().to("cpu").clone() for k, v in self.average.state_dict().items()},
            metrics={},
            config=to_plain(self.config),
            versions=versions(),
            step=self.step_count,
        )

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint lacks for training to go on: raw weights and the optimiser, as plain values."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step_count,
            "steps_since_labels": self.steps_since_labels,
        }

    def resume(self, checkpoint: Checkpoint, state: dict[str, Any] | None) -> list[str]:
        """Go on from a checkpoint, and from the state beside it where there is one.

        Returns
        -------
        list of str
            What could not be taken over, in words; empty when all was.
        """
        notes = load_matching(self.average, checkpoint.state_dict)
        load_matching(self.model, checkpoint.state_dict)
        self.step_count = checkpoint.step
        if state is not None and not notes:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step_count = int(state["step"])
            self.steps_since_labels = int(state["steps_since_labels"])
        return notes

    def set_scheme(self, scheme: ClassScheme, labels: LabelIndex) -> None:
        """Take another class scheme; the network keeps what it knows of the classes that stay."""
        known = self.average.state_dict(), self.model.state_dict()
        resized = len(scheme) != len(self.scheme)
        self.scheme = scheme
        self.labels = labels
        if resized:
            self._build()
            load_matching(self.average, known[0])
            load_matching(self.model, known[1])
            self.labels_arrived()
