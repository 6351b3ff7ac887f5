"""Labels taken from a ground truth: random pixels, and strokes and clicks as a person might make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from scipy import ndimage

from annotations.classes import UNLABELLED
from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SimulatedStroke", "paint_stroke", "random_mask", "simulate_clicks", "simulate_strokes", "stroke_from"]

_TURNS: Final = (0, 0.3, -0.3, 0.7, -0.7, 1.3, -1.3, 2.2, -2.2, 3.1)
_STRIP: Final = 512


def random_mask(
    truth: NDArray[Any],
    fraction: float,
    seed: int,
    *,
    n_classes: int,
    per_class: bool = False,
    per: Literal["known", "all"] = "known",
) -> NDArray[np.int8]:
    """Keep a random share of a ground truth's pixels, exact in count and the same for the same seed.

    Parameters
    ----------
    truth : ndarray of int8 or uint8, (H, W)
        Class indices; whatever is not in 0 .. n_classes - 1 (-1, 255) is unknown and never drawn.
    fraction : float
        0 to 1: round(fraction * N) pixels are kept.
    seed : int
        Of the random numbers; the same seed gives the same result.
    n_classes : int
        Number of classes; values of the truth from there on are unknown.
    per_class : bool
        Draw the share of each class by itself, and at least one pixel of each that occurs (unless the fraction is 0).
    per : {"known", "all"}
        N is the number of known pixels, or of all of them; never are more kept than are known. With `per_class` each
        class has the same part of N as of the known pixels.

    Returns
    -------
    ndarray of int8, (H, W)
        -1 where not drawn.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"a fraction lies between 0 and 1, not {fraction}")
    rng = np.random.default_rng(seed)
    mask = np.full(truth.shape, UNLABELLED, np.int8)
    counts = _strip_counts(truth, n_classes)
    known = int(counts.sum())
    share = fraction * (truth.size / known if per == "all" and known else 1)
    if not per_class:
        _draw(mask, truth, counts.sum(axis=1), min(round(share * known), known), (0, n_classes), rng)
        return mask
    for index in range(n_classes):
        of_class = int(counts[:, index].sum())
        count = min(round(share * of_class), of_class)
        if of_class and fraction > 0:
            count = max(count, 1)
        _draw(mask, truth, counts[:, index], count, (index, index + 1), rng)
    return mask


