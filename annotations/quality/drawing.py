"""Points drawn by chance for a person to look at: so many from each class of the map, each pixel of it as likely.

Strata are the classes of the map. By chance alone a class that covers a hundredth of the map gets none of fifty points;
in proportion to the square root of its area, and at the least five, it gets enough to be told of, and common ones,
which weigh most in the overall accuracy, still get most. What lost: as many points for each class, which makes the
overall accuracy of a map with a rare class much less certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.classes import NOT_PREDICTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Drawn", "draw_points", "points_per_class"]

_LEAST: Final = 5
_CHUNK: Final = 4_000_000  # pixels of the map that are looked at together


@dataclass(frozen=True, slots=True)
class Drawn:
    """Points drawn from a map.

    Parameters
    ----------
    pixels : ndarray of int64, shape (n_classes,)
        How many pixels each class of the map had.
    places : ndarray of int64, shape (n, 2)
        Rows and columns, in the order in which they are to be looked at: by chance too, so that what was looked at
        so far is a sample as well.
    strata : ndarray of int64, shape (n,)
        The class that the map had there.
    """

    pixels: NDArray[np.int64]
    places: NDArray[np.int64]
    strata: NDArray[np.int64]


def points_per_class(pixels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return how many of `n` points each class gets.

    Parameters
    ----------
    pixels : ndarray of int64, shape (k,)
        Pixels of each class in the map.
    n : int
        Points in all, at least 1.

    Returns
    -------
    ndarray of int64, shape (k,)
        Never more than there are pixels; the sum is `n`, or all pixels where there are fewer. Where `n` is too small
        for five points of each class that occurs, all get about the same.
    """
    pixels = np.asarray(pixels, np.int64)
    n = min(n, int(pixels.sum()))
    present = pixels > 0
    least = min(_LEAST, n // max(int(present.sum()), 1))
    given = np.minimum(np.where(present, least, 0), pixels)
    weights = np.sqrt(pixels.astype(np.float64))
    while (missing := n - int(given.sum())) > 0:
        # To the class that is furthest behind its share: whole points, and no class above what it has.
        behind = np.where(given < pixels, n * weights / weights.sum() - given, -np.inf)
        for index in np.argsort(-behind, kind="stable")[:missing]:
            if behind[index] > -np.inf and (behind[index] > 0 or index == behind.argmax()):
                given[index] += 1
    return given


def draw_points(
    prediction: NDArray[np.uint8], n_classes: int, n: int, seed: int, cancelled: Callable[[], bool] = lambda: False
) -> Drawn:
    """Draw points from a map, by class.

    The map is read once and in parts, so that one that is being made may change meanwhile.

    Parameters
    ----------
    prediction : ndarray of uint8, shape (H, W)
        Class indices; 255 where there is none, where no point is drawn.
    n_classes : int
        Number of classes; values above are passed over.
    n : int
        Points in all.
    seed : int
        The same map and seed give the same points.
    cancelled : callable
        Asked between parts; no points are drawn once it says so.
    """
    rng = np.random.default_rng(seed)
    pixels = np.zeros(n_classes, np.int64)
    kept: list[NDArray[np.int64]] = [np.empty(0, np.int64) for _ in range(n_classes)]
    height, width = prediction.shape
    rows = max(_CHUNK // max(width, 1), 1)
    for top in range(0, height, rows):
        if cancelled():
            return Drawn(pixels, np.empty((0, 2), np.int64), np.empty(0, np.int64))
        part = np.array(prediction[top : top + rows]).ravel()
        counts = np.bincount(part, minlength=NOT_PREDICTED + 1)
        for index in np.flatnonzero(counts[:n_classes]):
            found = np.flatnonzero(part == index) + top * width
            kept[index] = _merged(kept[index], int(pixels[index]), found, n, rng)
            pixels[index] += len(found)
    given = points_per_class(pixels, n) if pixels.any() else pixels
    flat = np.concatenate([rng.permutation(k)[:g] for k, g in zip(kept, given, strict=True)]).astype(np.int64)
    strata = np.repeat(np.arange(n_classes), given)
    order = rng.permutation(len(flat))
    places = np.stack(np.divmod(flat[order], max(width, 1)), axis=1)
    return Drawn(pixels, places, strata[order])


def _merged(
    kept: NDArray[np.int64], seen: int, found: NDArray[np.int64], most: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return a sample of at most `most` of all pixels, of which `kept` is one of the `seen` first ones."""
    size = min(most, seen + len(found))
    new = int(rng.hypergeometric(len(found), seen, size)) if seen else size
    old = rng.choice(kept, size - new, replace=False) if size > new else kept[:0]
    return np.concatenate([old, rng.choice(found, new, replace=False)])
