"""A patch labelled as a person might, from its ground truth: some clicks or some strokes, the same for a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import UNLABELLED
from annotations.labels.shapes import disc
from annotations.simulation.sampling import paint_stroke, simulate_clicks, simulate_strokes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["click_mask", "scribble_mask", "spread_clicks"]


def spread_clicks(
    truth: NDArray[Any], count: int, seed: int, *, n_classes: int, margin: float = 4.0
) -> list[tuple[int, int, int]]:
    """Make `count` clicks in a patch, going round the classes that occur in it, in an order drawn anew each time.

    Parameters
    ----------
    truth : ndarray, (H, W)
        Class indices; other values are unknown.
    count : int
        Clicks altogether; fewer come back where the classes have not as many pixels.
    seed : int
        Of the random numbers; the same seed gives the same clicks.
    n_classes : int
        Number of classes; values of the truth from there on are unknown.
    margin : float
        A click lies at least this many pixels inside its class, where the class is that wide.

    Returns
    -------
    list of (row, column, label)
        In the order of clicking.
    """
    waiting: dict[int, list[tuple[int, int, int]]] = {}
    for click in simulate_clicks(truth, count, seed, n_classes=n_classes, margin=margin):
        waiting.setdefault(click[2], []).append(click)
    rng = np.random.default_rng([seed, n_classes])
    clicks: list[tuple[int, int, int]] = []
    while waiting and len(clicks) < count:
        for label in rng.permutation(sorted(waiting))[: count - len(clicks)]:
            clicks.append(waiting[int(label)].pop())
        waiting = {label: left for label, left in waiting.items() if left}
    return clicks


def click_mask(truth: NDArray[Any], count: int, seed: int, *, n_classes: int, radius: float = 3.0) -> NDArray[np.int8]:
    """Return the labels that `spread_clicks` leave: a disc each, as the viewer's points do.

    A disc is painted whole. Where a class is narrower than the disc it covers pixels of another, as a person's would;
    of two discs that meet the later one wins. Pixels whose truth is unknown stay unlabelled.

    Returns
    -------
    ndarray of int8, (H, W)
        -1 where nothing was clicked.
    """
    mask = np.full(truth.shape, UNLABELLED, np.int8)
    for row, column, label in spread_clicks(truth, count, seed, n_classes=n_classes, margin=radius + 1):
        region, inside = disc(truth.shape, row, column, radius)
        mask[region.slices][inside] = label
    mask[(truth < 0) | (truth >= n_classes)] = UNLABELLED
    return mask


def scribble_mask(truth: NDArray[Any], per_class: int, seed: int, *, n_classes: int) -> NDArray[np.int8]:
    """Return the labels that `per_class` strokes through each class that occurs leave; true ones, as drawn with care.

    Returns
    -------
    ndarray of int8, (H, W)
        -1 where nothing was drawn.
    """
    mask = np.full(truth.shape, UNLABELLED, np.int8)
    for stroke in simulate_strokes(truth, per_class, seed=seed, n_classes=n_classes):
        paint_stroke(mask, truth, stroke)
    return mask
