"""Crops of whole labelled orthophotos at random scale, place and colour: what the starter weights are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn import functional

from annotations.classes import UNLABELLED
from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import band_statistics
from annotations.region import Region
from annotations.sample import make_sample
from annotations.store.mask import read_mask
from trainer.augment import dihedral
from trainer.landcover_ai.layout import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Scenery", "draw_batch", "generated", "label_counts", "labelled_orthophotos"]

_TRIES: Final = 50
_KNOWN_SHARE: Final = 0.3
_GAIN: Final = 0.2  # of each band, and of all together
_SHIFT: Final = 0.25  # the same, in standard deviations


@dataclass(frozen=True, eq=False)
class Scenery:
    """An orthophoto in memory with the class of its pixels.

    Parameters
    ----------
    name : str
        Of the file.
    pixels : ndarray (H, W, bands)
        As in the file.
    truth : ndarray of int8, (H, W)
        -1 where unknown.
    mean, std : tuple of float
        Of each band; what the live learner would normalise this image by.
    """

    name: str
    pixels: NDArray[Any]
    truth: NDArray[np.int8]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def labelled_orthophotos(folder: Path, n_classes: int, leave_out: Sequence[str] = ()) -> list[Scenery]:
    """Read all orthophotos of a data set in the layout of LandCover.ai, but those whose names are left out.

    Raises
    ------
    DatasetError
        There are none, a mask is missing, or a name that is to be left out is not among them.
    """
    paths = sorted(p for p in (folder / "images").glob("*") if p.suffix.lower() in (".tif", ".tiff"))
    if not paths:
        raise DatasetError(f"{folder / 'images'}: holds no GeoTIFF. Give a folder with images/*.tif and masks/*.tif.")
    unknown = set(leave_out) - {p.stem for p in paths}
    if unknown:
        raise DatasetError(f"{folder / 'images'}: has no {', '.join(sorted(unknown))}, which is to be left out.")
    return [_read(path, folder / "masks" / path.name, n_classes) for path in paths if path.stem not in leave_out]


def _read(path: Path, mask: Path, n_classes: int) -> Scenery:
    if not mask.is_file():
        raise DatasetError(f"{mask}: is missing, the mask of {path.name}.")
    ortho = open_orthophoto(path)
    try:
        mean, std = band_statistics(ortho)
        pixels = ortho.read(Region.whole(ortho.shape))
        truth = read_mask(mask, n_classes=n_classes, shape=ortho.shape, georeference=ortho.georeference)
        if ortho.has_mask:
            truth[~ortho.read_valid(Region.whole(ortho.shape))] = UNLABELLED
    finally:
        ortho.close()
    return Scenery(path.stem, pixels, truth, mean, std)


def generated(seeds: Iterable[int], size: int) -> list[Scenery]:
    """Make orthophotos with the generator behind the sample, one for each seed."""
    result = []
    for seed in seeds:
        sample = make_sample(seed, size)
        flat = sample.image.reshape(-1, sample.image.shape[-1])
        mean, std = flat.mean(axis=0), flat.std(axis=0)
        truth = sample.truth.astype(np.int8)
        result.append(Scenery(f"scene {seed}", sample.image, truth, tuple(mean.tolist()), tuple(std.tolist())))
    return result


def label_counts(sceneries: Iterable[Scenery], n_classes: int) -> NDArray[np.int64]:
    """Return how many pixels of each class there are in all, int64 (n_classes,)."""
    total = np.zeros(n_classes, np.int64)
    for scenery in sceneries:
        total += np.bincount(scenery.truth[scenery.truth >= 0], minlength=n_classes)
    return total


def draw_batch(
    sceneries: Sequence[Scenery],
    shares: NDArray[np.float64],
    number: int,
    side: int,
    coarsest: float,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw crops.

    Parameters
    ----------
    sceneries : sequence of Scenery
        What to draw from.
    shares : ndarray (len(sceneries),)
        How often from each; they sum to 1.
    number : int
        Crops in the batch.
    side : int
        Their height and width in pixels.
    coarsest : float
        Each is a window of 1 to this many times `side`, shrunk to it, log-uniform: orthophotos differ in resolution.
    rng : Generator
        Source of chance.

    Returns
    -------
    images : Tensor (number, bands, side, side), float32
        Normalised, with another gain and shift for each band of each crop.
    labels : Tensor (number, side, side), int8
        -1 where unknown.
    """
    drawn = [_draw(sceneries[int(rng.choice(len(sceneries), p=shares))], side, coarsest, rng) for _ in range(number)]
    images, labels = (torch.stack(parts) for parts in zip(*drawn, strict=True))
    turns = [int(n) for n in rng.integers(8, size=number)]
    return dihedral(images, turns), dihedral(labels, turns)


def _draw(scenery: Scenery, side: int, coarsest: float, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    height, width = scenery.truth.shape
    for _ in range(_TRIES):  # mostly the first: unknown ground is rare
        window = min(round(side * coarsest ** rng.uniform()), height, width)
        row, column = int(rng.integers(height - window + 1)), int(rng.integers(width - window + 1))
        part = Region(row, column, window, window).slices
        truth = scenery.truth[part]
        if (truth >= 0).mean() > _KNOWN_SHARE:
            break
    image = torch.from_numpy(scenery.pixels[part].transpose(2, 0, 1).astype(np.float32))
    labels = torch.from_numpy(truth.astype(np.float32))
    if window != side:
        image = functional.interpolate(image[None], (side, side), mode="bilinear", antialias=True, align_corners=False)[
            0
        ]
        labels = functional.interpolate(labels[None, None], (side, side), mode="nearest")[0, 0]
    bands = len(image)
    image = (image - torch.tensor(scenery.mean).view(-1, 1, 1)) / torch.tensor(scenery.std).view(-1, 1, 1)
    gain = (1 + _GAIN * rng.uniform(-1, 1, (bands, 1, 1))) * (1 + _GAIN * rng.uniform(-1, 1))
    shift = _SHIFT * (rng.uniform(-1, 1, (bands, 1, 1)) + rng.uniform(-1, 1))
    return image * torch.from_numpy(gain).float() + torch.from_numpy(shift).float(), labels.to(torch.int8)
