"""Labels of now beside those of a snapshot: what would change, class by class, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.classes import UNLABELLED
from annotations.labels.class_matching import Matched, match_classes
from annotations.region import Region
from annotations.store.sparse_memory import sparse_zeros

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.labels.restoring import Recorded

__all__ = ["BARE", "Comparison", "compare"]

BARE: Final = 255
"""In `Comparison.shown`: a label that would go."""
_TILE: Final = 512


@dataclass(frozen=True)
class Comparison:
    """What restoring a snapshot would do.

    Parameters
    ----------
    matched : Matched
        What its classes are now.
    now, then : tuple of int
        Labelled pixels of each class of `matched.scheme`.
    shown : ndarray of uint8, (H, W)
        Where labels would change: class + 1 that would be there, `BARE` for none; 0 where nothing changes.
    changed : int
        How many pixels that are.
    bounds : Region
        Around them.
    """

    matched: Matched
    now: tuple[int, ...]
    then: tuple[int, ...]
    shown: NDArray[np.uint8]
    changed: int
    bounds: Region


def compare(
    recorded: Recorded,
    labels: NDArray[np.int8],
    scheme: ClassScheme,
    cancelled: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Compare labels (H, W) of now, of classes `scheme`, with what a snapshot holds; somebody may draw meanwhile."""
    matched = match_classes(recorded.scheme, scheme, recorded.used)
    shown = sparse_zeros(labels.shape, np.uint8)
    now, then = np.zeros(256, np.int64), np.zeros(256, np.int64)
    changed, bounds = 0, Region(0, 0, 0, 0)
    for tile in Region.whole((labels.shape[0], labels.shape[1])).tiles(_TILE):
        part = tile.clipped(labels.shape)
        here, was = labels[part.slices].copy(), matched.labels(recorded.labels[part.slices])
        if cancelled():
            break
        if int(here.max()) == int(was.max()) == UNLABELLED:
            continue
        now += np.bincount(here.view(np.uint8).ravel(), minlength=256)
        then += np.bincount(np.ascontiguousarray(was).view(np.uint8).ravel(), minlength=256)
        differs = here != was
        if differs.any():
            shown[part.slices] = np.where(differs, np.where(was == UNLABELLED, BARE, was + 1), 0)
            changed += int(np.count_nonzero(differs))
            bounds = bounds.union(_bounds(differs, part))
    n = len(matched.scheme)
    return Comparison(matched, tuple(int(v) for v in now[:n]), tuple(int(v) for v in then[:n]), shown, changed, bounds)


def _bounds(differs: NDArray[np.bool_], part: Region) -> Region:
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    return Region.from_bounds(
        part.top + int(rows[0]),
        part.left + int(columns[0]),
        part.top + int(rows[-1]) + 1,
        part.left + int(columns[-1]) + 1,
    )
