"""The fill tool, kept to what is in view.

napari's own fill floods the whole plane: on unlabelled ground of a large orthophoto that is everything, and takes
seconds in which nothing else happens. Nobody means to label what they do not see. Nor does anybody mean to label all
of it: where nothing is labelled yet, the patch that is filled is the one that the map shows under the pointer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.segmentation import flood

from annotations.classes import NOT_PREDICTED, UNLABELLED
from annotations.labels.points import inside_image
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

__all__ = ["LARGEST_FILL", "fill_in_view", "fill_places", "flooded"]

LARGEST_FILL = 250_000
"""Pixels of unlabelled ground that one click may label; more is seldom meant."""

_LARGEST_SIDE = 2048


def flooded(
    labels: NDArray[Any], row: int, column: int, view: Region, *, contiguous: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of the patch of equal labels around a pixel, as far as it is in view.

    Parameters
    ----------
    labels : ndarray of int8, shape (H, W)
        The labels.
    row, column : int
        The pixel; outside the view there is nothing to fill.
    view : Region
        What is in view; at most 2048 pixels around the pixel count.
    contiguous : bool
        Whether only pixels connected with it, by their edges, belong to the patch.
    """
    around = Region(row - _LARGEST_SIDE // 2, column - _LARGEST_SIDE // 2, _LARGEST_SIDE, _LARGEST_SIDE)
    area = view.intersection(around).clipped(labels.shape)
    if not area.contains(Region(row, column, 1, 1)):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    part = labels[area.slices]
    seed = (row - area.top, column - area.left)
    mask = flood(part, seed, connectivity=1) if contiguous else part == part[seed]
    rows, columns = np.nonzero(mask)
    return rows + area.top, columns + area.left


def fill_places(
    labels: NDArray[np.int8],
    prediction: NDArray[np.uint8] | None,
    row: int,
    column: int,
    view: Region,
    *,
    contiguous: bool = True,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of what a fill at a pixel means.

    A patch of one label is filled whole. Of unlabelled ground it is the patch of one predicted class, as far as nothing
    in it is labelled; where nothing is predicted, the unlabelled patch.

    Parameters
    ----------
    labels : ndarray of int8, shape (H, W)
        The labels, -1 where there is none.
    prediction : ndarray of uint8, shape (H, W), optional
        The map that is shown, 255 where nothing is predicted.
    row, column : int
        The pixel that was clicked; outside the view there is nothing to fill.
    view : Region
        What is in view; at most 2048 pixels around the pixel count.
    contiguous : bool
        Whether only pixels connected with it, by their edges, belong to the patch.
    """
    if labels[row, column] != UNLABELLED or prediction is None or prediction[row, column] == NOT_PREDICTED:
        return flooded(labels, row, column, view, contiguous=contiguous)
    around = view.intersection(
        Region(row - _LARGEST_SIDE // 2, column - _LARGEST_SIDE // 2, _LARGEST_SIDE, _LARGEST_SIDE)
    ).clipped(labels.shape)
    if not around.contains(Region(row, column, 1, 1)):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    free = np.where(labels[around.slices] == UNLABELLED, prediction[around.slices], NOT_PREDICTED)
    local = Region(0, 0, *around.shape)
    rows, columns = flooded(free, row - around.top, column - around.left, local, contiguous=contiguous)
    return rows + around.top, columns + around.left


def fill_in_view(
    layer: Labels,
    view: Callable[[], Region],
    prediction: NDArray[np.uint8] | None = None,
    tell: Callable[[str], object] = lambda text: None,
    take_back: Callable[[str], object] = lambda text: None,
) -> None:
    """Replace the layer's fill by one that stays within the view, and can be undone like any other.

    Parameters
    ----------
    layer : napari.layers.Labels
        The labels.
    view : callable
        Returns what is in view.
    prediction : ndarray of uint8, optional
        The map shown, 255 where there is none.
    tell : callable(str)
        Told why nothing was filled.
    take_back : callable(str)
        Told what was said before, once something is filled.
    """
    said = ""

    def fill(coord: Sequence[float], new_label: int, refresh: bool = True) -> None:
        nonlocal said
        place = [float(c) for c in coord[-2:]]
        if not inside_image(layer.data.shape, *place):
            return
        row, column = (math.floor(c + 0.5) for c in place)
        old = int(layer.data[row, column])
        if old == new_label or (layer.preserve_labels and old != UNLABELLED):
            return
        rows, columns = fill_places(layer.data, prediction, row, column, view(), contiguous=bool(layer.contiguous))
        if old == UNLABELLED and len(rows) > LARGEST_FILL:
            take_back(said)
            said = (
                f"Nothing was filled: this patch of unlabelled ground has {len(rows):,} pixels in view, more than "
                f"{LARGEST_FILL:,}. Zoom in, draw its outline first, or use the polygon."
            )
            tell(said)
            return
        if len(rows):
            take_back(said)
            layer.data_setitem((rows, columns), new_label, refresh)

    layer.fill = fill
