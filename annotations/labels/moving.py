"""All labels of a class given to another class, or taken away: a change of pixels, and no other meaning of a value.

The classes stay as they are, and with them what every value on the disk means: whatever moment a kill finds, each pixel
has the label that it had or the one that it was to get. Where a step like this changed the classes as well, masks and
classes would have to be replaced in the same instant, and they lie in different files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotations.classes import UNLABELLED
from annotations.errors import LabelError
from annotations.labels.edits import Edit, coded, make_edit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["check_move", "move_tile"]


def check_move(label: int, to: int, n_classes: int) -> None:
    """Raise LabelError unless labels of a class can go to another one, or be taken away (-1)."""
    if not 0 <= label < n_classes or not UNLABELLED <= to < n_classes:
        raise LabelError(f"labels of class {label} cannot go to {to}: there are {n_classes} classes. Choose another.")
    if label == to:
        raise LabelError(f"labels of class {label} cannot go to the same class. Choose another.")


def move_tile(
    region: Region, label: int, to: int, arrays: tuple[NDArray[np.int8], NDArray[np.uint32], NDArray[np.uint8]]
) -> Edit | None:
    """Give the pixels of one class another label in a tile; return the edit, None where there were none.

    Stroke numbers stay, so that random and imported labels are still known as such; what loses its label has 0. What
    somebody is drawing at this moment, which no step holds yet, is left: it becomes the step after.

    Parameters
    ----------
    region : Region
        At most one tile of the journal's grid.
    label, to : int
        The class, and what its pixels get: another class, or -1.
    arrays : tuple of ndarray
        Labels, stroke numbers and the labels last seen (coded), (H, W); changed in place.
    """
    at = region.slices
    labels, strokes, seen = arrays[0][at], arrays[1][at], arrays[2][at]
    before, after = (coded(np.array([value], np.int8))[0] for value in (label, to))
    theirs = seen == before
    if not theirs.any():
        return None
    count, numbers = int(np.count_nonzero(theirs)), strokes[theirs]
    kept = np.zeros_like(numbers) if to == UNLABELLED else numbers
    edit = make_edit(region, theirs, np.full(count, before), np.full(count, after), numbers, kept)
    labels[theirs & (labels == label)] = to
    seen[theirs] = after
    strokes[theirs] = kept
    return edit
