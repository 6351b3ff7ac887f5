"""Patches of a data set in the layout of LandCover.ai as arrays, out of orthophotos or out of files already cut."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from annotations.classes import NOT_PREDICTED, UNLABELLED
from annotations.errors import LabelError, RasterError
from annotations.images.gdal_raster import open_dataset
from annotations.images.orthophoto import open_orthophoto
from trainer.landcover_ai.layout import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from annotations.images.orthophoto import Orthophoto
    from trainer.landcover_ai.layout import Patch

__all__ = ["read_patches"]

_PNG_END: Final = b"IEND"
_TAIL: Final = 2**16  # some programs add a little after the end


def read_patches(
    patches: list[Patch], n_classes: int, masked: Callable[[int], None] | None = None
) -> Iterator[tuple[Patch, NDArray[Any], NDArray[np.int8]]]:
    """Yield each patch with its pixels (512, 512, bands) and its ground truth (512, 512), int8, -1 where unlabelled.

    A file stays open for as long as patches of it follow each other.

    Parameters
    ----------
    patches : list of Patch
        From `read_split`.
    n_classes : int
        Number of classes.
    masked : callable, optional
        Takes the number of a patch's pixels without data (nodata, transparent, not finite), where there are any; they
        are unlabelled in the ground truth.

    Raises
    ------
    LabelError
        A mask holds a value that is not a class; the message names file, value and place.
    RasterError, DatasetError
        A part of a file cannot be read; an image has other bands than the ones before; a patch that was cut out already
        has not the size of one.
    """
    bands: tuple[int, np.dtype[Any], Path] | None = None
    image = mask = None
    try:
        for patch in patches:
            if image is None or image.path != patch.image.absolute():
                if image is not None:
                    image.close()
                image = _open_image(patch)
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
                mask = _open_mask(patch)
            truth = _read_truth(mask, patch, n_classes)
            if image.has_mask:
                missing = ~image.read_valid(patch.region)
                truth[missing] = UNLABELLED
                if masked is not None and missing.any():
                    masked(int(missing.sum()))
            yield patch, image.read(patch.region), truth
    finally:
        if image is not None:
            image.close()
        if mask is not None:
            mask.close()


def _is_cut(patch: Patch) -> bool:
    """Whether the files hold this patch alone; an orthophoto's name lacks the number."""
    return patch.image.stem == PurePosixPath(patch.name).name


def _quick_to_open() -> Any:
    # GDAL reads the whole folder for files that may go with the one it opens: ten thousand names for each patch.
    return rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")


def _open_image(patch: Patch) -> Orthophoto:
    if not _is_cut(patch):
        return open_orthophoto(patch.image)
    with _quick_to_open():
        image = open_orthophoto(patch.image)
    if image.shape != patch.region.shape:
        image.close()
        raise _wrong_size(patch.image, image.shape, patch)
    return image


def _open_mask(patch: Patch) -> Any:
    if not _is_cut(patch):
        return open_dataset(patch.mask)
    with _quick_to_open():
        mask = open_dataset(patch.mask)
    # GDAL fills what is missing of a PNG with anything, and does not say so.
    if mask.driver == "PNG" and _PNG_END not in patch.mask.read_bytes()[-_TAIL:]:
        mask.close()
        raise RasterError(f"{patch.mask}: the file is cut off: its end is not that of a PNG image. Copy it again.")
    if mask.shape != patch.region.shape:
        mask.close()
        raise _wrong_size(patch.mask, mask.shape, patch)
    return mask


def _wrong_size(path: Path, shape: tuple[int, int], patch: Patch) -> DatasetError:
    height, width = patch.region.shape
    return DatasetError(
        f"{path}: is {shape[0]} x {shape[1]} pixels, but a patch is {height} x {width}. Cut the orthophotos again: "
        "python -m trainer.landcover_ai cut"
    )


def _read_truth(dataset: Any, patch: Patch, n_classes: int) -> NDArray[np.int8]:
    region = patch.region
    try:
        values = dataset.read(window=Window(region.left, region.top, region.width, region.height))
    except (RasterioError, OSError) as error:
        raise RasterError(
            f"{patch.mask}: patch {patch.name} cannot be read ({error}). The file is damaged: copy it again."
        ) from error
    # The data set's own split.py writes the classes three times over, as OpenCV reads every image in colour.
    if len(values) > 1 and (values != values[:1]).any():
        raise DatasetError(
            f"{patch.mask}: has {len(values)} bands that differ, but a mask holds class numbers, not colours. "
            "Export the classes alone."
        )
    values = values[0]
    unlabelled = (values == NOT_PREDICTED) | (values == UNLABELLED)
    if dataset.nodata is not None:
        unlabelled |= np.isnan(values) if np.isnan(dataset.nodata) else values == dataset.nodata
    bad = ~unlabelled & ~np.isin(values, np.arange(n_classes))
    if bad.any():
        row, column = (int(p) for p in np.unravel_index(int(bad.argmax()), bad.shape))
        raise LabelError(
            f"{patch.mask}: value {values[row, column]} at row {region.top + row}, column {region.left + column} "
            f"(patch {patch.name}) is not one of the {n_classes} classes (0 to {n_classes - 1}), nor 255 (unlabelled). "
            "Correct the mask, or mark what has no class as 255."
        )
    return np.where(unlabelled, UNLABELLED, values).astype(np.int8)
