"""The fill tool, kept to what is in view.

napari's own fill floods the whole plane: on unlabelled ground of a large orthophoto that is everything, and takes
seconds in which nothing else happens. Nobody means to label what they do not see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.segmentation import flood

from annotations.classes import UNLABELLED
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

__all__ = ["fill_in_view", "flooded"]

_LARGEST_SIDE = 2048


def flooded(
    labels: NDArray[np.int8], row: int, column: int, view: Region, *, contiguous: bool = True
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


def fill_in_view(layer: Labels, view: Callable[[], Region]) -> None:
    """Replace the layer's fill by one that stays within the view, and can be undone like any other."""

    def fill(coord: Sequence[float], new_label: int, refresh: bool = True) -> None:
        row, column = (round(float(c)) for c in coord[-2:])
        if not Region.whole(layer.data.shape).contains(Region(row, column, 1, 1)):
            return
        old = int(layer.data[row, column])
        if old == new_label or (layer.preserve_labels and old != UNLABELLED):
            return
        rows, columns = flooded(layer.data, row, column, view(), contiguous=bool(layer.contiguous))
        if len(rows):
            layer.data_setitem((rows, columns), new_label, refresh)

    layer.fill = fill
