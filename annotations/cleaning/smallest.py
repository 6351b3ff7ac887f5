"""A smallest mapping unit: pieces below it go into the neighbour that they share the longest border with.

GDAL's sieve gives a small piece to its largest neighbour instead, and leaves it where all of its neighbours are small
too. A sliver between a large field and a hedge is then the field's, even where it lies along the hedge; the border says
better what it belongs to, and is what "eliminate" means in most GIS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.classes import NOT_PREDICTED
from annotations.cleaning.pieces import Borders, block_parts, find_pieces, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotations.cleaning.pieces import Pieces

__all__ = ["dissolve_small"]

_BLOCK: Final = 1024  # a thread that looks at one holds the viewer up for some ten milliseconds


def dissolve_small(
    classes: NDArray[np.uint8],
    least: int,
    *,
    cut: tuple[bool, bool, bool, bool] = (False, False, False, False),
    block: int = _BLOCK,
    out: NDArray[np.uint8] | None = None,
    progress: Callable[[float], None] = lambda part: None,
) -> NDArray[np.uint8]:
    """Return a map without pieces of fewer than `least` pixels.

    A piece is an area of one class whose pixels touch at edges. In rounds, each piece below the size that is smaller
    than all neighbours below the size takes the class of the neighbour with which it shares the longest border (of two
    alike the larger, then the one that begins farther up and left); what then touches and is of one class is one piece.
    So every piece is as large as was asked for in the end, except one that has no neighbour at all, between what is not
    predicted.

    Parameters
    ----------
    classes : ndarray of uint8, shape (H, W)
        Class indices; 255, not predicted, belongs to no piece and neither grows nor shrinks.
    least : int
        Pixels that a piece has at the least; 1 or less changes nothing.
    cut : tuple of bool
        Whether the map goes on beyond its upper, left, lower and right side: what touches such a side may be larger
        than is seen of it, and stays.
    block : int
        Side in pixels of what is looked at once, on which the result does not depend. Memory beside the result: about
        30 bytes for each of the block's pixels, and 100 for each piece.
    out : ndarray of uint8, shape (H, W), optional
        Takes the result; may be `classes`.
    progress : callable
        Told the part that is done, 0 to 1; what it raises ends the work, and `out` is then as it was or half done.

    Raises
    ------
    PartialSegError
        There are more pieces than memory is meant for.
    """
    result = np.empty_like(classes) if out is None else out
    if least <= 1:
        result[:] = classes
        return result
    pieces = find_pieces(classes, block=block, cut=cut, progress=lambda part: progress(0.6 * part))
    values = _dissolved(pieces, least)
    changed = values != pieces.value
    for done, (region, piece) in enumerate(pieces.parts, 1):
        part = classes[region.slices]
        if changed[piece].any():
            result[region.slices] = np.append(np.uint8(NOT_PREDICTED), values[piece])[block_parts(part)]
        elif result is not classes:
            result[region.slices] = part
        progress(0.6 + 0.4 * done / len(pieces.parts))
    return result


def _dissolved(pieces: Pieces, least: int) -> NDArray[np.uint8]:
    """Return the class of each piece once the small ones are dissolved."""
    group = np.arange(len(pieces.area))
    area = np.where(pieces.cut, np.maximum(pieces.area, least), pieces.area)
    value, borders = pieces.value.copy(), pieces.borders
    while True:
        small = area < least
        of_small = small[borders.first] | small[borders.second]  # two large ones never change
        borders = Borders(borders.first[of_small], borders.second[of_small], borders.length[of_small])
        going, into = _next(area, small, borders)
        if not len(going):
            return value[group]
        value[going] = value[into]
        same = value[borders.first] == value[borders.second]
        new = joined(len(area), borders.first[same], borders.second[same])
        count = int(new.max()) + 1
        merged = np.zeros(count, np.uint8)
        merged[new] = value
        value = merged
        area = np.bincount(new, weights=area, minlength=count).astype(np.int64)
        borders = Borders.summed(new[borders.first], new[borders.second], borders.length, count)
        group = new[group]


def _next(
    area: NDArray[np.int64], small: NDArray[np.bool_], borders: Borders
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which pieces go in this round, and into which neighbour each."""
    waits = np.zeros(len(area), np.bool_)
    both = small[borders.first] & small[borders.second]
    one, other = borders.first[both], borders.second[both]
    waits[np.where(area[other] < area[one], one, other)] = True  # of two alike the first goes first
    goes = small & ~waits
    forth, back = goes[borders.first], goes[borders.second]
    source: NDArray[Any] = np.concatenate([borders.first[forth], borders.second[back]])
    target: NDArray[Any] = np.concatenate([borders.second[forth], borders.first[back]])
    length = np.concatenate([borders.length[forth], borders.length[back]])
    order = np.lexsort((target, -area[target], -length, source))
    source, target = source[order], target[order]
    first = np.flatnonzero(np.diff(source, prepend=-1))
    return source[first], target[first]
