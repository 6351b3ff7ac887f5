"""Crops of a place at random scale, turn and colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch.nn import functional

from annotations.region import Region
from trainer.pretrain.colour import draw_look, worsened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.pretrain.ground import Place

__all__ = ["draw_crop"]

_ZOOM: Final = (0.4, 2.5)  # pixels of the image in a pixel of the crop
_TRIES: Final = 20
_KNOWN: Final = 0.2


def draw_crop(
    place: Place, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]:
    """Draw a crop.

    Parameters
    ----------
    place : Place
        What to draw from.
    side : int
        Height and width of the crop.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    image : ndarray of float32, (side, side, 3)
        Each band less the mean of the whole image, divided by its deviation, about: a crop is not all there is.
    colours : ndarray of float32, (side, side, 3)
        The same crop of 0 to 1.
    truth : ndarray of int8, (side, side)
        -1 where unknown.
    """
    window = _window(place, side, rng).slices
    look = draw_look(rng)
    image = torch.from_numpy(place.pixels[window].astype(np.float32) / 255).permute(2, 0, 1)
    labels = torch.from_numpy(place.truth[window].astype(np.float32))
    size = (side, side)
    image = functional.interpolate(image[None], size, mode="bilinear", antialias=True, align_corners=False)[0]
    labels = functional.interpolate(labels[None, None], size, mode="nearest-exact")[0, 0]
    crop = worsened(look(image.permute(1, 2, 0).numpy()), rng)
    truth = labels.numpy().astype(np.int8)
    turns, flipped = int(rng.integers(4)), bool(rng.integers(2))
    if flipped:
        crop, truth = crop[:, ::-1], truth[:, ::-1]
    crop, truth = np.rot90(crop, turns), np.rot90(truth, turns)
    whole = look(place.sample.astype(np.float32) / np.float32(255))
    gain, shift = np.exp(rng.normal(0, 0.08, 3)), rng.normal(0, 0.1, 3)
    seen = (crop - whole.mean(0)) / (whole.std(0) + 0.01) * gain + shift
    return seen.astype(np.float32), np.ascontiguousarray(crop), np.ascontiguousarray(truth)


def _window(place: Place, side: int, rng: np.random.Generator) -> Region:
    height, width = place.truth.shape
    low, high = np.log(_ZOOM)
    for _ in range(_TRIES):
        span = min(round(side * float(np.exp(rng.uniform(low, high)))), height, width)
        region = Region(int(rng.integers(height - span + 1)), int(rng.integers(width - span + 1)), span, span)
        truth = place.truth[region.slices]
        known = truth[truth >= 0]
        if len(known) > _KNOWN * truth.size and (known != known[0]).any():
            break
    return region
