"""The pieces of a map, connected areas of one class, and how long a border each two share: found block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import label

from annotations.classes import NOT_PREDICTED
from annotations.errors import PartialSegError
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Borders", "Pieces", "block_parts", "find_pieces", "joined"]

_MOST_PARTS: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Borders:
    """Which pieces touch, each pair once, `first` < `second`, and along how many pixel edges.

    Parameters
    ----------
    first, second : ndarray of int64, shape (n,)
        Numbers of pieces.
    length : ndarray of int64, shape (n,)
        Pixel edges that they share.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    length: NDArray[np.int64]

    @classmethod
    def summed(cls, one: NDArray[Any], other: NDArray[Any], length: NDArray[Any] | None, pieces: int) -> Borders:
        """Sum the borders of each pair up; what lies between a piece and itself is none."""
        apart = one != other
        one, other = one[apart].astype(np.int64), other[apart].astype(np.int64)
        keys = np.minimum(one, other) * pieces + np.maximum(one, other)
        if length is None:
            keys, summed = np.unique(keys, return_counts=True)
        else:
            keys, place = np.unique(keys, return_inverse=True)
            summed = np.bincount(place.ravel(), weights=length[apart], minlength=len(keys))
        return cls(keys // max(pieces, 1), keys % max(pieces, 1), summed.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a map, numbered in the order of their first pixels, row by row: whatever blocks they were found in.

    Parameters
    ----------
    area : ndarray of int64, shape (n,)
        Pixels of each.
    value : ndarray of uint8, shape (n,)
        Class of each.
    cut : ndarray of bool, shape (n,)
        Whether it may go on beyond a side at which the map was cut off.
    borders : Borders
        Which of them touch.
    parts : list of (Region, ndarray of int64)
        For each block the piece that each of its parts belongs to, in the order of `block_parts`.
    """

    area: NDArray[np.int64]
    value: NDArray[np.uint8]
    cut: NDArray[np.bool_]
    borders: Borders
    parts: list[tuple[Region, NDArray[np.int64]]]


def block_parts(classes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the number, from 1, of the connected part that each pixel is in, over edges; 0 where none is predicted."""
    # Not as uint8, for which a background of 255 was not always understood.
    wide = classes.astype(np.int16)
    parts: NDArray[np.int32] = label(wide, background=NOT_PREDICTED, connectivity=1)  # type: ignore[no-untyped-call]
    return parts


def joined(count: int, one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.int64]:
    """Return for each of `count` things the group that it is in, where pairs belong together.

    Groups are numbered in the order of their first members.
    """
    links = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(count, count))
    _, group = connected_components(links, directed=False)
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    order = np.empty(len(first), np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    numbered: NDArray[np.int64] = order[place.ravel()]
    return numbered


def find_pieces(
    classes: NDArray[np.uint8],
    *,
    block: int,
    cut: tuple[bool, bool, bool, bool] = (False, False, False, False),
    progress: Callable[[float], None] = lambda part: None,
) -> Pieces:
    """Find the pieces of a map (H, W); memory beside it depends on how many there are, and on the block.

    Parameters
    ----------
    classes : ndarray of uint8, shape (H, W)
        255 belongs to no piece.
    block : int
        Side in pixels of what is looked at once; the result is the same for any.
    cut : tuple of bool
        Whether the map goes on beyond its upper, left, lower and right side.
    progress : callable
        Told the part that is done, 0 to 1; what it raises ends the work.

    Raises
    ------
    PartialSegError
        There are more pieces than memory is meant for.
    """
    search = _Search(classes, cut)
    tiles = [tile.clipped(classes.shape) for tile in Region.whole(classes.shape).tiles(block)]
    for done, tile in enumerate(tiles, 1):
        search.look_at(tile)
        progress(done / len(tiles))
    return search.pieces()


class _Search:
    """Goes over a map block by block, row by row of blocks, and puts together what it found."""

    def __init__(self, classes: NDArray[np.uint8], cut: tuple[bool, bool, bool, bool]) -> None:
        self._classes = classes
        self._cut_sides = cut
        self._count = 0  # of parts so far; each has a number, its block's offset and its place in the block
        self._regions: list[tuple[Region, int, int]] = []
        self._area: list[NDArray[Any]] = []
        self._value: list[NDArray[Any]] = []
        self._first: list[NDArray[Any]] = []
        self._cut: list[NDArray[Any]] = []
        self._pairs: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
        width = classes.shape[1]
        self._above = np.full(width, -1, np.int64)  # the parts of the row of pixels above the blocks
        self._below = np.full(width, -1, np.int64)
        self._beside = np.empty(0, np.int64)  # and of the column to the left of the next one

    def look_at(self, tile: Region) -> None:
        """Take in a block."""
        values = self._classes[tile.slices]
        parts = block_parts(values)
        count = int(parts.max(initial=0))
        if self._count + count > _MOST_PARTS:
            raise PartialSegError(
                f"The map is in more than {_MOST_PARTS:,} pieces, which would take several gigabytes of memory to tell "
                "apart. Smooth it first (a window of 3 pixels or more), or let pieces be as small as they are."
            )
        self._note(tile, values, parts, count)
        numbers = parts.astype(np.int64) + (self._count - 1)
        numbers[parts == 0] = -1
        self._pair(numbers[:, :-1], numbers[:, 1:])
        self._pair(numbers[:-1], numbers[1:])
        columns = slice(tile.left, tile.right)
        if tile.top:
            self._pair(self._above[columns], numbers[0])
        if tile.left:
            self._pair(self._beside, numbers[:, 0])
        self._beside = numbers[:, -1].copy()
        self._below[columns] = numbers[-1]
        if tile.right == self._classes.shape[1]:
            self._above, self._below = self._below, self._above
        self._count += count

    def _note(self, tile: Region, values: NDArray[Any], parts: NDArray[np.int32], count: int) -> None:
        flat = parts.ravel()
        self._regions.append((tile, self._count, count))
        self._area.append(np.bincount(flat, minlength=count + 1)[1:])
        value = np.zeros(count + 1, np.uint8)
        value[flat] = values.ravel()
        self._value.append(value[1:])
        first = np.zeros(count + 1, np.int64)
        first[flat[::-1]] = np.arange(flat.size - 1, -1, -1)  # of many that are written the last stays
        row, column = np.divmod(first[1:], max(tile.width, 1))
        self._first.append((row + tile.top) * self._classes.shape[1] + column + tile.left)
        cut = np.zeros(count + 1, np.bool_)
        height, width = self._classes.shape
        sides = (tile.top == 0, tile.left == 0, tile.bottom == height, tile.right == width)
        lines = (parts[0], parts[:, 0], parts[-1], parts[:, -1])
        for is_cut, at_side, line in zip(self._cut_sides, sides, lines, strict=True):
            if is_cut and at_side:
                cut[line] = True
        self._cut.append(cut[1:])

    def _pair(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        touch = (one != other) & (one >= 0) & (other >= 0)
        borders = Borders.summed(one[touch], other[touch], None, _MOST_PARTS)
        self._pairs.append((borders.first, borders.second, borders.length))

    def pieces(self) -> Pieces:
        """Put the parts together to pieces."""
        area, value, first, cut = (_whole(parts) for parts in (self._area, self._value, self._first, self._cut))
        one, other, length = (_whole([pair[n] for pair in self._pairs]).astype(np.int64) for n in range(3))
        same = value[one] == value[other]  # of two blocks
        group = joined(self._count, one[same], other[same])
        count = int(group.max(initial=-1)) + 1
        start = np.full(count, np.iinfo(np.int64).max)
        np.minimum.at(start, group, first)
        number = np.empty(count, np.int64)
        number[np.argsort(start)] = np.arange(count)
        piece = number[group]
        values = np.zeros(count, np.uint8)
        values[piece] = value
        cuts = np.zeros(count, np.bool_)
        cuts[piece[cut.astype(np.bool_)]] = True
        areas = np.bincount(piece, weights=area, minlength=count).astype(np.int64)
        borders = Borders.summed(piece[one[~same]], piece[other[~same]], length[~same], count)
        parts = [(region, piece[offset : offset + size]) for region, offset, size in self._regions]
        return Pieces(areas, values, cuts, borders, parts)


def _whole(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
