"""The epoch loop: train on the labelled pixels of a set of patches, score on another set, keep the best weights."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from trainer.augment import augment, photometric
from trainer.checkpoint import Checkpoint, raw_state_dict, save_checkpoint
from trainer.config import ConfigError, to_plain
from trainer.distributed import all_reduce_sum, is_main, rank, world_size
from trainer.history import History
from trainer.landcover_ai import DatasetError
from trainer.losses import mean_over_labelled, partial_cross_entropy
from trainer.metrics import ConfusionMatrix, Scores, confusion, scores
from trainer.models import build_model
from trainer.patches import batches, dataset_normalisation, labelled_counts
from trainer.precision import Precision, choose_precision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from annotations.classes import ClassScheme
    from trainer.config import FitConfig, OptimConfig
    from trainer.normalisation import Normalisation
    from trainer.patches import PatchSet

__all__ = [
    "EpochResult",
    "Fit",
    "FitResult",
    "class_weights",
    "evaluate",
    "fit",
    "learning_rate",
    "make_optimizer",
    "steps_per_epoch",
]

_ORDER, _CHANGE = 1, 2  # which random stream: the order of the patches, the change of a patch


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What an epoch brought; `seconds` includes the scoring."""

    epoch: int
    step: int
    loss: float
    val_loss: float
    scores: Scores
    batch_miou: float
    seconds: float

    @property
    def usable(self) -> bool:
        """Whether losses and score are numbers; a network that diverged still has a most likely class everywhere."""
        return all(map(math.isfinite, (self.loss, self.val_loss, self.scores.miou)))

    def row(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """Return plain values for the history."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": self.loss,
            "val_loss": self.val_loss,
            "miou": self.scores.miou,
            "accuracy": self.scores.accuracy,
            "batch_miou": self.batch_miou,
            "seconds": self.seconds,
            **{f"iou {name}": value for name, value in zip(class_names, self.scores.iou, strict=True)},
        }


@dataclass(frozen=True, slots=True)
class FitResult:
    """What training ended with: the epochs, the best of them (None if none was usable), and the time it took."""

    epochs: tuple[EpochResult, ...]
    best: EpochResult | None
    seconds: float
    precision: str


def learning_rate(config: OptimConfig, step: int, steps: int) -> float:
    """Return the rate of a step, 0 .. steps - 1.

    One-cycle: a cosine from a 25th of the peak up to it over the first 30 %, then a cosine down to almost 0.
    """
    if config.schedule == "constant" or steps < 2:
        return config.lr
    place = step / (steps - 1)
    rise = 0.3
    if place < rise:
        low, share = config.lr / 25, place / rise
    else:
        low, share = config.lr / 1e4, (1 - place) / (1 - rise)
    return low + (config.lr - low) * (1 - math.cos(math.pi * share)) / 2


def steps_per_epoch(config: FitConfig, patches: int) -> int:
    """Return the number of whole batches, or `min_steps`; what is left over has its turn in another epoch."""
    return max(patches // config.batch_size, config.min_steps)


def make_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """Return fused Adam or AdamW."""
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)


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


def _heads(output: Tensor | list[Tensor]) -> list[Tensor]:
    return output if isinstance(output, list) else [output]


class Fit:
    """A network in training; `fit` runs it.

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
        self.optimizer = make_optimizer(self.model, config.optim)
        self.scaler = self.precision.grad_scaler()
        weights = class_weights(config, counts)
        self.weight = None if weights is None else torch.tensor(weights, device=self.precision.device)
        self.step = 0

    def _wrapped(self) -> nn.Module:
        if world_size() == 1:
            return self.model
        device = self.precision.device
        return nn.parallel.DistributedDataParallel(self.model, device_ids=[device] if device.type == "cuda" else None)

    def _groups(self, patches: int, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng([self.config.seed, _ORDER, epoch])
        steps, size = steps_per_epoch(self.config, patches), self.config.batch_size
        rounds = max(-(-steps * size // patches), 1) if steps > 1 else 1
        order = np.concatenate([rng.permutation(patches) for _ in range(rounds)])
        return [order[n * size : (n + 1) * size] for n in range(steps)]

    def train_epoch(self, patches: PatchSet, epoch: int, on_step: Callable[[], None] | None = None) -> float:
        """Go through the patches once; return the mean loss over all labelled pixels."""
        groups = self._groups(len(patches), epoch)
        mine = [group[rank() :: world_size()] for group in groups]
        steps = len(groups) * self.config.epochs
        sums = torch.zeros(2, dtype=torch.float64, device=self.precision.device)
        self.trained.train()
        for nth, (chosen, batch) in enumerate(zip(mine, batches(patches, mine), strict=True)):
            turn = nth * self.config.batch_size // len(patches)  # 0 but for a set gone through several times
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.config.optim, self.step, steps)
            sums += self._train_step(*batch, [self._generator(epoch, turn, int(i)) for i in chosen])
            self.step += 1
            if on_step is not None:
                on_step()
        total, count = all_reduce_sum(sums).tolist()
        return total / count if count else 0.0

    def _generator(self, epoch: int, turn: int, index: int) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, _CHANGE, epoch, index, *([turn] if turn else [])])

    def _train_step(self, images: Tensor, labels: Tensor, generators: list[np.random.Generator]) -> Tensor:
        images, labels = self.precision.images(images), labels.to(self.precision.device, non_blocking=True)
        images, labels = augment(images, labels, self.config.augment, generators)
        inputs = photometric(self.normalisation.apply(images), self.config.augment, generators)
        with self.precision.autocast():
            output = self.trained(self.precision.images(inputs))
        parts = [partial_cross_entropy(head, labels, self.weight) for head in _heads(output)]
        total, count = torch.stack([t for t, _ in parts]).mean(), parts[0][1]
        loss = mean_over_labelled(total, all_reduce_sum(count.clone()), world_size())
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch's stub
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return torch.stack([total.detach().double(), count.double()])


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    patches: PatchSet,
    normalisation: Normalisation,
    precision: Precision,
    classes: int,
    batch_size: int,
) -> tuple[ConfusionMatrix, float, float]:
    """Score a network on the labelled pixels of a set.

    Returns
    -------
    matrix : ConfusionMatrix
        Over the whole set, on all ranks.
    batch_miou : float
        The mean over batches of each batch's own mIoU, as some reports have it: higher or lower than the set's, and
        dependent on the batch size.
    loss : float
        Mean cross-entropy over the labelled pixels.
    """
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
    mious = [m for m in (scores(one).miou for one in alone) if not math.isnan(m)]
    means = all_reduce_sum(
        torch.tensor([sum(mious), len(mious)], dtype=torch.float64, device=precision.device)
    ).tolist()
    matrix.reduce()
    total_loss, counted = all_reduce_sum(sums).tolist()
    return (
        matrix,
        means[0] / means[1] if means[1] else math.nan,
        total_loss / counted if counted else math.nan,
    )


