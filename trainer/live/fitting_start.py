"""What the live learner starts from, fitted to an image: bands by their names; refused where it could only hinder.

Each image is normalised with its own mean and deviation, so that a network which learnt on another type or range of
pixels sees the same kind of numbers. What differs is told all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch.nn import functional

from annotations.images.fingerprint import sample_regions
from annotations.region import Region
from trainer.imagery import Imagery, bands_by_name, misfits
from trainer.live.adapt import sorted_bands

if TYPE_CHECKING:
    from annotations.images.orthophoto import Orthophoto
    from trainer.checkpoint import Checkpoint
    from trainer.normalisation import Normalisation

__all__ = ["FittedStart", "fit_start"]

_SIDE: Final = 32
_USUAL: Final = 30.0
"""How much smaller or larger than in training the values may be that reach a network; scenes differ by 3."""
_BLANK: Final = 0.05
"""Standard deviations, of a sample that tells nothing of its image."""


@dataclass(frozen=True, slots=True)
class FittedStart:
    """What becomes of a checkpoint as a start for an image.

    Parameters
    ----------
    checkpoint : Checkpoint
        With its bands in the image's order, where names tell.
    notes : tuple of str
        In what the image differs from those that it learnt on: sentences that name the image.
    refused : str
        Why it cannot be started from, in sentences; "" where it can.
    """

    checkpoint: Checkpoint
    notes: tuple[str, ...] = ()
    refused: str = ""


def fit_start(checkpoint: Checkpoint, ortho: Orthophoto, normalisation: Normalisation, name: str) -> FittedStart:
    """Fit a checkpoint to an image that is to be learnt, and say what is different about it.

    Parameters
    ----------
    checkpoint : Checkpoint
        What was learnt before.
    ortho : Orthophoto
        The image that is to be learnt.
    normalisation : Normalisation
        The image's own.
    name : str
        The checkpoint's, for the messages.
    """
    image, learnt = Imagery.of(ortho), checkpoint.imagery
    places = bands_by_name(learnt, image)
    fitted = checkpoint if places is None else _in_order(checkpoint, places, normalisation)
    factor = _times_usual(fitted, ortho, normalisation)
    if factor is not None and not 1 / _USUAL <= factor <= _USUAL:
        size = f"{factor:,.0f} times larger" if factor > 1 else f"{1 / factor:,.0f} times smaller"
        return FittedStart(
            checkpoint,
            refused=f"{name}: training cannot start from it on {ortho.path}: even normalised, the values that reach "
            f"the network are {size} than those that it learnt on, so that it would see nothing of the image. Training "
            "starts as if none were chosen. To be rid of this message, choose the starter weights, or a checkpoint "
            "whose images were normalised, and start afresh.",
        )
    return FittedStart(fitted, tuple(_notes(learnt, image, places, checkpoint.in_channels, f"{ortho.path}", name)))


def _notes(
    learnt: Imagery | None, image: Imagery, places: tuple[int | None, ...] | None, count: int, path: str, name: str
) -> list[str]:
    outcome = {
        "dtype": "It is normalised with its own mean and deviation, so training can start from it all the same.",
        "bands": "The bands are taken by their names."
        if places is not None
        else "The bands are taken in their order; expect it to learn slowly, or start afresh from the starter weights.",
        "resolution": "Expect it to learn slowly.",
    }
    notes = [f"{path}: {m.text} ({name}). {outcome[m.trait]}" for m in misfits(learnt, image)]
    if len(image.band_names) != count:
        known = f" ({', '.join(learnt.band_names)})" if learnt is not None and learnt.band_names else ""
        how = "taken by their names" if places is not None else "taken in their order"
        notes.append(
            f"{path}: has {len(image.band_names)} bands ({', '.join(image.band_names)}), but the network learnt on "
            f"{count}{known} ({name}). Those that both have are {how}; expect it to learn slowly."
        )
    return notes


def _in_order(checkpoint: Checkpoint, places: tuple[int | None, ...], normalisation: Normalisation) -> Checkpoint:
    """Return the checkpoint as if it had learnt on the image's bands."""
    return replace(
        checkpoint,
        in_channels=len(places),
        state_dict=sorted_bands(checkpoint.state_dict, places),
        normalisation=normalisation,
    )


@torch.no_grad()
def _times_usual(checkpoint: Checkpoint, ortho: Orthophoto, normalisation: Normalisation) -> float | None:
    """Return how much larger than in training the answers of the first layer are; None where that is not known."""
    layers = checkpoint.state_dict
    weight = next((tensor for tensor in layers.values() if tensor.dim() == 4), None)
    variance = next((tensor for name, tensor in layers.items() if name.endswith(".running_var")), None)
    if weight is None or variance is None or weight.shape[1] != ortho.bands:
        return None
    answers = []
    for region in sample_regions(ortho.shape, _SIDE, per_axis=4):
        part = Region(region.top, region.left, min(region.height, 128), min(region.width, 128))
        if ortho.has_mask and not ortho.read_valid(part).all():
            continue
        pixels = torch.from_numpy(np.moveaxis(ortho.read(part), -1, 0).astype(np.float32))
        inputs = normalisation.apply(pixels[None])
        if float(inputs.std()) > _BLANK and min(part.shape) >= 3:
            answers.append(functional.conv2d(inputs, weight.float()).flatten(2)[0])
    if not answers:
        return None
    ratios = torch.cat(answers, dim=1).std(dim=1) / (variance.float() + 1e-12).sqrt()
    return float(ratios.median())
