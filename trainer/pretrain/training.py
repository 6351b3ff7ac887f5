"""The training of a backbone by episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from trainer.config import OptimConfig
from trainer.models.lite0 import LITE0_CHANNELS
from trainer.optim import Average, optimizers_for, set_rates
from trainer.pretrain.crops import draw_crop
from trainer.pretrain.episodes import MOST_CLASSES, Episode, draw_episode
from trainer.pretrain.heads import Heads, colour_maps, features_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from trainer.models.backbone import Backbone
    from trainer.precision import Precision
    from trainer.pretrain.ground import Collection

__all__ = ["Batch", "Pace", "draw_batch", "train"]

_DECODER_ALONE, _STAYING = 0.5, 0.5  # weights of these losses; that of the head on all maps is 1
_LARGEST_GRADIENT: Final = 2.0
_TRIES: Final = 10


@dataclass(frozen=True)
class Pace:
    """How long and how fast.

    Parameters
    ----------
    steps, batch_size, crop : int
        Training steps, crops in each, and their side in pixels.
    encoder_lr, decoder_lr : float
        Learning rates at the peak.
    warmup : float
        Share of the steps over which they rise.
    ema : float
        Decay of the moving average of the weights, which is what is kept.
    labels, asked : int
        Labelled pixels and questions in a crop.
    """

    steps: int
    batch_size: int = 4
    crop: int = 224
    encoder_lr: float = 1e-4
    decoder_lr: float = 2e-3
    warmup: float = 0.1
    ema: float = 0.995
    labels: int = 160
    asked: int = 800


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops, each with its episode.

    Parameters
    ----------
    images : Tensor of float32, (B, 3, H, W)
        Normalised.
    places : Tensor of int64, (B, N + M, 2)
        Rows and columns of labelled pixels, then of questions.
    labels, answers : Tensor of int64, (B, N) and (B, M)
        Classes in the episodes.
    truths : Tensor of int64, (B, M)
        Of the questions, counted through all collections; -1 where unknown.
    collections : tuple of int
        Where each crop is from.
    """

    images: Tensor
    places: Tensor
    labels: Tensor
    answers: Tensor
    truths: Tensor
    collections: tuple[int, ...]


def draw_batch(
    collections: Sequence[Collection], shares: NDArray[np.float64], pace: Pace, starts: Sequence[int], seed: list[int]
) -> Batch:
    """Draw the crops and episodes of a step; the same seed gives the same.

    Parameters
    ----------
    collections : sequence of Collection
        What to draw from.
    shares : ndarray (len(collections),)
        How often from each; they sum to 1.
    pace : Pace
        Numbers and sizes.
    starts : sequence of int
        The first class of each collection, counted through all.
    seed : list of int
        For numpy's generator.
    """
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    parts: list[tuple[NDArray[np.float32], Episode, NDArray[np.int64]]] = []
    while len(parts) < pace.batch_size:
        number = int(rng.choice(len(collections), p=shares))
        found = _draw(collections[number], pace, rng)
        if found is not None:
            image, truth, episode = found
            known = truth[tuple(episode.asked.T)].astype(np.int64)
            parts.append((image, episode, np.where(known >= 0, known + starts[number], -1)))
            chosen.append(number)
    episodes = [episode for _, episode, _ in parts]
    return Batch(
        images=torch.from_numpy(np.stack([image for image, _, _ in parts])).permute(0, 3, 1, 2),
        places=torch.from_numpy(np.stack([np.concatenate([e.places, e.asked]) for e in episodes])),
        labels=torch.from_numpy(np.stack([e.labels for e in episodes])),
        answers=torch.from_numpy(np.stack([e.answers for e in episodes])),
        truths=torch.from_numpy(np.stack([truths for _, _, truths in parts])),
        collections=tuple(chosen),
    )


