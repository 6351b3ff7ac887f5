"""The live learner: it trains on the labels there are, takes in new ones as they come, and never starts over.

It begins with weights that know edges and textures (`trainer.starting`), so that a few strokes have to teach it the
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
from annotations.region import Region
from trainer.adapt import load_matching
from trainer.augment import augment, photometric
from trainer.checkpoint import Checkpoint, versions
from trainer.config import to_plain
from trainer.label_index import shrink_labels
from trainer.losses import mean_over_labelled, partial_cross_entropy
from trainer.models import build_model
from trainer.optim import Muon
from trainer.predict import BlockPredictor
from trainer.prior import PriorShift
from trainer.starting import NOTHING, begin_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from trainer.config import WorkConfig
    from trainer.label_index import LabelIndex
    from trainer.normalisation import Normalisation
    from trainer.pixels import BlockCache, Pyramid
    from trainer.precision import Precision

__all__ = ["LiveLearner"]

_FRESH_SHARE = 0.34
_SCRATCH_BATCHES = 3  # of training crops, where normalisation is measured at each snapshot
_PROBE_CROPS = 12  # of this side, from all over the image: the same ones each time, so that answers are comparable
_PROBE_SIDE = 128
_SETTLE_STEPS = 200  # without new labels the learning rate halves about every this many steps ...
_LOWEST_RATE = 0.1  # ... down to this share
_REVIVAL = 4.0  # new labels raise it to this many times their share of all labels, ...
_LEAST_REVIVAL = 0.3  # ... but at least to this
_FRESH_RATE = 4.0  # times the learning rate, for a last layer that starts from nothing
# Labelled pixels that halve the pull towards what it started from; and those among them that were drawn while a map was
# there: a person draws these where it is wrong, so they say far more of what the start does not know.
_LABELLED, _CORRECTED = 30_000, 2_000
_UNLOCK = 4.0  # so much knowledge, and the convolutions are trained too
_RISE_STEPS = 30  # over which the learning rate rises at the very beginning
_LOSS_SHARE = 0.1  # of the newest step in the loss that is remembered
_JITTER = 3 / 8  # a crop's centre lies up to this share of its side from the labelled pixel
_FULL_MICRO_BATCH = 64
_SCRATCH_RATE = 3e-3  # of AdamW, from random weights


def _is_last(name: str) -> bool:
    """Whether a parameter of that name belongs to the layer that gives the logits."""
    return name.startswith(("head.", "heads."))


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
    ) -> None:
        self.image = image
        self.labels = labels
        self.scheme = scheme
        self.config = config
        self.normalisation = normalisation
        self.precision = precision
        self.start = start
        self.coarse = coarse
        self.level = 0
        self.step_count = 0
        self.steps_since_labels = 0
        self._heat = 1.0  # share of the learning rate
        self.micro_batch = _FULL_MICRO_BATCH
        self._rng = np.random.default_rng(config.live.seed)
        self._loss_sum = torch.zeros((), device=precision.device)
        self._loss_steps = 0
        self._recent_loss: torch.Tensor | None = None
        self._shown: tuple[int, nn.Module] | None = None
        self._build()

    def _build(self) -> None:
        self._shown = None
        torch.manual_seed(self.config.live.seed)
        model = build_model(self.config.model, self.image.bands, len(self.scheme))
        if self.start is not None:
            begin_from(model, self.start, self.scheme.names)
        self.model = self.precision.place(model)
        self.frozen = self.start is not None
        if self.frozen:
            for name, weight in self.model.named_parameters():
                # Weights of one dimension are those of the normalisation, and biases.
                weight.requires_grad_(_is_last(name) or weight.ndim == 1 or self.config.live.learn == "all")
        self._corrected = 0
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        # The answers of a network that began with nothing are too unsure for long: what they say of shares is wrong.
        self.prior = PriorShift(len(self.scheme), self.config.live.prior if self.frozen else 0.0)
        self._prepare_training()

    def _prepare_training(self) -> None:
        live = self.config.live
        known = {name.casefold() for name in (self.start.scheme.names if self.start is not None else ())}
        knows_classes = known >= {name.casefold() for name in self.scheme.names}
        slow: list[nn.Parameter] = []
        fresh: list[nn.Parameter] = []
        inner: list[nn.Parameter] = []
        for name, weight in self.model.named_parameters():
            kernel = weight.ndim == 4 and weight.shape[-1] == 3 and weight.shape[1] != self.image.bands
            if not weight.requires_grad and not (kernel and live.learn == "auto"):
                continue
            if self.frozen and _is_last(name) and not knows_classes:
                fresh.append(weight)  # a last layer that knows nothing yet has far to go, and little to lose
            elif self.frozen and kernel:
                inner.append(weight)  # from random weights, a few hundred steps with few labels are no better with Muon
            else:
                slow.append(weight)
        # What it started from, to be held to.
        self._anchor = [(weight, weight.detach().clone()) for weight in [*slow, *inner]] if self.frozen else []
        rate = live.lr if self.frozen else _SCRATCH_RATE
        groups = [{"params": slow, "lr": rate}, {"params": fresh, "lr": _FRESH_RATE * rate}]
        fused = self.precision.device.type in ("cpu", "cuda")
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=live.weight_decay, fused=fused)
        ]
        if inner:
            self.optimizers.append(Muon(inner, live.muon_lr, live.weight_decay))
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["peak"] = group["lr"]

    # ------------------------------------------------------------------------------------------------ training

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

    def labels_arrived(self, changed: int | None = None) -> None:
        """Raise the learning rate again, the more the more there is to learn.

        Parameters
        ----------
        changed : int, optional
            How many labelled pixels are new; None raises it fully.
        """
        self.steps_since_labels = 0
        if changed is not None and self.step_count:
            self._corrected += changed
        self._unlock()
        share = 1.0 if changed is None else changed / max(int(self.labels.counts.sum()), 1)
        self._heat = max(self._heat, min(max(_REVIVAL * share, _LEAST_REVIVAL), 1.0))

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
        self._training_mode()
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss = torch.zeros((), device=self.precision.device)
        for start in range(0, len(images), self.micro_batch):
            if cancelled():
                return False
            part = slice(start, start + self.micro_batch)
            loss += self._backward(images[part], targets[part], count)
        for optimizer in self.optimizers:
            optimizer.step()
        self._hold()
        self.prior.trained_on(targets.numpy())
        self.step_count += 1
        self.steps_since_labels += 1
        self._update_average()
        self._recent_loss = loss if self._recent_loss is None else torch.lerp(self._recent_loss, loss, _LOSS_SHARE)
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

    @torch.no_grad()
    def _hold(self) -> None:
        """Draw the weights a little towards those it started from, the less the more is known."""
        held = [(weight, start) for weight, start in self._anchor if weight.requires_grad]
        strength = self.config.live.anchor / (1 + self._knowledge())
        if held and strength:
            torch._foreach_lerp_([weight for weight, _ in held], [start for _, start in held], strength)

    def _knowledge(self) -> float:
        """Return how much the labels say: 1 for 30,000 pixels, or for 2,000 that were drawn in answer to a map."""
        return int(self.labels.counts.sum()) / _LABELLED + self._corrected / _CORRECTED

    def _unlock(self) -> None:
        """Train the convolutions too, once enough is known that they cannot be spoilt."""
        if self.config.live.learn == "auto" and self.frozen and self._knowledge() >= _UNLOCK:
            for optimizer in self.optimizers[1:]:
                for group in optimizer.param_groups:
                    for weight in group["params"]:
                        weight.requires_grad_(True)

    def _set_rate(self) -> None:
        self._heat = max(self._heat * 0.5 ** (1 / _SETTLE_STEPS), _LOWEST_RATE)
        rise = min((self.step_count + 1) / _RISE_STEPS, 1.0) if self.frozen else 1.0
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * self._heat * rise

    def _training_mode(self) -> None:
        self.model.train()
        if self.frozen:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        live = self.config.live
        level = self.level if self.coarse is not None and self.step_count % 2 else 0
        factor, side = 1 << level, live.crop
        centres = self.labels.sample(self._rng, live.batch_size, balance=live.balance, fresh_share=_FRESH_SHARE)
        jitter = int(side * _JITTER)
        corners = centres // factor - side // 2 + self._rng.integers(-jitter, jitter + 1, centres.shape)
        regions = [Region(int(row), int(column), side, side) for row, column in corners]
        targets = np.stack([self.labels.read(region.scaled(factor)) for region in regions])
        return augment(
            self._pixels(regions, level),
            torch.from_numpy(shrink_labels(targets, factor, len(self.scheme))),
            self.config.augment,
            self._rng,
        )

    def _pixels(self, regions: list[Region], level: int) -> torch.Tensor:
        source = self.image if level == 0 or self.coarse is None else self.coarse.at(level)
        pixels = np.stack([source.read_padded(region) for region in regions])
        if pixels.dtype not in (np.uint8, np.float32):
            pixels = pixels.astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))

    def _probes(self) -> torch.Tensor:
        """Return normalised crops from all over the image, the same ones each time, at the resolution of the view."""
        rng = np.random.default_rng(self.config.live.seed)
        level, side = self.level if self.coarse is not None else 0, _PROBE_SIDE
        regions: list[Region] = []
        for tries in range(8 * _PROBE_CROPS):
            row, column = (int(rng.integers(max((size >> level) - side, 0) + 1)) for size in self.image.shape)
            region = Region(row, column, side, side)
            ground = region.scaled(1 << level).clipped(self.image.shape)
            # Places without data are passed over, unless there are few others.
            if tries >= 7 * _PROBE_CROPS or self.image.read_valid(ground).mean() > 0.5:
                regions.append(region)
            if len(regions) == _PROBE_CROPS:
                break
        return self.precision.images(self.normalisation.apply(self._pixels(regions, level).to(self.precision.device)))

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
        return BlockPredictor(self._snapshot(), self.normalisation, self.precision)

    @torch.no_grad()
    def _snapshot(self) -> nn.Module:
        """Return the network that predicts; the same one until the next step, so that map and checkpoint agree."""
        if self._shown is not None and self._shown[0] == self.step_count:
            return self._shown[1]
        model = copy.deepcopy(self.average)
        if not self.frozen:
            self._measure_crops(model)
        if self.prior.strength and self._recent_loss is not None:
            with self.precision.autocast():
                logits = model(self._probes())
            answers = logits.float().softmax(dim=1)[..., ::4, ::4].movedim(1, -1).reshape(-1, logits.shape[1])
            self.prior.answered(answers.cpu().numpy())
            # Corrections make up for what the map has wrong; their shares are not those that the network expects.
            self._shift(model, self.prior.shift(float(self._recent_loss)) / (1 + self._corrected / _CORRECTED))
        self._shown = self.step_count, model
        return model

    def _shift(self, model: nn.Module, shift: NDArray[np.float32]) -> None:
        for name, weight in model.named_parameters():
            if _is_last(name) and name.endswith(".bias"):
                weight.data += torch.from_numpy(shift).to(weight)

    @torch.no_grad()
    def _measure_crops(self, model: nn.Module) -> None:
        """Measure the statistics of BatchNorm anew for the averaged weights, on training crops.

        Running averages lag behind weights that change with every step, most of all in the first seconds.
        """
        if not self.labels.counts.any():  # all labels were erased since: the running averages must do
            return
        crops = [self._batch()[0] for _ in range(_SCRATCH_BATCHES)]
        self._measure(
            model, [self.precision.images(self.normalisation.apply(c.to(self.precision.device))) for c in crops]
        )

    def _measure(self, model: nn.Module, batches: list[torch.Tensor]) -> None:
        layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        if not layers:
            return
        momentum = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over the batches
        model.train()
        for batch in batches:
            with self.precision.autocast():
                model(batch)
        model.eval()
        for layer, former in zip(layers, momentum, strict=True):
            layer.momentum = former

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
        )

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint lacks for training to go on: raw weights and the optimiser, as plain values."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "heat": self._heat,
            "corrected": self._corrected,
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
        notes = load_matching(self.average, checkpoint.state_dict)
        load_matching(self.model, checkpoint.state_dict)
        self.step_count = checkpoint.step
        same = state is not None and [len(o["param_groups"]) for o in state.get("optimizers", [])] == [
            len(o.param_groups) for o in self.optimizers
        ]
        if state is not None and not notes and same:  # earlier versions kept another state
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self._heat = float(state["heat"])
            self._corrected = int(state["corrected"])
            self._unlock()
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
