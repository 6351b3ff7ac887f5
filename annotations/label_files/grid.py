"""Grids of pixels on the ground, and labels laid from one onto another by nearest neighbour."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import Resampling, reproject, transform

from annotations.classes import UNLABELLED
from annotations.errors import LabelError
from annotations.region import Region

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference

__all__ = ["Grid", "lay_onto", "window_of"]

_STRIP: Final = 256
# Centres that fall on an edge between two pixels go to the same one, whichever way the last digit was rounded.
_TIE: Final = 1e-6
_EDGE_POINTS: Final = 33
_OUTSIDE: Final = 255


@dataclass(frozen=True)
class Grid:
    """Pixels that lie somewhere.

    Parameters
    ----------
    crs : CRS or None
        None where unknown: the transform then counts for the CRS of whatever it is compared with.
    affine : Affine
        From (column, row) to x and y.
    shape : tuple of int
        (H, W).
    """

    crs: CRS | None
    affine: Affine
    shape: tuple[int, int]

    @classmethod
    def of(cls, georeference: Georeference | None, shape: tuple[int, int]) -> Grid | None:
        """Return the grid of a raster; None where it does not say where it lies."""
        if georeference is None:
            return None
        affine = Affine(*georeference.transform)
        if affine.is_identity or not all(math.isfinite(v) for v in georeference.transform) or affine.determinant == 0:
            return None
        return cls(CRS.from_wkt(georeference.crs) if georeference.crs else None, affine, shape)

    def extent(self) -> str:
        """Say in words what ground the grid covers."""
        columns, rows = np.array([0, 0, self.shape[1], self.shape[1]]), np.array([0, self.shape[0]] * 2)
        x, y = _at(self.affine, columns, rows)
        crs = "no CRS" if self.crs is None else self.crs.to_string()
        if len(crs) > 60:
            crs = f"{crs[:57]}..."
        return f"x {x.min():.10g} to {x.max():.10g}, y {y.min():.10g} to {y.max():.10g} ({crs})"

    def same_system(self, other: Grid) -> bool:
        """Whether coordinates of both mean the same; assumed where one of the two names no CRS."""
        return self.crs is None or other.crs is None or self.crs == other.crs


def window_of(path: Path, own: Grid, image: Grid) -> Region:
    """Return the part of a label file that its image needs: no more is read of a map of a whole country.

    Raises
    ------
    LabelError
        They share no ground, their systems cannot be related, or they have as many pixels of another size.
    """
    _check_size(path, own, image)
    height, width = image.shape
    # Points inside as well as on the edges: seen from another projection the extreme need not lie on an edge.
    columns, rows = np.meshgrid(np.linspace(0, width, _EDGE_POINTS), np.linspace(0, height, _EDGE_POINTS))
    x, y = _at(image.affine, columns.ravel(), rows.ravel())
    if not own.same_system(image):
        try:
            moved = transform(image.crs, own.crs, x.tolist(), y.tolist())
        except Exception as error:  # PROJ says that there is no way between the two
            raise LabelError(
                f"{path}: its coordinate system ({own.extent()}) cannot be related to the orthophoto's "
                f"({image.extent()}): {error}. Give both the same system, or export the labels in the orthophoto's."
            ) from error
        x, y = np.array(moved[0]), np.array(moved[1])
    finite = np.isfinite(x) & np.isfinite(y)
    window = Region(0, 0, 0, 0)
    if finite.any():
        column, row = _at(~own.affine, x[finite], y[finite])
        edges = [row.min() - 2, column.min() - 2, row.max() + 3, column.max() + 3]
        top, left, bottom, right = (int(v) for v in np.clip(np.floor(edges), -1e15, 1e15))
        inside = (max(top, 0), max(left, 0), min(bottom, own.shape[0]), min(right, own.shape[1]))
        if inside[2] > inside[0] and inside[3] > inside[1]:
            window = Region.from_bounds(*inside)
    if window.empty:
        raise _elsewhere(path, own, image)
    return window


def lay_onto(path: Path, labels: NDArray[np.int8], own: Grid, window: Region, image: Grid) -> NDArray[np.int8]:
    """Return the labels (H, W) of an image out of those of a window of another grid, by nearest neighbour.

    Each pixel of the image gets the label of the pixel in which its centre lies, -1 where there is none.

    Raises
    ------
    LabelError
        They share no ground, or none that is labelled.
    """
    corner = own.affine @ Affine.translation(window.left, window.top)
    if own.same_system(image):
        result, covered = _by_affine(labels, ~corner @ image.affine, image.shape)
    else:
        result, covered = _by_warp(path, labels, corner, own, image)
    if not covered:
        raise _elsewhere(path, own, image)
    elsewhere = window != Region.whole(own.shape) or bool((labels != UNLABELLED).any())
    if elsewhere and not (result != UNLABELLED).any():
        raise LabelError(
            f"{path}: none of its labels lies on the orthophoto. The label file covers {own.extent()}, the orthophoto "
            f"{image.extent()}. Choose the mask made for this orthophoto, or correct the file's georeference."
        )
    return result


def _by_affine(labels: NDArray[np.int8], change: Affine, shape: tuple[int, int]) -> tuple[NDArray[np.int8], bool]:
    """Take each pixel by its exact place; also whether any lies inside."""
    result = np.full(shape, UNLABELLED, np.int8)
    covered = False
    columns = np.arange(shape[1]) + 0.5
    for top in range(0, shape[0], _STRIP):
        rows = (np.arange(top, min(top + _STRIP, shape[0])) + 0.5)[:, np.newaxis]
        if change.b == 0 and change.d == 0:
            across, down = change.a * columns[np.newaxis] + change.c, change.e * rows + change.f
        else:
            across, down = _at(change, columns[np.newaxis], rows)
        row, column = np.floor(down + _TIE).astype(np.int64), np.floor(across + _TIE).astype(np.int64)
        inside = (row >= 0) & (row < labels.shape[0]) & (column >= 0) & (column < labels.shape[1])
        covered |= bool(inside.any())
        taken = labels[np.clip(row, 0, labels.shape[0] - 1), np.clip(column, 0, labels.shape[1] - 1)]
        result[top : top + len(rows)] = np.where(inside, taken, np.int8(UNLABELLED))
    return result, covered


def _by_warp(
    path: Path, labels: NDArray[np.int8], corner: Affine, own: Grid, image: Grid
) -> tuple[NDArray[np.int8], bool]:
    """Take each pixel through the change of coordinate system; also whether any lies inside."""

    def warped(source: NDArray[np.uint8]) -> NDArray[np.uint8]:
        target: NDArray[np.uint8] = np.full(image.shape, _OUTSIDE, np.uint8)
        options: dict[str, Any] = {"src_nodata": _OUTSIDE, "dst_nodata": _OUTSIDE, "tolerance": 0.01}
        reproject(
            np.ascontiguousarray(source),
            target,
            src_transform=corner,
            src_crs=own.crs,
            dst_transform=image.affine,
            dst_crs=image.crs,
            resampling=Resampling.nearest,
            **options,
        )
        return target

    try:
        # -1 is 255 in the same byte, which is what lies outside as well.
        result = warped(labels.view(np.uint8)).view(np.int8)
        covered = bool((result != UNLABELLED).any()) or bool((warped(np.zeros(labels.shape, np.uint8)) == 0).any())
    except (RasterioError, ValueError, OSError, MemoryError) as error:
        raise LabelError(
            f"{path}: could not be laid onto the orthophoto ({error}). Export the labels in the orthophoto's "
            "coordinate system."
        ) from error
    return result, covered


def _at(affine: Affine, x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Apply a transform to many places."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def _check_size(path: Path, own: Grid, image: Grid) -> None:
    """Refuse the image's rows and columns in pixels of another size: one of the two georeferences is wrong then.

    Nobody makes a mask of as many pixels on other ground on purpose; which of the two to believe is not ours to guess.
    """
    if own.shape != image.shape or not own.same_system(image):
        return
    mine, theirs = [(math.hypot(g.affine.b, g.affine.e), math.hypot(g.affine.a, g.affine.d)) for g in (own, image)]
    if not np.allclose(mine, theirs, rtol=0.01, atol=0):
        raise LabelError(
            f"{path}: has the orthophoto's {own.shape[0]} x {own.shape[1]} pixels, but its pixels measure "
            f"{mine[0]:.6g} x {mine[1]:.6g} and the orthophoto's {theirs[0]:.6g} x {theirs[1]:.6g}, so that "
            "they cover different ground. One of the two georeferences is wrong: correct it, or remove the file's."
        )


def _elsewhere(path: Path, own: Grid, image: Grid) -> LabelError:
    return LabelError(
        f"{path}: lies elsewhere. The label file covers {own.extent()}, the orthophoto {image.extent()}. "
        "Choose the mask made for this orthophoto, or correct the file's georeference."
    )
