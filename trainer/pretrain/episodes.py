"""An episode: a few strokes of some classes of a crop, and other pixels that are to be told apart from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_CLASSES", "Episode", "draw_episode", "kinds_of_colour"]

MOST_CLASSES: Final = 6
"""Of an episode."""

_LEAST: Final = 120  # pixels of a class in a crop, for it to take part
_SPLIT, _MERGE, _DROP = 0.35, 0.25, 0.15  # chances
_REACH: Final = 60  # steps of a pixel that a stroke has at most


@dataclass(frozen=True, eq=False)
class Episode:
    """Where there are labels, and where there are questions.

    Parameters
    ----------
    places : ndarray of int64, (N, 2)
        Rows and columns of labelled pixels, the same number for each class but for 1; some may occur twice.
    labels : ndarray of int64, (N,)
        Their classes in the episode, 0 to MOST_CLASSES - 1.
    asked : ndarray of int64, (M, 2)
        Rows and columns of other pixels, as many of each class but for 1.
    answers : ndarray of int64, (M,)
        Their classes in the episode.
    """

    places: NDArray[np.int64]
    labels: NDArray[np.int64]
    asked: NDArray[np.int64]
    answers: NDArray[np.int64]


def kinds_of_colour(
    colours: NDArray[np.float32], inside: NDArray[np.bool_], number: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Sort pixels into kinds of smoothed colour (k-means).

    Parameters
    ----------
    colours : ndarray of float32, (H, W, 3)
        Of 0 to 1.
    inside : ndarray of bool, (H, W)
        Which pixels; at least one.
    number : int
        Of kinds.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ndarray of int8, (H, W)
        0 to number - 1; -1 outside.
    """
    smooth = ndimage.gaussian_filter(colours, (*(rng.uniform(1, 4),) * 2, 0))
    points = smooth[inside]
    some = points[rng.integers(len(points), size=600)]
    centres = some[:number].copy()
    for _ in range(8):
        nearest = ((some[:, None] - centres) ** 2).sum(-1).argmin(1)
        for k in range(number):
            if (nearest == k).any():
                centres[k] = some[nearest == k].mean(0)
    result = np.full(inside.shape, -1, np.int8)
    result[inside] = ((points[:, None] - centres) ** 2).sum(-1).argmin(1)
    return result


def draw_episode(
    truth: NDArray[np.int8],
    colours: NDArray[np.float32],
    n_labels: int,
    n_asked: int,
    rng: np.random.Generator,
) -> Episode | None:
    """Draw an episode of a crop; None where nothing in it can be told apart.

    Parameters
    ----------
    truth : ndarray of int8, (H, W)
        Classes; -1 where unknown.
    colours : ndarray of float32, (H, W, 3)
        Of 0 to 1: a class may be split by them, and where there are not two classes, they make some.
    n_labels, n_asked : int
        Labelled pixels and questions, of all classes together.
    rng : numpy.random.Generator
        Source of chance.
    """
    kinds = _classes(truth, colours, rng)
    present = [k for k in range(int(kinds.max()) + 1) if (kinds == k).sum() >= _LEAST]
    present = [int(k) for k in rng.permutation(present)[:MOST_CLASSES]]
    if len(present) < 2:
        return None
    labels, answers = (np.arange(n, dtype=np.int64) % len(present) for n in (n_labels, n_asked))
    places, asked = np.empty((n_labels, 2), np.int64), np.empty((n_asked, 2), np.int64)
    for number, kind in enumerate(present):
        inside = kinds == kind
        drawn = _strokes(inside, int(rng.integers(1, 6)), rng)
        own = labels == number
        places[own] = drawn[rng.integers(len(drawn), size=int(own.sum()))]
        others = np.argwhere(inside)
        own = answers == number
        asked[own] = others[rng.integers(len(others), size=int(own.sum()))]
    return Episode(places, labels, asked, answers)


def _classes(truth: NDArray[np.int8], colours: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int8]:
    """Return the truth with classes merged, dropped and split at random; classes of colours where there is only one."""
    kinds = truth.copy()
    present = [int(k) for k in np.unique(truth[truth >= 0]) if (truth == k).sum() >= _LEAST]
    if len(present) < 2:
        inside = truth == present[0] if present else np.ones(truth.shape, bool)
        return kinds_of_colour(colours, inside, int(rng.integers(2, 5)), rng)
    present = [int(k) for k in rng.permutation(present)]
    if len(present) > 2 and rng.random() < _MERGE:
        kinds[kinds == present.pop()] = present[0]
    if len(present) > 2 and rng.random() < _DROP:
        kinds[kinds == present.pop()] = -1
    if rng.random() < _SPLIT:
        inside = kinds == present[0]
        parts = kinds_of_colour(colours, inside, 2, rng)
        kinds[parts == 1] = int(kinds.max()) + 1
    return kinds


def _strokes(inside: NDArray[np.bool_], number: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the pixels (N, 2) of strokes and dots that stay inside a class; at least one."""
    deep = ndimage.binary_erosion(inside, iterations=int(rng.integers(1, 4)))
    starts = np.argwhere(deep if deep.any() else inside)
    starts = starts[rng.integers(len(starts), size=number)]
    lengths = rng.choice([4, _REACH], size=number) * rng.uniform(0.2, 1, number)
    angle = rng.uniform(0, 2 * np.pi, (number, 1)) + rng.normal(0, 0.12, (number, _REACH)).cumsum(1)
    steps = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    steps[:, 0] = 0
    paths = np.rint(starts[:, None] + steps.cumsum(1)).astype(np.int64)
    limit = np.array(inside.shape) - 1
    within = ((paths >= 0) & (paths <= limit)).all(-1)
    clipped = paths.clip(0, limit)
    kept = np.logical_and.accumulate(within & inside[clipped[..., 0], clipped[..., 1]], axis=1)
    kept &= np.arange(_REACH) < lengths[:, None]
    kept[:, 0] = True  # the start itself is inside
    path = clipped[kept]
    brushed = (path[:, None] + rng.integers(-2, 3, (len(path), 3, 2))).reshape(-1, 2).clip(0, limit)
    return np.concatenate([path, brushed[inside[brushed[:, 0], brushed[:, 1]]]])
