"""Where a label teaches most: the places of which a map is unsure, the most useful first.

A label is useful where the map is unsure, over more than a few pixels, where nothing is labelled near by, and where it
was not looked already; more so for classes of which there is little. Then the list is spread: each place makes others
near it and others between the same two classes less useful. How this was chosen: docs/where_next.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from annotations.classes import NOT_PREDICTED
from annotations.places.place import Place
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from annotations.places.place import ReducedMap

__all__ = ["find_places"]

_SMOOTH: Final = 12.0  # px: one looks at places, not at pixels
_FROM_LABELS: Final = 24  # px
_FROM_VISITS: Final = 24  # px
_APART: Final = 48  # px from one place of a list to another
_REACH: Final = 96  # px from the middle of a place to its edge, at the most
_LEAST_DOUBT: Final = 0.15
_OWN: Final = 0.5  # of the doubt around it: what a cell has itself, where a place begins
_EDGE: Final = 0.7  # a place ends where the map is surer than this part of its least certain pixel
_LEAST_PIXELS: Final = 600  # a stroke
_RARITY: Final = 0.25
_RAREST: Final = 0.003  # share of the map below which a class counts as no rarer
_AGAIN: Final = 0.6  # what another place between the same two classes is worth
_MOST_TRIES: Final = 400


def find_places(
    found: ReducedMap,
    visited: Sequence[tuple[int, int]] = (),
    recent: Sequence[tuple[int, int]] = (),
    *,
    most: int = 12,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Place]:
    """Return the most useful places, the best first; the same for the same map.

    Parameters
    ----------
    found : ReducedMap
        Of the map as it is now.
    visited : sequence of (int, int)
        Rows and columns, in pixels, of places that were looked at.
    recent : sequence of (int, int)
        Pairs of classes of the last few of these, the latest last: others come first.
    most : int
        Places wanted.
    cancelled : callable
        Asked now and then whether to give up; what was found until then is returned.
    """
    doubt, pairs = _smoothed(found), _pairs(found)
    doubt[_closed(found, visited)] = 0
    worth = _worth(found, doubt, pairs, recent)
    places: list[Place] = []
    for _ in range(_MOST_TRIES):
        peak = np.unravel_index(int(worth.argmax()), worth.shape)
        cell = Region(int(peak[0]), int(peak[1]), 1, 1)
        if len(places) == most or cancelled() or worth[peak] <= 0:
            break
        box, inside = _piece(doubt, pairs, cell, found.stride)
        place = _place(found, doubt, float(worth[peak]), cell, box, inside)
        worth[box.slices][inside] = worth[peak] = 0
        if place is not None:
            places.append(place)
            worth[_around(cell, found, _APART).slices] = 0
            worth[pairs == pairs[peak]] *= _AGAIN
    return places


def _worth(
    found: ReducedMap, doubt: NDArray[np.float32], pairs: NDArray[np.int32], recent: Sequence[tuple[int, int]]
) -> NDArray[np.float32]:
    """Return how useful a place is that begins at a cell, 0 where none may."""
    worth: NDArray[np.float32] = doubt * _rarity(found)[pairs]
    # Beside what is unsure, and not unsure itself, a cell has nothing but its neighbours' doubt.
    worth[(doubt < _LEAST_DOUBT) | (found.doubt < _OWN * 255 * doubt)] = 0
    for age, pair in enumerate(reversed(recent)):
        worth[pairs == min(pair) * 256 + max(pair)] *= 1 - (1 - _AGAIN) / (1 + age)
    return worth


def _around(cell: Region, found: ReducedMap, pixels: int) -> Region:
    """Return the cells that are no further from one than so many pixels."""
    return cell.grown(-(-pixels // found.stride)).clipped(found.doubt.shape)


def _smoothed(found: ReducedMap) -> NDArray[np.float32]:
    """Return the doubt, 0 to 1, averaged over the ground around each cell; 0 where nothing is predicted."""
    known = (found.first != NOT_PREDICTED).astype(np.float32)
    doubt = found.doubt.astype(np.float32) * (known / 255)
    sigma = _SMOOTH / found.stride
    weight = ndimage.gaussian_filter(known, sigma, mode="constant")
    mean: NDArray[np.float32] = ndimage.gaussian_filter(doubt, sigma, mode="constant") / np.maximum(weight, 1e-3)
    mean *= known
    return mean


def _closed(found: ReducedMap, visited: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Return where no place may begin: near labels and near places that were looked at."""
    closed: NDArray[np.bool_] = ndimage.maximum_filter(found.labelled, 2 * (_FROM_LABELS // found.stride) + 1)
    for row, column in visited:
        cell = Region(row // found.stride, column // found.stride, 1, 1)
        closed[_around(cell, found, _FROM_VISITS).slices] = True
    return closed


def _pairs(found: ReducedMap) -> NDArray[np.int32]:
    """Return the two classes of each cell as one number."""
    low, high = np.minimum(found.first, found.second), np.maximum(found.first, found.second)
    pairs: NDArray[np.int32] = low.astype(np.int32) * 256 + high
    return pairs


def _rarity(found: ReducedMap) -> NDArray[np.float32]:
    """Return what doubt between two classes counts, by the number of the pair.

    A pixel that is put right changes the IoU of a class by one part of its area: more, the rarer it is.
    """
    counts = np.bincount(found.first.ravel(), minlength=256)[:NOT_PREDICTED].astype(np.float64)
    share = np.append(counts / max(counts.sum(), 1), 1.0)
    weight = np.maximum(share, _RAREST) ** -_RARITY
    both = np.maximum(weight[:, None], weight[None, :])
    result: NDArray[np.float32] = (both / both.max()).ravel().astype(np.float32)
    return result


def _piece(
    doubt: NDArray[np.float32], pairs: NDArray[np.int32], cell: Region, stride: int
) -> tuple[Region, NDArray[np.bool_]]:
    """Return a box around a cell, and which cells in it are of one place with it."""
    at = cell.top, cell.left
    box = cell.grown(_REACH // stride).clipped(doubt.shape)
    alike = (pairs[box.slices] == pairs[at]) & (doubt[box.slices] >= _EDGE * doubt[at])
    areas, _ = ndimage.label(alike)
    return box, areas == areas[cell.top - box.top, cell.left - box.left]


def _place(
    found: ReducedMap,
    doubt: NDArray[np.float32],
    score: float,
    cell: Region,
    box: Region,
    inside: NDArray[np.bool_],
) -> Place | None:
    """Return a piece, with its least certain cell, as a place; None where it is too small for a stroke."""
    stride = found.stride
    pixels = int(inside.sum()) * stride**2
    if pixels < _LEAST_PIXELS:
        return None
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    cells = Region.from_bounds(
        box.top + int(rows[0]), box.left + int(columns[0]), box.top + int(rows[-1]) + 1, box.left + int(columns[-1]) + 1
    )
    row, column = (
        min(i * stride + stride // 2, size - 1) for i, size in zip((cell.top, cell.left), found.shape, strict=True)
    )
    classes = int(found.first[cell.top, cell.left]), int(found.second[cell.top, cell.left])
    mean = float(doubt[box.slices][inside].mean())
    return Place(cells.scaled(stride).clipped(found.shape), (row, column), classes, pixels, mean, score)
