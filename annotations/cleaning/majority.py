"""The most frequent class around each pixel: specks go, and edges lose their teeth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.classes import NOT_PREDICTED
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["MOST_WINDOW", "majority"]

MOST_WINDOW: Final = 15
"""The widest window in pixels; its 225 pixels are counted in a byte."""

_BLOCK: Final = 1024


def majority(
    classes: NDArray[np.uint8],
    window: int,
    *,
    block: int = _BLOCK,
    progress: Callable[[float], None] = lambda part: None,
) -> NDArray[np.uint8]:
    """Return the most frequent class in a square window around each pixel.

    What is not predicted (255) is not counted and stays so; it neither grows nor shrinks. Beyond the image's edge there
    is nothing to count. A pixel keeps its class where no other is more frequent; among others that are alike the lowest
    class counts.

    Parameters
    ----------
    classes : ndarray of uint8, shape (H, W)
        Class indices, 255 where there is no prediction; not changed.
    window : int
        Side of the window in pixels: odd, 1 to 15; 1 changes nothing.
    block : int
        Side in pixels of what is computed at once, on which the result does not depend. Memory beside the result is
        about ten bytes for each of its pixels.
    progress : callable
        Told the part that is done, 0 to 1, after each block; what it raises ends the work.

    Returns
    -------
    ndarray of uint8, shape (H, W)

    Raises
    ------
    ValueError
        The window is even, or not 1 to 15.
    """
    if not 1 <= window <= MOST_WINDOW or window % 2 == 0:
        raise ValueError(f"the window must be odd and 1 to {MOST_WINDOW} pixels, not {window}")
    result = np.empty_like(classes)
    if window == 1:
        result[:] = classes
        return result
    tiles = [tile.clipped(classes.shape) for tile in Region.whole(classes.shape).tiles(block)]
    for done, tile in enumerate(tiles, 1):
        result[tile.slices] = _block_majority(classes, tile, window // 2)
        progress(done / len(tiles))
    return result


def _block_majority(classes: NDArray[np.uint8], tile: Region, reach: int) -> NDArray[np.uint8]:
    wide = tile.grown(reach)
    inside = wide.clipped(classes.shape)
    around = np.full(wide.shape, NOT_PREDICTED, np.uint8)
    around[inside.within(wide).slices] = classes[inside.slices]
    own = classes[tile.slices]
    best = np.zeros(tile.shape, np.uint8)
    chosen = np.full(tile.shape, NOT_PREDICTED, np.uint8)
    mine = np.zeros(tile.shape, np.uint8)
    for value in np.flatnonzero(np.bincount(around.ravel(), minlength=256)[:NOT_PREDICTED]).tolist():
        count = _box_count(around == value, 2 * reach + 1)
        better = count > best
        np.copyto(best, count, where=better)
        np.copyto(chosen, np.uint8(value), where=better)
        np.copyto(mine, count, where=own == value)
    np.copyto(chosen, own, where=(mine == best) | (own == NOT_PREDICTED))
    return chosen


def _box_count(mask: NDArray[np.bool_], window: int) -> NDArray[np.uint8]:
    """Count the pixels of a mask in each window that lies in it, modulo 256, which no window reaches."""
    counted: NDArray[Any] = mask
    for axis in (0, 1):
        size = counted.shape[axis]
        sums = np.zeros([n + (i == axis) for i, n in enumerate(counted.shape)], np.uint8)
        np.cumsum(counted, axis=axis, dtype=np.uint8, out=sums[1:] if axis == 0 else sums[:, 1:])
        first = [slice(None), slice(None)]
        last = [slice(None), slice(None)]
        first[axis], last[axis] = slice(0, size + 1 - window), slice(window, size + 1)
        counted = sums[tuple(last)] - sums[tuple(first)]
    return counted
