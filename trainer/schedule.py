"""Which block is predicted next: where labels have just changed, then what is in view, then the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TileSchedule"]

NEVER = -1


class TileSchedule:
    """The blocks of an image and the weights that each was last predicted with.

    A pass predicts with one set of weights. Within a pass no block is predicted twice, and a block is never
    predicted with older weights than it was before. A pass may begin before the last one has ended: the blocks that
    have waited longest come first, from the centre of the view outwards where they have waited alike.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the image.
    block : int
        Side of the blocks in pixels; their grid is anchored at (0, 0).
    """

    def __init__(self, shape: tuple[int, int], block: int) -> None:
        self.shape = shape
        self.block = block
        self.grid = (-(-shape[0] // block), -(-shape[1] // block))
        self._serial: NDArray[np.int64] = np.full(self.grid, NEVER, np.int64)
        self._pass = NEVER
        self._view = Region.whole(shape)
        self._wanted: list[Region] = []

    @property
    def view(self) -> Region:
        """The part in view, in pixels."""
        return self._view

    def set_view(self, region: Region) -> None:
        """Predict this part first from now on; a view that misses the image counts as the whole image."""
        inside = region.clipped(self.shape)
        self._view = Region.whole(self.shape) if inside.empty else inside

    def prefer(self, region: Region) -> None:
        """Have the next pass begin with this region, if it is in view."""
        self._wanted.append(region)

    def begin_pass(self) -> int:
        """Start a pass with new weights; every block is due again. Return the pass's number."""
        self._pass += 1
        return self._pass

    def next(self, *, beyond_view: bool) -> Region | None:
        """Return the next block of this pass, clipped to the image, or None when all is done.

        Parameters
        ----------
        beyond_view : bool
            Whether blocks out of view are wanted too, once those in view are done.
        """
        rows, columns = self._view_cells()
        chosen = self._first_wanted(rows, columns) or self._longest_waiting(rows, columns)
        if chosen is None and beyond_view:
            chosen = self._longest_waiting(slice(0, self.grid[0]), slice(0, self.grid[1]))
        if chosen is None:
            return None
        row, column = chosen
        return Region(row * self.block, column * self.block, self.block, self.block).clipped(self.shape)

    def done(self, region: Region) -> None:
        """Mark a block as predicted in this pass."""
        self._serial[region.top // self.block, region.left // self.block] = self._pass

    def count(self, *, beyond_view: bool) -> tuple[int, int]:
        """Return how many blocks of this pass are done, and of how many; in view or everywhere."""
        rows, columns = (slice(None), slice(None)) if beyond_view else self._view_cells()
        cells = self._serial[rows, columns]
        return int((cells >= self._pass).sum()), int(cells.size)

    def in_view(self, region: Region) -> bool:
        """Whether a block meets the view."""
        return not region.intersection(self._view).empty

    def _view_cells(self) -> tuple[slice, slice]:
        size = self.block
        view = self._view
        return slice(view.top // size, -(-view.bottom // size)), slice(view.left // size, -(-view.right // size))

    def _first_wanted(self, rows: slice, columns: slice) -> tuple[int, int] | None:
        while self._wanted:
            for cell in self._wanted[0].tiles(self.block):
                row, column = cell.top // self.block, cell.left // self.block
                seen = rows.start <= row < rows.stop and columns.start <= column < columns.stop
                if seen and self._serial[row, column] < self._pass:
                    return row, column
            self._wanted.pop(0)
        return None

    def _longest_waiting(self, in_rows: slice, in_columns: slice) -> tuple[int, int] | None:
        serial = self._serial[in_rows, in_columns]
        if not serial.size or serial.min() >= self._pass:
            return None
        rows, columns = np.nonzero(serial == serial.min())
        rows, columns = rows + in_rows.start, columns + in_columns.start
        middle_row = (self._view.top + self._view.bottom) / 2 / self.block - 0.5
        middle_column = (self._view.left + self._view.right) / 2 / self.block - 0.5
        nearest = int(np.argmin((rows - middle_row) ** 2 + (columns - middle_column) ** 2))
        return int(rows[nearest]), int(columns[nearest])
