"""Labelled ground to pretrain on: folders of chips, whole orthophotos, and generated scenes."""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.classes import LANDCOVER_AI
from annotations.images.orthophoto import open_orthophoto
from annotations.label_files.read import read_mask
from annotations.region import Region
from trainer.landcover_ai.layout import DatasetError
from trainer.starter.scenes import generated, labelled_orthophotos

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Collection", "Place", "chips", "mosaics", "scenes"]

_MOST_CLASSES: Final = 100
_SMALL: Final = 300  # pixels of a side; chips below are joined by fours, so that crops can be windows of them
_SAMPLE: Final = 4096


@dataclass(frozen=True, eq=False)
class Place:
    """An image in memory with the class of its pixels.

    Parameters
    ----------
    pixels : ndarray of uint8, (H, W, 3)
        Red, green, blue.
    truth : ndarray of int8, (H, W)
        -1 where unknown.
    sample : ndarray of uint8, (N, 3)
        Some of the pixels, from all over the image: for its mean and deviation.
    """

    pixels: NDArray[np.uint8]
    truth: NDArray[np.int8]
    sample: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Collection:
    """Places whose numbers of classes mean the same.

    Parameters
    ----------
    name : str
        For people.
    places : tuple of Place
        At least one.
    n_classes : int
        Classes are 0 to n_classes - 1.
    """

    name: str
    places: tuple[Place, ...]
    n_classes: int


def _place(pixels: NDArray[np.uint8], truth: NDArray[np.int8], name: object) -> Place:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[-1] < 3:
        raise DatasetError(
            f"{name}: is {pixels.dtype} with {pixels.shape[-1]} bands; the backbone is trained on red, green and blue "
            "of 8 bits. Convert it, for example with gdal_translate -ot Byte -scale."
        )
    pixels = np.ascontiguousarray(pixels[..., :3])
    rows, columns = np.random.default_rng(0).integers(0, truth.shape, (_SAMPLE, 2)).T
    return Place(pixels, truth, pixels[rows, columns])


def chips(folder: Path) -> Collection:
    """Read a folder of NAME.tif, each with its NAME_mask.tif (255 where unknown).

    Small chips of one size are joined by fours, neighbours in the order of their names.

    Raises
    ------
    DatasetError
        There are none, a mask is missing, or an image is not of 8 bits.
    """
    paths = sorted(p for p in folder.glob("*.tif") if not p.stem.endswith("_mask"))
    if not paths:
        raise DatasetError(f"{folder}: holds no NAME.tif. Give a folder with NAME.tif and NAME_mask.tif.")
    small: dict[tuple[str, tuple[int, int]], list[Place]] = {}
    places: list[Place] = []
    for path in paths:
        place = _chip(path)
        if max(place.truth.shape) < _SMALL:
            small.setdefault((path.name.partition("_")[0], place.truth.shape), []).append(place)
        else:
            places.append(place)
    for alike in small.values():
        places += _joined(alike)
    n_classes = max(int(place.truth.max()) for place in places) + 1
    if n_classes < 1:
        raise DatasetError(f"{folder}: all masks are unknown (255) everywhere. Nothing can be learnt from them.")
    return Collection(folder.name, tuple(places), n_classes)


def _chip(path: Path) -> Place:
    mask = path.with_name(f"{path.stem}_mask.tif")
    if not mask.is_file():
        raise DatasetError(f"{mask}: is missing, the mask of {path.name}.")
    with closing(open_orthophoto(path)) as ortho:
        pixels = ortho.read(Region.whole(ortho.shape))
        truth = read_mask(mask, n_classes=_MOST_CLASSES, shape=ortho.shape, georeference=ortho.georeference)
    return _place(pixels, truth, path)


def _joined(places: Sequence[Place]) -> list[Place]:
    result = []
    for first in range(0, len(places), 4):
        four = list(itertools.islice(itertools.cycle(places[first : first + 4]), 4))
        pixels = np.vstack([np.hstack([p.pixels for p in pair]) for pair in (four[:2], four[2:])])
        truth = np.vstack([np.hstack([p.truth for p in pair]) for pair in (four[:2], four[2:])])
        result.append(_place(pixels, truth, "chips"))
    return result


def mosaics(folder: Path, leave_out: Sequence[str] = ()) -> Collection:
    """Read whole orthophotos in the layout of LandCover.ai, but those whose names are left out.

    Raises
    ------
    DatasetError
        There are none, a mask is missing, an image is not of 8 bits, or a name to be left out is not among them.
    """
    found = labelled_orthophotos(folder, len(LANDCOVER_AI), leave_out)
    if not found:
        raise DatasetError(f"{folder / 'images'}: every orthophoto is left out. Leave out fewer, or give no --mosaics.")
    places = [_place(scenery.pixels, scenery.truth, folder / "images" / scenery.name) for scenery in found]
    return Collection(folder.name, tuple(places), len(LANDCOVER_AI))


def scenes(number: int, size: int) -> Collection:
    """Make scenes with the generator behind the sample, from seed 1 on: seed 0 is the sample."""
    made = generated(range(1, number + 1), size)
    return Collection("generated", tuple(_place(s.pixels[..., :3], s.truth, s.name) for s in made), len(LANDCOVER_AI))
