"""Points, strokes and polygons to pixels.

Pixel (row, column) is the square around that place: its centre has whole coordinates, as in the viewer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage import draw as _draw

from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["disc", "polygon", "polyline"]


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


def polyline(shape: tuple[int, int], vertices: NDArray[Any], width: float) -> tuple[Region, NDArray[np.bool_]]:
    """Return the pixels of a stroke with round ends: those whose centre is within half the width of the line.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the image.
    vertices : ndarray, (N, 2)
        Rows and columns of the line's corners; at least one.
    width : float
        In pixels; a line of width 1 is connected, corners included.

    Returns
    -------
    region, inside : Region and ndarray of bool
        As those of `disc`.
    """
    points = np.asarray(vertices, np.float64).reshape(-1, 2)
    if not len(points) or not np.isfinite(points).all():
        raise ValueError("a stroke needs at least one vertex, all of them finite")
    half = max(float(width), 1.0) / 2
    region = _bounds(points, math.ceil(half)).clipped(shape)
    inside = np.zeros(region.shape, bool)
    starts, ends = (points[:-1], points[1:]) if len(points) > 1 else (points, points)
    for start, end in zip(starts, ends, strict=True):
        part = _bounds(np.stack([start, end]), math.ceil(half)).intersection(region)
        if part.empty:
            continue
        rows, columns = _grid(part)
        step = end - start
        length = float(step @ step)
        rows, columns = rows - start[0], columns - start[1]
        along = np.clip((rows * step[0] + columns * step[1]) / length, 0, 1) if length > 1e-12 else 0.0
        near = (rows - along * step[0]) ** 2 + (columns - along * step[1]) ** 2 <= half**2 + 1e-9
        inside[
            part.top - region.top : part.bottom - region.top, part.left - region.left : part.right - region.left
        ] |= near
    # A short line between pixel centres may be near none: its corners count in any case.
    corners = np.floor(points + 0.5).astype(int) - (region.top, region.left)
    kept = (corners >= 0).all(axis=1) & (corners < region.shape).all(axis=1)
    inside[tuple(corners[kept].T)] = True
    return region, inside


def polygon(shape: tuple[int, int], vertices: NDArray[Any]) -> tuple[Region, NDArray[np.bool_]]:
    """Return the pixels whose centre lies in a polygon (even-odd rule where it crosses itself).

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the image.
    vertices : ndarray, (N, 2)
        Rows and columns of the corners; at least three.

    Returns
    -------
    region, inside : Region and ndarray of bool
        As those of `disc`.
    """
    points = np.asarray(vertices, np.float64).reshape(-1, 2)
    if len(points) < 3 or not np.isfinite(points).all():
        raise ValueError("a polygon needs at least three vertices, all of them finite")
    region = _bounds(points, 1).clipped(shape)
    inside = np.zeros(region.shape, bool)
    if not region.empty:
        rows, columns = _draw.polygon(points[:, 0] - region.top, points[:, 1] - region.left, region.shape)  # type: ignore[no-untyped-call]
        inside[rows, columns] = True
    return region, inside


def _bounds(points: NDArray[np.float64], margin: int) -> Region:
    low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int)
    return Region.from_bounds(low[0], low[1], high[0] + 1, high[1] + 1).grown(margin)


def _grid(region: Region) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.arange(region.top, region.bottom)[:, np.newaxis], np.arange(region.left, region.right)[np.newaxis]
