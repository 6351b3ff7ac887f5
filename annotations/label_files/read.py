"""Label files: class numbers out of any raster, laid onto the grid of the orthophoto that they are to label."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import UNLABELLED, check_labels
from annotations.errors import LabelError, UnplacedMaskError
from annotations.label_files.grid import Grid, lay_onto, window_of
from annotations.label_files.sources import open_label_source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference


__all__ = ["read_mask"]

_LARGEST = 2.0**31
_ALSO_UNLABELLED = 255


def read_mask(
    path: str | Path,
    *,
    n_classes: int,
    shape: tuple[int, int] | None = None,
    georeference: Georeference | None = None,
    assume_aligned: bool = True,
) -> NDArray[np.int8]:
    """Read a ground truth or a label file.

    Where the file and the image both lie in the world, labels go where their ground is: a file on another grid, in
    another CRS, with other pixels, flipped or rotated is taken over by nearest neighbour, and what it does not cover
    is unlabelled. Where one of them has no place, the file must have the image's rows and columns.

    Parameters
    ----------
    path : str or Path
        One-band raster of class numbers (beside transparency; floats if they are whole), .npy, or a zarr array's
        folder. What it marks as missing (nodata, a mask band, transparency, not a number) is unlabelled, and so are -1
        and 255.
    n_classes : int
        Number of classes; values from 0.
    shape : tuple of int, optional
        (H, W) of the image; the file's own where not given.
    georeference : Georeference, optional
        Of the image; needs `shape`.
    assume_aligned : bool
        Whether a file of the right size is taken to lie on the image pixel by pixel where only one of the two says
        where it lies.

    Returns
    -------
    ndarray of int8, (H, W)

    Raises
    ------
    RasterError
        The file cannot be read.
    UnplacedMaskError
        Only one of file and image says where it lies, and `assume_aligned` is False.
    LabelError
        Its size is another, it lies elsewhere, or a value is not a class; the message names both sizes or
        extents, or the value and its place.
    """
    path = Path(path).expanduser()
    if georeference is not None and shape is None:
        raise ValueError("a georeference says nothing without the shape of its image")
    with open_label_source(path) as source:
        if shape is None:
            return _classes(path, *source.read(None), n_classes=n_classes)
        shape = (int(shape[0]), int(shape[1]))
        own, image = Grid.of(source.georeference, source.shape), Grid.of(georeference, shape)
        if own is not None and image is not None:
            window = window_of(path, own, image)
            labels = _classes(path, *source.read(window), n_classes=n_classes, offset=(window.top, window.left))
            return lay_onto(path, labels, own, window, image)
        if source.shape != shape:
            raise LabelError(
                f"{path}: {source.shape[0]} x {source.shape[1]} pixels (height x width), but the orthophoto has "
                f"{shape[0]} x {shape[1]}. Choose the mask made for this orthophoto, or resample it by nearest "
                "neighbour."
            )
        if not assume_aligned and (own is None) != (image is None):
            which = "the label file" if own is None else "the orthophoto"
            raise UnplacedMaskError(
                f"{path}: {which} does not say where it lies, the other does; both have {shape[0]} x {shape[1]} "
                "pixels. Take it as lying on the orthophoto pixel by pixel, or give it a georeference."
            )
        return _classes(path, *source.read(None), n_classes=n_classes)


def _classes(
    path: Path,
    values: NDArray[Any],
    valid: NDArray[np.bool_] | None,
    *,
    n_classes: int,
    offset: tuple[int, int] = (0, 0),
) -> NDArray[np.int8]:
    """Turn what a file holds into labels; `offset` is where the values begin in it, for the messages."""
    missing = np.zeros(values.shape, bool) if valid is None else ~valid
    if values.dtype.kind == "f":
        values, missing = _whole(path, values, missing, offset)
    kept = np.where(missing, values.dtype.type(0), values) if missing.any() else values
    try:
        labels = check_labels(kept, n_classes, str(path), unlabelled=_ALSO_UNLABELLED)
    except LabelError:
        if offset == (0, 0):
            raise
        raise _misplaced(path, kept, n_classes, offset) from None
    labels[missing] = UNLABELLED
    return labels


def _whole(
    path: Path, values: NDArray[Any], missing: NDArray[np.bool_], offset: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return floats as integers, and what is missing or not a number; LabelError where one is not a whole number."""
    missing = missing | np.isnan(values)
    kept = np.where(missing, values.dtype.type(0), values)
    bad = ~(np.abs(kept) < _LARGEST) | (kept != np.trunc(np.where(np.isfinite(kept), kept, 0)))
    if bad.any():
        row, column = np.unravel_index(int(bad.argmax()), bad.shape)
        raise LabelError(
            f"{path}: value {float(kept[row, column]):g} at pixel ({row + offset[0]}, {column + offset[1]}) is not a "
            "whole number, so it is not a class. Is this a confidence or an image? Export the classes as "
            "integers, or convert the file."
        )
    return kept.astype(np.int32), missing


def _misplaced(path: Path, values: NDArray[Any], n_classes: int, offset: tuple[int, int]) -> LabelError:
    """Return the error for a value in a part of a file, with its place in the whole file."""
    bad = (values >= n_classes) | (values < UNLABELLED if values.dtype.kind == "i" else False)
    bad &= values != _ALSO_UNLABELLED
    row, column = np.unravel_index(int(np.argmax(bad)), values.shape)
    return LabelError(
        f"{path}: value {int(values[row, column])} at pixel ({row + offset[0]}, {column + offset[1]}) is not one of "
        f"the {n_classes} classes (0 to {n_classes - 1}) and not {UNLABELLED} (unlabelled). "
        "Add the missing classes to the scheme or correct the file."
    )
