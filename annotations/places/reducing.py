"""From a map and labels at full resolution to the few cells that places are looked for on: bounded, however large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.places.place import ReducedMap
from annotations.prediction.cells import CELL, any_in_cells, cells_shape, mean_of_cells, middle_of_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.prediction.doubt import Doubt

__all__ = ["reduced_map"]

_MOST_CELLS: Final = 1_500_000
_ROWS: Final = 512  # of full resolution at once


def reduced_map(
    prediction: NDArray[np.uint8], doubt: Doubt, labels: NDArray[Any], most_cells: int = _MOST_CELLS
) -> ReducedMap:
    """Return a map as `find_places` takes it.

    Parameters
    ----------
    prediction : ndarray of uint8, (H, W)
        Classes.
    doubt : Doubt
        About it.
    labels : ndarray of int8, (H, W)
        -1 = unlabelled.
    most_cells : int
        A larger map is halved until it has no more.
    """
    shape = prediction.shape[0], prediction.shape[1]
    stride = CELL
    while np.prod(cells_shape(shape, stride)) > most_cells:
        stride *= 2
    margin, first, second = doubt.margin, middle_of_cells(prediction), doubt.runner_up
    if stride > CELL:  # class and runner-up stay those of one pixel
        factor = stride // CELL
        margin = mean_of_cells(margin, factor)
        first, second = (middle_of_cells(values, factor) for values in (first, second))
    rows = _ROWS // stride * stride
    labelled = [any_in_cells(np.asarray(labels[top : top + rows]) >= 0, stride) for top in range(0, shape[0], rows)]
    return ReducedMap(stride, shape, margin, first, second, np.concatenate(labelled))