def _epochs(work: Fit, train: PatchSet, val: PatchSet, on_step: Callable[[], None] | None) -> Iterator[EpochResult]:
    for epoch in range(1, work.config.epochs + 1):
        start = time.perf_counter()
        loss = work.train_epoch(train, epoch, on_step)
        matrix, batch_miou, val_loss = evaluate(
            work.model, val, work.normalisation, work.precision, work.classes, work.config.batch_size
        )
        seconds = time.perf_counter() - start
        yield EpochResult(epoch, work.step, loss, val_loss, matrix.scores(), batch_miou, seconds)


def fit(
    train: PatchSet,
    val: PatchSet,
    config: FitConfig,
    scheme: ClassScheme,
    folder: Path | None = None,
    *,
    on_step: Callable[[], None] | None = None,
    on_epoch: Callable[[EpochResult, EpochResult | None], None] | None = None,
) -> FitResult:
    """Train a network, and keep the weights of the epoch with the best mIoU on `val`.

    Parameters
    ----------
    train, val : PatchSet
        What is learnt from, and what is scored on (its labelled pixels).
    config : FitConfig
        Everything else.
    scheme : ClassScheme
        The classes.
    folder : Path, optional
        Gets best_model.pth, history.jsonl and history.csv as they come.
    on_step : callable, optional
        Called after each step.
    on_epoch : callable, optional
        Takes each epoch and the best so far.

    Raises
    ------
    DatasetError
        No pixel of `train`, or none of `val`, is labelled.
    """
    counts = labelled_counts(train, len(scheme))
    for name, total in (("training", sum(counts)), ("validation", sum(labelled_counts(val, len(scheme))))):
        if not total:
            raise DatasetError(
                f"no pixel of the {name} patches is labelled: there is nothing to learn from or to score"
            )
    if world_size() > config.batch_size:
        raise ConfigError(f"a batch of {config.batch_size} cannot be shared by {world_size()} processes")
    start = time.perf_counter()
    work = Fit(config, dataset_normalisation(config, train), train.images.shape[1], counts)
    history = History(folder) if folder is not None and is_main() else None
    done: list[EpochResult] = []
    best: EpochResult | None = None
    for result in _epochs(work, train, val, on_step):
        done.append(result)
        better = result.usable and (best is None or result.scores.miou > best.scores.miou)
        if better:
            best = result
        if history is not None and folder is not None:
            history.add(result.row(scheme.names))
            if better:
                save_checkpoint(folder / "best_model.pth", _checkpoint(work, scheme, result))
        if on_epoch is not None:
            on_epoch(result, best)
    return FitResult(tuple(done), best, time.perf_counter() - start, work.precision.reason)


def _checkpoint(work: Fit, scheme: ClassScheme, result: EpochResult) -> Checkpoint:
    return Checkpoint(
        model=work.config.model,
        in_channels=work.normalisation.bands,
        scheme=scheme,
        normalisation=work.normalisation,
        state_dict=raw_state_dict(work.model),
        metrics={"epoch": result.epoch, "batch_miou": result.batch_miou, **result.scores.to_json()},
        config=to_plain(work.config),
        step=result.step,
    )
