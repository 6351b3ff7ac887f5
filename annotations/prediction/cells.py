"""Arrays at a quarter of the resolution: what only a glance needs is kept of cells of 4 x 4 pixels, not of pixels.

A cell is described by its mean, by its middle pixel, or by whether anything is in it. Cells at the lower and right edge
of an image may be cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["CELL", "any_in_cells", "cells_shape", "mean_of_cells", "middle_of_cells"]

CELL: Final = 4
"""Pixels across a cell; the first one lies at (0, 0)."""
_STRIP: Final = 128
"""Rows of cells that are worked on at once: what is made on the way stays small, however large the image."""


def cells_shape(shape: tuple[int, ...], cell: int = CELL) -> tuple[int, int]:
    """Return (rows, columns) of the cells that cover an array of shape (H, W)."""
    return -(-shape[0] // cell), -(-shape[1] // cell)


def mean_of_cells(values: NDArray[np.uint8], cell: int = CELL) -> NDArray[np.uint8]:
    """Return the mean of each cell, rounded; of a cell that is cut off, that of what is left of it.

    Parameters
    ----------
    values : ndarray of uint8, (H, W)
        Its corner lies on the grid of cells.
    cell : int
        Pixels across a cell.
    """

    def mean(blocks: NDArray[np.uint8], counts: NDArray[np.uint32]) -> NDArray[np.uint8]:
        sums = blocks.sum((1, 3), dtype=np.uint32)
        result: NDArray[np.uint8] = ((sums + counts // 2) // counts).astype(np.uint8)
        return result

    return _by_strips(values, cell, mean, np.dtype(np.uint8))


def any_in_cells(values: NDArray[np.bool_], cell: int = CELL) -> NDArray[np.bool_]:
    """Return for each cell of an array (H, W) whether anything in it is true."""

    def anything(blocks: NDArray[np.bool_], counts: NDArray[np.uint32]) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = np.any(blocks, (1, 3))
        return result

    return _by_strips(values, cell, anything, np.dtype(np.bool_))


def middle_of_cells(values: NDArray[Any], cell: int = CELL) -> NDArray[Any]:
    """Return the middle pixel of each cell of an array (H, W); of a cell that is cut off, its last."""
    rows, columns = (
        np.minimum(np.arange(n) * cell + cell // 2, size - 1)
        for n, size in zip(cells_shape(values.shape, cell), values.shape, strict=True)
    )
    return values[np.ix_(rows, columns)]


def _by_strips(
    values: NDArray[Any], cell: int, reduce: Callable[[NDArray[Any], NDArray[np.uint32]], NDArray[Any]], kind: Any
) -> NDArray[Any]:
    rows, columns = cells_shape(values.shape, cell)
    result = np.empty((rows, columns), kind)
    widths = np.minimum(cell, values.shape[1] - np.arange(columns) * cell)
    for top in range(0, rows, _STRIP):
        strip = values[top * cell : (top + _STRIP) * cell]
        heights = np.minimum(cell, len(strip) - np.arange(cells_shape(strip.shape, cell)[0]) * cell)
        whole = np.zeros((len(heights) * cell, columns * cell), values.dtype)
        whole[: strip.shape[0], : strip.shape[1]] = strip
        blocks = whole.reshape(len(heights), cell, columns, cell)
        result[top : top + len(heights)] = reduce(blocks, np.outer(heights, widths).astype(np.uint32))
    return result
