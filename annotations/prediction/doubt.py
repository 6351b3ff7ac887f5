"""How unsure the map is, and between which classes: two small arrays beside it, shared by two processes like it.

Confidence alone does not tell: of two classes at 45 % the map is as unsure as it can be, of one at 45 % among ten
others it is not; and nobody can be asked "road or building?" without the second class. At full resolution that would be
two more arrays of the image's size; but a place is looked at, not a pixel, so a cell of 4 x 4 pixels has one value of
each: an eighth of a byte a pixel, 11 MB for 9636 x 9095.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from annotations.classes import NOT_PREDICTED
from annotations.prediction.cells import CELL, cells_shape, mean_of_cells, middle_of_cells
from annotations.prediction.shared_array import SharedArray

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["Doubt", "doubt_bytes"]


def doubt_bytes(shape: tuple[int, int]) -> int:
    """Return the memory that the doubt about an image of shape (H, W) takes, in bytes."""
    rows, columns = cells_shape(shape)
    return 2 * rows * columns


class Doubt:
    """The doubt about a map.

    Attributes
    ----------
    margin : ndarray of uint8, (h, w)
        1 minus the difference of the two largest probabilities, averaged over each cell: 0 certain (or not predicted),
        255 undecided.
    runner_up : ndarray of uint8, (h, w)
        The second most probable class at the middle of each cell; 255 where there is none.
    """

    def __init__(self, both: NDArray[np.uint8]) -> None:
        """Take the two, one below the other, as they lie in the shared file: uint8 of (2 h, w)."""
        rows = len(both) // 2
        self.margin = both[:rows]
        self.runner_up = both[rows:]

    @classmethod
    def nothing(cls, shape: tuple[int, int]) -> Self:
        """Return that about an image of shape (H, W) of which nothing is predicted, for this process alone."""
        rows, columns = cells_shape(shape)
        result = cls(np.empty((2 * rows, columns), np.uint8))
        result.clear()
        return result

    @classmethod
    def create(cls, path: Path, shape: tuple[int, int]) -> Self:
        """Make the shared file, see `SharedArray.create`; nothing is predicted."""
        rows, columns = cells_shape(shape)
        result = cls(SharedArray.create(path, (2 * rows, columns), 0).array)
        result.clear()
        return result

    @classmethod
    def open(cls, path: str | Path, shape: tuple[int, int]) -> Self:
        """Open a shared file, see `SharedArray.open`."""
        rows, columns = cells_shape(shape)
        return cls(SharedArray.open(path, (2 * rows, columns)).array)

    def clear(self) -> None:
        """Forget all of it."""
        self.margin[:] = 0
        self.runner_up[:] = NOT_PREDICTED

    @property
    def known(self) -> bool:
        """Whether there is any."""
        return bool((self.runner_up != NOT_PREDICTED).any())

    def write(self, region: Region, margin: NDArray[np.uint8], runner_up: NDArray[np.uint8]) -> None:
        """Take that of a region, pixel by pixel.

        Parameters
        ----------
        region : Region
            In pixels; its corner lies on the grid of cells, and it ends there or at the image's edge.
        margin, runner_up : ndarray of uint8, of its shape
            As the attributes, of each pixel.
        """
        cells = region.shrunk(CELL).slices
        self.margin[cells] = mean_of_cells(margin)
        self.runner_up[cells] = middle_of_cells(runner_up)