def _draw(
    collection: Collection, pace: Pace, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int8], Episode] | None:
    areas = np.array([place.truth.size for place in collection.places], float) ** 0.5
    for _ in range(_TRIES):
        place = collection.places[int(rng.choice(len(areas), p=areas / areas.sum()))]
        image, colours, truth = draw_crop(place, pace.crop, rng)
        episode = draw_episode(truth, colours, pace.labels, pace.asked, rng)
        if episode is not None:
            return image, truth, episode
    return None


def losses(maps: Sequence[Tensor], batch: Batch, heads: Heads) -> Tensor:
    """Return the losses (3,): of the head on all maps, of that on the decoder's, and of the one that stays."""
    side = batch.images.shape[-1]
    own = len(LITE0_CHANNELS)
    encoder, decoder, colours = (
        features_at(some, batch.places, side) for some in (maps[:own], maps[own:], colour_maps(batch.images))
    )
    number = batch.labels.shape[1]
    every = heads.episodic((encoder, decoder, colours), batch.labels, MOST_CLASSES, 0)
    alone = heads.episodic((decoder,), batch.labels, MOST_CLASSES, 1)
    staying = heads.staying(decoder[:, number:], batch.collections)
    entropies = [functional.cross_entropy(x.flatten(0, 1), batch.answers.flatten()) for x in (every, alone)]
    asked = batch.truths.flatten()
    known = functional.cross_entropy(staying.flatten(0, 1), asked, ignore_index=-1, reduction="sum")
    return torch.stack([*entropies, known / (asked >= 0).sum().clamp_min(1)])


def train(
    backbone: Backbone,
    collections: Sequence[Collection],
    shares: NDArray[np.float64],
    pace: Pace,
    seed: int,
    precision: Precision,
    report: Callable[[int, NDArray[Any], nn.Module], None],
) -> nn.Module:
    """Train a backbone in place, and return the moving average of its weights.

    Parameters
    ----------
    backbone : Backbone
        With a decoder. The running statistics of its encoder do not move.
    collections : sequence of Collection
        What to learn from.
    shares : ndarray (len(collections),)
        How often from each; they sum to 1.
    pace : Pace
        How long and how fast.
    seed : int
        Of the episodes.
    precision : Precision
        What computes; the CPU.
    report : callable
        Called after each step with its number from 1, its three losses, and the average.
    """
    placed = precision.place(backbone)
    _keep_exact(backbone)
    own = sum(backbone.channels[len(LITE0_CHANNELS) :])
    heads = Heads(own, [collection.n_classes for collection in collections])
    encoder = list(backbone.encoder.parameters())
    ids = {id(p) for p in encoder}
    rest = [p for p in [*backbone.parameters(), *heads.parameters()] if id(p) not in ids]
    groups = [{"params": encoder, "lr": pace.encoder_lr}, {"params": rest, "lr": pace.decoder_lr}]
    optimizers = optimizers_for(groups, 0.01)
    schedule = OptimConfig(name="adamw", lr=1.0, warmup=pace.warmup)
    average = Average(placed, pace.ema)
    weights = torch.tensor([1.0, _DECODER_ALONE, _STAYING])
    placed.train()
    backbone.encoder.eval()
    for step in range(pace.steps):
        batch = draw_batch(collections, shares, pace, heads.starts, [seed, step])
        set_rates(optimizers, schedule, step, pace.steps)
        with precision.autocast():
            maps = placed(precision.images(batch.images))
        each = losses(maps, batch, heads)
        (each @ weights).backward()  # type: ignore[no-untyped-call]  # torch's stub
        nn.utils.clip_grad_norm_([*encoder, *rest], _LARGEST_GRADIENT)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        average.update(placed, step + 1)
        report(step + 1, each.detach().numpy(), average.model)
    return average.model


def _keep_exact(backbone: Backbone) -> None:
    """Let convolutions of single channels compute in float32: in bfloat16 their backward pass takes far longer."""
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = _Exact(module)  # type: ignore[assignment]


class _Exact:
    def __init__(self, convolution: nn.Conv2d) -> None:
        self._convolution = convolution

    def __call__(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return nn.Conv2d.forward(self._convolution, x.float())
