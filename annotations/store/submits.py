"""What is handed to the writer's thread: copies of the chunks that changed, checked before they are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import UNLABELLED, check_labels
from annotations.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotations.region import Region
    from annotations.store.mask import SparseMask
    from annotations.store.strokes import Stroke

__all__ = ["Moment", "Piece", "Submit", "cut"]


@dataclass(frozen=True, slots=True)
class Piece:
    """What one submit changes in one chunk; None stands for all -1 or all 0, as most of a sparse submit is."""

    region: Region
    labels: NDArray[np.int8] | None
    strokes: NDArray[np.uint32] | None


@dataclass(frozen=True, slots=True, eq=False)
class Submit:
    """What is saved in one go: labels of a region, or the points, or both.

    Parameters
    ----------
    region : Region
        Where labels changed; empty where only points did.
    pieces : list of Piece
        By chunk.
    records : list of Stroke
        Strokes that are new in it.
    points : str, optional
        All points as JSON, where they changed.
    """

    region: Region
    pieces: list[Piece]
    records: list[Stroke]
    points: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A place between two submits, at which something is to be done with the files as they are then."""

    act: Callable[[], object]


def cut(region: Region, labels: NDArray[Any], strokes: NDArray[Any], mask: SparseMask) -> list[Piece]:
    """Copy labels and stroke numbers of a region chunk by chunk; what is not a class becomes unlabelled.

    Parameters
    ----------
    region : Region
        Inside the mask.
    labels, strokes : ndarray, region.shape
        -1 and 0 where unlabelled.
    mask : SparseMask
        Where they are to be written: its chunks, its classes.

    Raises
    ------
    LabelError
        None of the labels is a class.
    """
    pieces = []
    any_valid, strange = False, None
    for tile in region.tiles(mask.chunk):
        part = tile.intersection(region)
        local = part.within(region).slices
        checked, error = _checked(labels[local], mask)
        strange = error or strange
        empty = not (checked != UNLABELLED).any()
        any_valid |= not empty
        numbers = None if empty or not strokes[local].any() else strokes[local].astype(np.uint32, copy=True)
        if strange is not None and numbers is not None:
            numbers[checked == UNLABELLED] = 0
        pieces.append(Piece(part, None if empty else checked, numbers))
    if strange is not None and not any_valid:
        raise strange
    return pieces


def _checked(labels: NDArray[Any], mask: SparseMask) -> tuple[NDArray[np.int8], LabelError | None]:
    """Return labels as int8 without those that are not a class, and what is wrong with those."""
    n = len(mask.scheme)
    try:
        return check_labels(labels, n, str(mask.path)), None
    except LabelError as error:
        wrong = (labels < UNLABELLED) | (labels >= n)
        return check_labels(np.where(wrong, UNLABELLED, labels), n, ""), error
