"""Discs, the mark of a point or a round brush, to pixels.

Pixel (row, column) is the square around that place: its centre has whole coordinates, as in the viewer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["disc"]


def disc(shape: tuple[int, int], row: float, column: float, radius: float) -> tuple[Region, NDArray[np.bool_]]:
    """Return the pixels within `radius` of the pixel at (row, column).

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the image; what lies outside is cut off.
    row, column : float
        The centre; rounded to a pixel, so that a disc is never without one.
    radius : float
        In pixels; 0 is the one pixel.

    Returns
    -------
    region : Region
        The disc's bounds inside the image; empty where it lies outside.
    inside : ndarray of bool, region.shape
    """
    if radius < 0:
        raise ValueError(f"a disc cannot have a negative radius: {radius}")
    centre_row, centre_column = math.floor(row + 0.5), math.floor(column + 0.5)
    reach = math.floor(radius)
    region = Region(centre_row - reach, centre_column - reach, 2 * reach + 1, 2 * reach + 1).clipped(shape)
    rows, columns = _grid(region)
    return region, (rows - centre_row) ** 2 + (columns - centre_column) ** 2 <= radius**2


def _grid(region: Region) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.arange(region.top, region.bottom)[:, np.newaxis], np.arange(region.left, region.right)[np.newaxis]