def _strip_counts(truth: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """Return how many pixels of each class each strip of rows has, (strips, n_classes)."""
    strips = range(0, truth.shape[0], _STRIP)
    counts = np.zeros((len(strips), n_classes), np.int64)
    for n, top in enumerate(strips):
        strip = truth[top : top + _STRIP]
        for index in range(n_classes):
            counts[n, index] = np.count_nonzero(strip == index)
    return counts


def _draw(
    mask: NDArray[np.int8],
    truth: NDArray[Any],
    counts: NDArray[np.int64],
    total: int,
    values: tuple[int, int],
    rng: np.random.Generator,
) -> None:
    """Copy `total` random pixels with values in the half-open range from truth to mask.

    How many fall into each strip is drawn first, then which: uniform over all subsets, as one draw over the image would
    be, without a permutation of all its pixels in memory.
    """
    if not total:
        return
    shares = rng.multivariate_hypergeometric(counts, total, method="marginals")
    for n, count in enumerate(shares):
        if not count:
            continue
        rows = slice(n * _STRIP, (n + 1) * _STRIP)
        strip = truth[rows]
        places = np.flatnonzero((strip >= values[0]) & (strip < values[1]))
        chosen = np.unravel_index(rng.choice(places, int(count), replace=False, shuffle=False), strip.shape)
        mask[rows][chosen] = strip[chosen].astype(np.int8)


@dataclass(frozen=True)
class SimulatedStroke:
    """A stroke that somebody might have drawn.

    Parameters
    ----------
    label : int
        Class index.
    path : ndarray of float, (N, 2)
        Rows and columns of the brush, one or two pixels apart.
    width : int
        Side of the square brush in pixels.
    """

    label: int
    path: NDArray[np.float64]
    width: int


def simulate_strokes(
    truth: NDArray[Any], per_class: int = 6, *, steps: int = 80, width: int = 5, seed: int = 0, n_classes: int = 5
) -> list[SimulatedStroke]:
    """Walk through each class of a ground truth as a person draws: starting well inside, turning to stay inside.

    Parameters
    ----------
    truth : ndarray, (H, W)
        Class indices; other values are unknown.
    per_class : int
        Strokes for each class that occurs.
    steps : int
        Steps of two pixels a stroke has at most.
    width : int
        Side of the brush in pixels.
    seed : int
        Of the random numbers; the same seed gives the same result.
    n_classes : int
        Number of classes; values of the truth from there on are unknown.

    Returns
    -------
    list of SimulatedStroke
        By class, in the order of drawing; paint them with `paint_stroke`.
    """
    rng = np.random.default_rng(seed)
    strokes = []
    for label in range(n_classes):
        inside = truth == label
        if not inside.any():
            continue
        distance = ndimage.distance_transform_edt(inside)
        deep = float(min(width / 2 + 1, np.percentile(distance[inside], 90)))
        rows, columns = np.nonzero(distance >= deep)
        for _ in range(per_class):
            path = _walk(distance, (rows, columns), deep, steps, rng)
            strokes.append(SimulatedStroke(label, path, width))
    return strokes


def _walk(
    distance: NDArray[Any],
    starts: tuple[NDArray[Any], NDArray[Any]],
    deep: float,
    steps: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    start = rng.integers(len(starts[0]))
    return _walk_from(distance, (float(starts[0][start]), float(starts[1][start])), min(deep, 2), steps, rng)


def _walk_from(
    distance: NDArray[Any], start: tuple[float, float], least: float, steps: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    height, width = distance.shape
    y, x = start
    angle = rng.uniform(0, 2 * np.pi)
    path = []
    for _ in range(steps):
        path.append((y, x))
        for turn in _TURNS:
            ny, nx = y + 2 * np.sin(angle + turn), x + 2 * np.cos(angle + turn)
            if not (0 <= ny < height - 1 and 0 <= nx < width - 1):
                continue
            if distance[round(float(ny)), round(float(nx))] >= least:
                y, x, angle = ny, nx, angle + turn + rng.normal(0, 0.1)
                break
        else:
            break
    return np.array(path, np.float64).reshape(-1, 2)


def stroke_from(
    depth: NDArray[Any],
    start: tuple[int, int],
    label: int,
    rng: np.random.Generator,
    *,
    steps: int = 80,
    width: int = 5,
) -> SimulatedStroke:
    """Walk from a given pixel, turning to stay inside its class.

    Parameters
    ----------
    depth : ndarray, (H, W)
        Distance in pixels to the border of the class; 0 outside it.
    start : tuple of int
        Row and column, inside the class.
    label : int
        Class index.
    rng : numpy.random.Generator
        Source of chance.
    steps, width : int
        As for `simulate_strokes`.
    """
    path = _walk_from(depth, (float(start[0]), float(start[1])), min(2.0, float(depth[start])), steps, rng)
    return SimulatedStroke(label, path, width)


def paint_stroke(mask: NDArray[np.int8], truth: NDArray[Any] | None, stroke: SimulatedStroke) -> Region:
    """Paint a stroke into a mask with a square brush.

    Parameters
    ----------
    mask : ndarray of int8, (H, W)
        Changed in place.
    truth : ndarray, (H, W), optional
        Paint only where it agrees with the stroke, as a careful person would.
    stroke : SimulatedStroke
        From `simulate_strokes`.

    Returns
    -------
    Region
        What the brush went over, inside the mask.
    """
    half = stroke.width // 2
    touched = Region(0, 0, 0, 0)
    for row, column in np.rint(stroke.path).astype(int):
        patch = Region(int(row) - half, int(column) - half, 2 * half + 1, 2 * half + 1).clipped(mask.shape)
        view = mask[patch.slices]
        if truth is None:
            view[...] = stroke.label
        else:
            view[truth[patch.slices] == stroke.label] = stroke.label
        touched = touched.union(patch)
    return touched


def simulate_clicks(
    truth: NDArray[Any], per_class: int, seed: int, *, n_classes: int = 5, margin: float = 2.0
) -> list[tuple[int, int, int]]:
    """Click at random places of each class, at least `margin` pixels inside it where the class is that wide.

    Returns
    -------
    list of (row, column, label)
        By class, all different; fewer than `per_class` where a class has fewer such pixels.
    """
    rng = np.random.default_rng(seed)
    clicks = []
    for label in range(n_classes):
        inside = truth == label
        if not inside.any():
            continue
        distance = ndimage.distance_transform_edt(inside)
        places = np.flatnonzero(distance >= min(margin, float(distance.max())))
        for place in rng.choice(places, min(per_class, len(places)), replace=False):
            row, column = np.unravel_index(int(place), truth.shape)
            clicks.append((int(row), int(column), label))
    return clicks
