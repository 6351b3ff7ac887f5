"""The images that learners are compared on: pixels, truth and class names, from a folder or a pair of files."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass
from annotations.errors import PartialSegError
from annotations.images.orthophoto import open_orthophoto
from annotations.label_files.read import read_mask
from annotations.region import Region

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Ground", "Item", "items_in", "load_ground", "pair"]

_COLOURS = ("#c8b88a", "#e4572e", "#2e933c", "#2d7dd2", "#a45ee5", "#ffcc00", "#00cccc", "#cc0066")


@dataclass(frozen=True)
class Item:
    """Where an image and its truth are.

    Parameters
    ----------
    name : str
        Of the image, in tables.
    image, truth : Path
        The truth holds indices into `classes`; other values are unknown.
    classes : tuple of str
        Names.
    side : int
        Only the middle of a larger image is used, this many pixels along each axis.
    """

    name: str
    image: Path
    truth: Path
    classes: tuple[str, ...]
    side: int = 1792


@dataclass(frozen=True)
class Ground:
    """An image with its truth.

    Parameters
    ----------
    name : str
        Of the image.
    pixels : ndarray (H, W, bands)
        As in the file.
    truth : ndarray of int8, (H, W)
        Class indices; -1 where unknown.
    classes : tuple of str
        Those that occur, in the order of the indices.
    """

    name: str
    pixels: NDArray[Any]
    truth: NDArray[np.int8]
    classes: tuple[str, ...]

    def scheme(self, *, named: bool) -> ClassScheme:
        """Return the classes by their names, or as "kind 1", "kind 2" ..., which no weights know."""
        names = self.classes if named else tuple(f"kind {i + 1}" for i in range(len(self.classes)))
        colours = (_COLOURS * (len(names) // len(_COLOURS) + 1))[: len(names)]
        return ClassScheme(tuple(LandClass(n, c, "") for n, c in zip(names, colours, strict=True)))


def items_in(folder: Path) -> list[Item]:
    """Return what a folder's ``items.json`` lists: names of images and their classes; NAME.tif, NAME_mask.tif."""
    path = folder / "items.json"
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [
            Item(e["name"], folder / f"{e['name']}.tif", folder / f"{e['name']}_mask.tif", tuple(e["names"]))
            for e in entries
        ]
    except FileNotFoundError:
        raise PartialSegError(f"{path} does not exist: --set takes a folder with items.json, see the help.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise PartialSegError(f"{path} is not a list of images with name and names ({error}).") from error


def pair(image: Path, truth: Path) -> Item:
    """Return an image whose truth holds the classes of LandCover.ai."""
    return Item(image.stem, image, truth, LANDCOVER_AI.names)


def load_ground(item: Item, least: float = 0.003) -> Ground:
    """Read an image and its truth; classes of less than a share `least` of the pixels become unknown.

    A class that hardly occurs would decide a mean over classes by a few pixels.
    """
    with closing(open_orthophoto(item.image)) as ortho:
        shape = ortho.shape
        part = _middle(shape, item.side)
        pixels = ortho.read(part)
        place = ortho.georeference
    mask = read_mask(item.truth, n_classes=len(item.classes), shape=shape, georeference=place)[part.slices]
    counts = np.bincount(mask[mask >= 0], minlength=len(item.classes))
    kept = np.flatnonzero(counts >= least * mask.size)
    truth = np.full(mask.shape, -1, np.int8)
    for new, old in enumerate(kept):
        truth[mask == old] = new
    return Ground(item.name, pixels, truth, tuple(item.classes[i] for i in kept))


def _middle(shape: tuple[int, int], side: int) -> Region:
    height, width = (min(size, side) // 32 * 32 for size in shape)
    return Region((shape[0] - height) // 2, (shape[1] - width) // 2, height, width)
