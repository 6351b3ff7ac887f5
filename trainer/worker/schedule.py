"""Which block is predicted next: where labels have just changed, then what is in view, then the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["TileJob", "TileSchedule", "level_for"]

NEVER: Final = -1
_NOTHING: Final = 99  # the level of a tile that was never predicted: coarser than all
_COARSEST: Final = 4
_LEAST: Final = 256
"""Pixels along the shorter side that a halved image has at least."""
_LENIENCE: Final = 0.1  # a pixel of 1.07 dots is not seen as one


def level_for(pixels_per_dot: float, shape: tuple[int, int]) -> int:
    """Return how often to halve the image for a view: as often as its pixels stay no larger than a dot on the screen.

    Parameters
    ----------
    pixels_per_dot : float
        Image pixels across a dot of the screen; above 1 when zoomed out.
    shape : tuple of int
        (H, W) of the image.
    """
    if not pixels_per_dot > 1 or math.isinf(pixels_per_dot):
        return 0
    level = min(math.floor(math.log2(pixels_per_dot) + _LENIENCE), _COARSEST)
    while level > 0 and min(shape) >> level < _LEAST:
        level -= 1
    return level


@dataclass(frozen=True, slots=True)
class TileJob:
    """What to predict next.

    Parameters
    ----------
    region : Region
        In full-resolution pixels, clipped to the image; its corner lies on the grid of blocks of this level.
    level : int
        How often the image is halved for it.
    parts : tuple of Region
        What of the region is to be written: the rest is known already, by the same weights and more finely.
    """

    region: Region
    level: int
    parts: tuple[Region, ...]


class TileSchedule:
    """The tiles of an image, and the weights and the resolution that each was last predicted with.

    A pass predicts with one set of weights. Within a pass no tile is predicted twice, unless more finely, and a tile is
    never predicted with older weights than it was before. A pass may begin before the last one has ended: the tiles
    that have waited longest come first, from the centre of the view outwards where they have waited alike.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the image.
    block : int
        Side of the tiles in pixels; their grid is anchored at (0, 0). Zoomed out, a block of as many coarse pixels
        covers 2 x 2, 4 x 4 ... tiles.
    """

    def __init__(self, shape: tuple[int, int], block: int) -> None:
        self.shape = shape
        self.block = block
        self.grid = (-(-shape[0] // block), -(-shape[1] // block))
        self._serial: NDArray[np.int64] = np.full(self.grid, NEVER, np.int64)
        self._level: NDArray[np.int64] = np.full(self.grid, _NOTHING, np.int64)
        self._pass = NEVER
        self._view = Region.whole(shape)
        self._wanted: list[Region] = []
        self.view_level = 0

    @property
    def view(self) -> Region:
        """The part in view, in pixels."""
        return self._view

    def set_view(self, region: Region, pixels_per_dot: float = 1.0) -> None:
        """Predict this part first from now on; a view that misses the image counts as the whole image.

        Parameters
        ----------
        region : Region
            In full-resolution pixels.
        pixels_per_dot : float
            Image pixels across a dot of the screen: the resolution that is worth while.
        """
        inside = region.clipped(self.shape)
        self._view = Region.whole(self.shape) if inside.empty else inside
        self.view_level = level_for(pixels_per_dot, self.shape)

    def prefer(self, region: Region) -> None:
        """Have the next pass begin with this region, if it is in view."""
        self._wanted.append(region)

    def begin_pass(self) -> int:
        """Start a pass with new weights; every tile is due again. Return the pass's number."""
        self._pass += 1
        return self._pass

    def next(self, level: int, *, beyond_view: bool, after: Sequence[TileJob] = ()) -> TileJob | None:
        """Return what is due in this pass, or None when all is done.

        Parameters
        ----------
        level : int
            The resolution to predict at: the image is halved this many times.
        beyond_view : bool
            Whether tiles out of view are wanted too, once those in view are done: the nearest first.
        after : sequence of TileJob
            What will have been done by then.
        """
        if self._pass == NEVER:
            return None
        due = self._due(level)
        for job in after:
            due[self._tiles(job.region)] = False
        rows, columns = self._view_tiles()
        chosen = self._first_wanted(due, rows, columns) or self._longest_waiting(due, rows, columns)
        if chosen is None and beyond_view:
            chosen = self._longest_waiting(due, slice(0, self.grid[0]), slice(0, self.grid[1]))
        return None if chosen is None else self._job(due, chosen, level)

    def done(self, job: TileJob) -> None:
        """Mark a job as predicted in this pass."""
        for part in job.parts:
            tiles = self._tiles(part)
            self._serial[tiles] = self._pass
            self._level[tiles] = job.level

    def count(self, level: int, *, beyond_view: bool) -> tuple[int, int]:
        """Return how many tiles of this pass are done at a resolution, and of how many; in view or everywhere."""
        tiles = (slice(None), slice(None)) if beyond_view else self._view_tiles()
        due = self._due(level)[tiles]
        return int((~due).sum()), int(due.size)

    def in_view(self, region: Region) -> bool:
        """Whether a block meets the view."""
        return not region.intersection(self._view).empty

    def _due(self, level: int) -> NDArray[np.bool_]:
        due: NDArray[np.bool_] = (self._serial < self._pass) | (self._level > level)
        return due

    def _tiles(self, region: Region) -> tuple[slice, slice]:
        return region.shrunk(self.block).slices

    def _view_tiles(self) -> tuple[slice, slice]:
        return self._tiles(self._view)

    def _job(self, due: NDArray[np.bool_], tile: tuple[int, int], level: int) -> TileJob:
        span = 1 << level
        row, column = (at // span * span for at in tile)
        size = self.block
        region = Region(row, column, span, span).scaled(size).clipped(self.shape)
        tiles = due[row : row + span, column : column + span]
        if tiles.all():
            return TileJob(region, level, (region,))
        parts = [
            Region(row + int(r), column + int(c), 1, 1).scaled(size).clipped(self.shape)
            for r, c in zip(*np.nonzero(tiles), strict=True)
        ]
        return TileJob(region, level, tuple(parts))

    def _first_wanted(self, due: NDArray[np.bool_], rows: slice, columns: slice) -> tuple[int, int] | None:
        while self._wanted:
            for tile in self._wanted[0].tiles(self.block):
                row, column = tile.top // self.block, tile.left // self.block
                seen = rows.start <= row < rows.stop and columns.start <= column < columns.stop
                if seen and due[row, column]:
                    return row, column
            self._wanted.pop(0)
        return None

    def _longest_waiting(self, due: NDArray[np.bool_], in_rows: slice, in_columns: slice) -> tuple[int, int] | None:
        wanted = due[in_rows, in_columns]
        if not wanted.any():
            return None
        serial = self._serial[in_rows, in_columns]
        rows, columns = np.nonzero(wanted & (serial == serial[wanted].min()))
        rows, columns = rows + in_rows.start, columns + in_columns.start
        middle_row = (self._view.top + self._view.bottom) / 2 / self.block - 0.5
        middle_column = (self._view.left + self._view.right) / 2 / self.block - 0.5
        nearest = int(np.argmin((rows - middle_row) ** 2 + (columns - middle_column) ** 2))
        return int(rows[nearest]), int(columns[nearest])
