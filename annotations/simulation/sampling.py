"""Labels taken from a ground truth as a person might make them: strokes and clicks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import ndimage

from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SimulatedStroke", "paint_stroke", "simulate_clicks", "simulate_strokes", "stroke_from"]

_TURNS: Final = (0, 0.3, -0.3, 0.7, -0.7, 1.3, -1.3, 2.2, -2.2, 3.1)


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
