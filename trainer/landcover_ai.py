"""Data in the layout of LandCover.ai: orthophotos, masks, and the patches of each split by name.

    images/STEM.tif   masks/STEM.tif   train.txt   val.txt   test.txt

A patch is called STEM_K: K counts the cells of the 512-px grid of an orthophoto row by row, the cells cut off at the
right and bottom edge included, though they are no patches. Patches are read from the GeoTIFFs by window; nothing needs
to be cut beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from rasterio.errors import RasterioError
from rasterio.windows import Window

from annotations.classes import NOT_PREDICTED, UNLABELLED
from annotations.errors import LabelError, PartialSegError, RasterError
from annotations.orthophoto import open_orthophoto
from annotations.rasters import open_dataset
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["PATCH", "DatasetError", "Patch", "Split", "patch_region", "read_patches", "read_split"]

PATCH: Final = 512
"""Side of a patch in pixels."""
_ENDINGS: Final = (".tif", ".tiff")

Split = Literal["train", "val", "test"]


class DatasetError(PartialSegError):
    """A data set is incomplete or its parts do not fit each other."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch, not yet read.

    Parameters
    ----------
    name : str
        STEM_K, as in the split's file.
    image, mask : Path
        The orthophoto and its ground truth.
    region : Region
        Its pixels in both.
    """

    name: str
    image: Path
    mask: Path
    region: Region


def patch_region(number: int, shape: tuple[int, int]) -> Region:
    """Return the pixels of patch `number` of an orthophoto of `shape` (H, W).

    Raises
    ------
    ValueError
        There is no such cell, or it is cut off at the edge.
    """
    height, width = shape
    across, down = -(-width // PATCH), -(-height // PATCH)
    if not 0 <= number < across * down:
        raise ValueError(f"the orthophoto of {height} x {width} pixels has cells 0 to {across * down - 1}")
    region = Region(number // across * PATCH, number % across * PATCH, PATCH, PATCH)
    if not Region.whole(shape).contains(region):
        raise ValueError(f"that cell is cut off at the edge of the orthophoto of {height} x {width} pixels")
    return region


def _find(folder: Path, stem: str, patch: str, listed_in: Path) -> Path:
    for ending in _ENDINGS:
        path = folder / (stem + ending)
        if path.is_file():
            return path
    raise DatasetError(
        f"{folder / stem}{_ENDINGS[0]}: is missing, but {listed_in} lists the patch {patch}. "
        "Copy the file there or take its patches off the list."
    )


def read_split(folder: str | Path, split: Split) -> list[Patch]:
    """Return the patches of a split, in the order of its file, after checking that their files are there and fit.

    Parameters
    ----------
    folder : path
        The data set.
    split : {"train", "val", "test"}
        Which list.

    Raises
    ------
    DatasetError
        The list is missing, empty or names a patch twice; an image or a mask is missing; a patch lies outside its
        orthophoto; a mask has another size than its image.
    RasterError
        A file cannot be read.
    """
    folder = Path(folder)
    listed_in = folder / f"{split}.txt"
    try:
        names = listed_in.read_text("utf-8").split()
    except FileNotFoundError:
        raise DatasetError(
            f"{listed_in}: is missing. A data set is a folder with images/*.tif, masks/*.tif, train.txt, val.txt and "
            "test.txt, as LandCover.ai has them; leave --data away to use the generated sample."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{listed_in}: cannot be read ({error}).") from error
    if not names:
        raise DatasetError(f"{listed_in}: lists no patch. Write one patch name (STEM_K) a line into it.")
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    if twice:
        raise DatasetError(f"{listed_in}: the patch {min(twice)} is listed twice. Remove one of the lines.")
    sheets: dict[str, tuple[Path, Path, tuple[int, int]]] = {}
    patches = []
    for name in names:
        stem, _, number = name.rpartition("_")
        if not stem or not (number.isascii() and number.isdigit()):
            raise DatasetError(
                f"{listed_in}: {name!r} is no patch name. They have the form STEM_K, for example N-33_12."
            )
        if stem not in sheets:
            sheets[stem] = _sheet(folder, stem, name, listed_in)
        image, mask, shape = sheets[stem]
        try:
            region = patch_region(int(number), shape)
        except ValueError as error:
            raise DatasetError(
                f"{listed_in}: there is no patch {name} in {image}: {error}. Correct the list."
            ) from None
        patches.append(Patch(name, image, mask, region))
    return patches


def _sheet(folder: Path, stem: str, patch: str, listed_in: Path) -> tuple[Path, Path, tuple[int, int]]:
    image = _find(folder / "images", stem, patch, listed_in)
    mask = _find(folder / "masks", stem, patch, listed_in)
    sizes = []
    for path in (image, mask):
        with open_dataset(path) as dataset:
            sizes.append((int(dataset.height), int(dataset.width)))
            if path == mask and dataset.count != 1:
                raise DatasetError(f"{mask}: has {dataset.count} bands, but a mask has one. Export the classes alone.")
    if sizes[0] != sizes[1]:
        raise DatasetError(
            f"{mask}: is {sizes[1][0]} x {sizes[1][1]} pixels, but {image} is {sizes[0][0]} x {sizes[0][1]}. "
            "Replace it by the mask of that orthophoto."
        )
    return image, mask, sizes[0]


def read_patches(patches: list[Patch], n_classes: int) -> Iterator[tuple[Patch, NDArray[Any], NDArray[np.int8]]]:
    """Yield each patch with its pixels (512, 512, bands) and its ground truth (512, 512), int8, -1 where unlabelled.

    A file stays open for as long as patches of it follow each other.

    Raises
    ------
    LabelError
        A mask holds a value that is no class; the message names file, value and place.
    RasterError, DatasetError
        A part of a file cannot be read; an image has other bands than the ones before.
    """
    bands: tuple[int, np.dtype[Any], Path] | None = None
    image = mask = None
    try:
        for patch in patches:
            if image is None or image.path != patch.image:
                if image is not None:
                    image.close()
                image = open_orthophoto(patch.image)
            if bands is None:
                bands = image.bands, image.dtype, image.path
            if (image.bands, image.dtype) != bands[:2]:
                raise DatasetError(
                    f"{image.path}: has {image.bands} bands of {image.dtype}, but {bands[2]} has {bands[0]} of "
                    f"{bands[1]}. One network takes one kind of image: convert it or remove it."
                )
            if mask is None or Path(mask.name) != patch.mask:
                if mask is not None:
                    mask.close()
                mask = open_dataset(patch.mask)
            truth = _read_truth(mask, patch, n_classes)
            if image.has_mask:
                truth[~image.read_valid(patch.region)] = UNLABELLED
            yield patch, image.read(patch.region), truth
    finally:
        if image is not None:
            image.close()
        if mask is not None:
            mask.close()


def _read_truth(dataset: Any, patch: Patch, n_classes: int) -> NDArray[np.int8]:
    region = patch.region
    try:
        values = dataset.read(1, window=Window(region.left, region.top, region.width, region.height))
    except (RasterioError, OSError) as error:
        raise RasterError(
            f"{patch.mask}: patch {patch.name} cannot be read ({error}). The file is damaged: copy it again."
        ) from error
    unlabelled = (values == NOT_PREDICTED) | (values == UNLABELLED)
    if dataset.nodata is not None:
        unlabelled |= np.isnan(values) if np.isnan(dataset.nodata) else values == dataset.nodata
    bad = ~unlabelled & ~np.isin(values, np.arange(n_classes))
    if bad.any():
        row, column = (int(p) for p in np.unravel_index(int(bad.argmax()), bad.shape))
        raise LabelError(
            f"{patch.mask}: value {values[row, column]} at row {region.top + row}, column {region.left + column} "
            f"(patch {patch.name}) is none of the {n_classes} classes (0 to {n_classes - 1}) and not 255 (unlabelled). "
            "Correct the mask, or mark what has no class as 255."
        )
    return np.where(unlabelled, UNLABELLED, values).astype(np.int8)
