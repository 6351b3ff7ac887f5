"""The live learner: it trains on the labels there are, takes in new ones as they come, and never starts over.

It begins with weights that know edges and textures (`trainer.live.start`), so that a few strokes have to teach it the
classes alone. What few strokes could spoil is left as it is: of the weights, those of the normalisation and the last
layer are trained, and each step draws them a little back to where they began; the statistics of BatchNorm stay fixed.
So neighbouring blocks agree at their seam, a stroke in one corner does not overturn the map in another, and the map
does not swing from step to step.

Crops are drawn around labelled pixels, classes balanced, the newest strokes more often. The weights that predict are a
moving average of those that train.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from annotations.classes import UNLABELLED
from annotations.errors import PartialSegError
from trainer.augment import augment, photometric
from trainer.checkpoint import Checkpoint, misfit, versions
from trainer.config import to_plain
from trainer.finite import LastGood, is_finite
from trainer.live.adapt import load_matching
from trainer.live.class_prior import PriorShift
from trainer.live.crops import LiveCrops, measure_statistics
from trainer.live.optim_state import number_between
from trainer.live.optimizer import LiveOptimizer, is_last
from trainer.live.start import NOTHING, begin_from
from trainer.models import build_model
from trainer.optim import Average
from trainer.predict.blocks import BlockPredictor
from trainer.step import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.region import Region
    from trainer.config import WorkConfig
    from trainer.imagery import Imagery
    from trainer.live.label_index import LabelIndex
    from trainer.live.pixels import BlockCache, Pyramid
    from trainer.normalisation import Normalisation
    from trainer.precision import Precision

__all__ = ["LiveLearner"]

_SCRATCH_BATCHES = 3  # of training crops, where normalisation is measured at each snapshot
_LOSS_SHARE = 0.1  # of the newest step in the loss that is remembered
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
    start : Checkpoint, optional
        What to start from, of the network that `config` names; None for random weights.
    coarse : Pyramid, optional
        Coarser resolutions of the orthophoto; without it `level` must stay 0.
    imagery : Imagery, optional
        Of the orthophoto, for the checkpoint.

    Attributes
    ----------
    level : int
        How often the image is halved for the view: training then takes every second step at that resolution, so that
        the network can predict there.
    """

    def __init__(
        self,
        image: BlockCache,
        labels: LabelIndex,
        scheme: ClassScheme,
        config: WorkConfig,
        normalisation: Normalisation,
        precision: Precision,
        start: Checkpoint | None = None,
        coarse: Pyramid | None = None,
        imagery: Imagery | None = None,
    ) -> None:
        self.image = image
        self.labels = labels
        self.scheme = scheme
        self.config = config
        self.normalisation = normalisation
        self.precision = precision
        self.start = start
        self.imagery = imagery
        self._crops = LiveCrops(image, coarse, normalisation, precision)
        self.level = 0
        self.step_count = 0
        self.steps_since_labels = 0
        self.micro_batch = _FULL_MICRO_BATCH
        self._rng = np.random.default_rng(config.live.seed)
        self._loss_sum = torch.zeros((), device=precision.device)
        self._loss_steps = 0
        self._recent_loss: torch.Tensor | None = None
        self._shown: tuple[int, nn.Module] | None = None
        self._good = LastGood()
        self.resumed_whole = False
        self._build()

    def _build(self) -> None:
        self._shown = None
        self._good.forget()
        torch.manual_seed(self.config.live.seed)
        model = build_model(self.config.model, self.image.bands, len(self.scheme))
        if self.start is not None:
            begin_from(model, self.start, self.scheme.names)
        self.model = self.precision.place(model)
        self.frozen = self.start is not None
        self._mean = Average(self.model, self.config.live.ema)
        self.average = self._mean.model
        # The answers of a network that began with nothing are too unsure for long: what they say of shares is wrong.
        self.prior = PriorShift(len(self.scheme), self.config.live.prior if self.frozen else 0.0)
        known = {name.casefold() for name in (self.start.scheme.names if self.start is not None else ())}
        wanted = {name.casefold() for name in self.scheme.names}
        self.optimizer = LiveOptimizer(self.model, self.config.live, started=self.frozen, knows_classes=known >= wanted)
        self._training = TrainingStep(self.model, self.optimizer.optimizers, self.precision)

    # ------------------------------------------------------------------------------------------------ training

    @property
    def can_save(self) -> bool:
        """Always: the weights are at hand."""
        return True

    def warm(self) -> bool:
        """Return False: there is nothing that could be done beforehand."""
        return False

    def prepare(self, level: int) -> bool:
        """Return False: a trained network predicts at any resolution at once."""
        return False

    @property
    def ready(self) -> bool:
        """Whether there is something to learn: labels of two classes at least."""
        return int((self.labels.counts > 0).sum()) >= 2

    @property
    def start_name(self) -> str:
        """What it began from, as the configuration names it; random weights where those did not fit."""
        return NOTHING if self.start is None else self.config.live.start

    @property
    def first_guess_steps(self) -> int:
        """Steps after new labels before a map is worth showing; the person sees that something happens."""
        return 3 if self.frozen else 8

    @property
    def _labelled(self) -> int:
        return int(self.labels.counts.sum())

    def look_at(self, level: int, region: Region | None = None) -> None:
        """Learn to predict at the resolution of the view too, see `level`; where it is does not matter."""
        self.level = level

    def labels_arrived(self, changed: int | None = None) -> None:
        """Raise the learning rate again, the more the more there is to learn.

        Parameters
        ----------
        changed : int, optional
            How many labelled pixels are new; None raises it fully.
        """
        self.steps_since_labels = 0
        self.optimizer.labels_arrived(changed, self._labelled, training=self.step_count > 0)

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
        self.optimizer.prepare(self.step_count)
        self._training_mode()
        loss = torch.zeros((), device=self.precision.device)
        for start in range(0, len(images), self.micro_batch):
            if cancelled():
                return False
            part = slice(start, start + self.micro_batch)
            loss += self._backward(images[part], targets[part], count)
        if not self._move(loss):
            return False
        self.prior.trained_on(targets.numpy())
        self.step_count += 1
        self.steps_since_labels += 1
        self._mean.update(self.model, self.step_count + 1)
        self._recent_loss = loss if self._recent_loss is None else torch.lerp(self._recent_loss, loss, _LOSS_SHARE)
        self._loss_sum += loss
        self._loss_steps += 1
        return True

    def _move(self, loss: torch.Tensor) -> bool:
        """Move the weights by the gradients that there are; return False where these are not finite."""
        finite = self.optimizer.unscale(self._training.scaler) and bool(torch.isfinite(loss))
        if finite:
            self.optimizer.step(self._labelled)
            self._good.stepped()
        elif self._good.skipped(scaled=self._training.scaler.is_enabled()) or not is_finite(self.model):
            self._go_back()
            return False
        self._training.scaler.update()
        return finite

    def _go_back(self) -> None:
        if self._good.go_back(self.model, self.average):
            self._shown = None
            self._training.reset_scaler()
            self.optimizer.forget()
        else:
            corrected = self.optimizer.corrected
            self._build()
            self.optimizer.corrected = corrected
        if self._good.hopeless:
            raise PartialSegError(
                "The network cannot be trained: its numbers keep becoming infinite or undefined. Choose a lower "
                "learning rate or float32 as precision and start afresh."
            )

    def take_notes(self) -> list[str]:
        """Return what people should know of since the last call."""
        notes = list(self._good.notes)
        self._good.notes.clear()
        return notes

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

    def _training_mode(self) -> None:
        self.model.train()
        if self.frozen:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        level = self.level if self.step_count % 2 else 0
        crops = self._crops.around_labels(self.labels, self.config.live, level, self._rng)
        return augment(*crops, self.config.augment, self._rng)

    def _backward(self, images: torch.Tensor, targets: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        device = self.precision.device
        inputs = self.normalisation.apply(images.to(device, non_blocking=True))
        inputs = photometric(inputs, self.config.augment, self._rng)
        inputs = self.precision.images(inputs)
        return self._training.accumulate(inputs, targets.to(device, non_blocking=True), count).mean

    # ---------------------------------------------------------------------------------------------- prediction

    def snapshot(self) -> BlockPredictor:
        """Return a predictor with a copy of the averaged weights of this moment."""
        return BlockPredictor(self._snapshot(), self.normalisation, self.precision)

    @torch.no_grad()
    def _snapshot(self) -> nn.Module:
        """Return the network that predicts; the same one until the next step, so that map and checkpoint agree."""
        if self._shown is not None and self._shown[0] == self.step_count:
            return self._shown[1]
        if is_finite(self.average) and is_finite(self.model):
            self._good.keep(self.average)
            self._good.learnt()
        else:
            self._go_back()
        model = copy.deepcopy(self.average)
        if not self.frozen and self.labels.counts.any():
            batches = (self._crops.prepared(self._batch()[0]) for _ in range(_SCRATCH_BATCHES))
            measure_statistics(model, batches, self.precision)
        if self.prior.strength and self._recent_loss is not None:
            with self.precision.autocast():
                logits = model(self._crops.probes(self.config.live.seed, self.level))
            answers = logits.float().softmax(dim=1)[..., ::4, ::4].movedim(1, -1).reshape(-1, logits.shape[1])
            self.prior.answered(answers.cpu().numpy())
            # Corrections make up for what the map has wrong; their shares are not those that the network expects.
            self._shift(model, self.prior.shift(float(self._recent_loss)) / (1 + self.optimizer.correcting))
        if not is_finite(model):  # what was measured for it is not: predict without
            model = copy.deepcopy(self.average)
        self._shown = self.step_count, model
        return model

    def _shift(self, model: nn.Module, shift: NDArray[np.float32]) -> None:
        for name, weight in model.named_parameters():
            if is_last(name) and name.endswith(".bias"):
                weight.data += torch.from_numpy(shift).to(weight)

    # --------------------------------------------------------------------------------------------- persistence

    def checkpoint(self) -> Checkpoint:
        """Return the averaged weights with all that prediction needs."""
        return Checkpoint(
            model=self.config.model,
            in_channels=self.image.bands,
            scheme=self.scheme,
            normalisation=self.normalisation,
            state_dict={k: v.detach().to("cpu").clone() for k, v in self._snapshot().state_dict().items()},
            metrics={},
            config=to_plain(self.config),
            versions=versions(),
            step=self.step_count,
            imagery=self.imagery,
        )

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint lacks for training to go on: raw weights and the optimiser, as plain values."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            **self.optimizer.state(),
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
        self._shown = None
        self._good.forget()
        notes = load_matching(self.average, checkpoint.state_dict)
        load_matching(self.model, checkpoint.state_dict)
        self.step_count = checkpoint.step
        self.resumed_whole = state is not None and not notes and self._fits(state)
        if state is not None and self.resumed_whole:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.resume(state, self._labelled)
            self.step_count = int(state["step"])
            self.steps_since_labels = int(state["steps_since_labels"])
        return notes

    def _fits(self, state: dict[str, Any]) -> bool:
        return (
            not misfit(state.get("model"), self.model.state_dict())
            and not misfit(state.get("average"), self.average.state_dict())
            and all(number_between(state.get(name), 0, 2**62, whole=True) for name in ("step", "steps_since_labels"))
            and self.optimizer.fits(state)
        )

    def set_scheme(self, scheme: ClassScheme, labels: LabelIndex) -> None:
        """Take another class scheme; the network keeps what it knows of the classes that stay."""
        known = self.average.state_dict(), self.model.state_dict()
        resized = len(scheme) != len(self.scheme)
        self.scheme = scheme
        self.labels = labels
        if resized:
            corrected = self.optimizer.corrected
            self._build()
            self.optimizer.corrected = corrected
            load_matching(self.average, known[0])
            load_matching(self.model, known[1])
            self.labels_arrived()
