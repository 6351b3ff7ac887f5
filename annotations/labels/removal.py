"""Taking labels away by where they came from, without taking what a person drew over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter

from annotations.classes import UNLABELLED
from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["remove_strokes", "theirs_alone"]

_TILE = 2048
_NEIGHBOURS = 3


def theirs_alone(
    labels: NDArray[np.int8], strokes: NDArray[np.uint32], numbers: NDArray[np.uint32]
) -> NDArray[np.bool_]:
    """Return which pixels only the given strokes have labelled.

    A viewer does not tell of painting over a pixel that had the same label already, so that pixel still carries the
    older stroke's number. It counts as drawn over when at least three of its eight neighbours have its label from
    another stroke: so do the corners of what is painted. Beside a straight edge one pixel too many may stay.

    Parameters
    ----------
    labels : ndarray of int8, shape (H, W)
        -1 where unlabelled.
    strokes : ndarray of uint32, shape (H, W)
        Stroke numbers.
    numbers : ndarray of uint32
        Those to be removed.

    Returns
    -------
    ndarray of bool, shape (H, W)
    """
    theirs: NDArray[np.bool_] = np.isin(strokes, numbers) & (labels != UNLABELLED)
    result = theirs.copy()
    for label in np.unique(labels[theirs]):
        drawn = (labels == label) & ~theirs
        if drawn.any():
            around = uniform_filter(drawn.astype(np.float32), 3, mode="constant") * 9
            result[theirs & (labels == label) & (around > _NEIGHBOURS - 0.5)] = False
    return result


def remove_strokes(labels: NDArray[np.int8], strokes: NDArray[np.uint32], numbers: NDArray[np.uint32]) -> int:
    """Un-label, in place, what only the given strokes have labelled; return how many pixels that were.

    Stroke numbers are left alone: whoever keeps them notices the change.
    """
    places = []
    for cell in Region.whole(labels.shape).tiles(_TILE):
        inner = cell.clipped(labels.shape)
        if not np.isin(strokes[inner.slices], numbers).any():
            continue
        outer = inner.grown(1).clipped(labels.shape)
        found = theirs_alone(labels[outer.slices], strokes[outer.slices], numbers)
        local = inner.within(outer)
        places.append((inner, found[local.slices]))
    # Only now: a tile must not see what was taken from its neighbour.
    for inner, found in places:
        labels[inner.slices][found] = UNLABELLED
    return sum(int(found.sum()) for _, found in places)
