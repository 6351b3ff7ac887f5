"""One act of labelling as the journal remembers it: which pixels, and what they held before and after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["TILE", "Edit", "Step", "coded", "decoded", "make_edit"]

TILE: Final = 512
"""Side of the grid along which an edit is cut: what is undone at once stays in the processor's cache."""


def coded(labels: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return labels as the journal keeps them: 0 for unlabelled, 255 - index for a class (all bits turned)."""
    return np.invert(labels).view(np.uint8)


def decoded(codes: int | NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return the labels that `coded` made codes of; an array of no dimension for a single code."""
    return np.invert(np.asarray(codes, np.uint8)).view(np.int8)


@dataclass(slots=True)
class Edit:
    """Pixels of one tile of the grid and their values before and after; a value that all share is kept once.

    Parameters
    ----------
    region : Region
        The tight bounds.
    packed : ndarray or None
        Flat places within the region: uint32, or a bitmap of uint8 where that is smaller; None where all changed.
    old, new : int or ndarray of uint8
        Labels before and after, as `coded`.
    old_strokes, new_strokes : int or ndarray of uint32
        Stroke numbers before and after.
    """

    region: Region
    packed: NDArray[Any] | None
    old: int | NDArray[np.uint8]
    new: int | NDArray[np.uint8]
    old_strokes: int | NDArray[np.uint32]
    new_strokes: int | NDArray[np.uint32]

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        values = (self.packed, self.old, self.new, self.old_strokes, self.new_strokes)
        return 200 + sum(v.nbytes for v in values if isinstance(v, np.ndarray))

    @property
    def count(self) -> int:
        """How many pixels changed."""
        if self.packed is None:
            return self.region.height * self.region.width
        bits = self.packed.dtype == np.uint8
        return int(np.bitwise_count(self.packed).sum()) if bits else len(self.packed)

    def write(
        self, labels: NDArray[np.int8], strokes: NDArray[np.uint32], shadow: NDArray[np.uint8], *, back: bool
    ) -> None:
        """Write what was there before (`back`) or after the edit into all three arrays."""
        codes, numbers = (self.old, self.old_strokes) if back else (self.new, self.new_strokes)
        where: Any = ...
        mask = None
        if self.packed is not None and self.packed.dtype == np.uint8:
            area = self.region.height * self.region.width
            where = mask = np.unpackbits(self.packed, count=area).view(bool).reshape(self.region.shape)
        elif self.packed is not None:
            where = np.divmod(self.packed, np.uint32(self.region.width))
        place = self.region.slices
        for array, values in ((shadow, codes), (labels, decoded(codes)), (strokes, numbers)):
            window = array[place]
            if np.ndim(values) and self.packed is None:
                window[...] = np.reshape(values, self.region.shape)
            elif mask is not None and not np.ndim(values):
                _blend(window, np.asarray(values, window.dtype), mask)
            else:
                window[where] = values


@dataclass(slots=True)
class Step:
    """What one undo takes back: pixels, and whatever else changed with them.

    Parameters
    ----------
    edits : sequence of Edit
        No two of them share a pixel.
    extra : object
        Of the journal's owner: what else changed.

    Attributes
    ----------
    region : Region
        The bounds of all edits; empty where no pixel changed.
    size : int
        Bytes that the edits hold, about.
    """

    edits: Sequence[Edit]
    extra: Any = None
    region: Region = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        """Add up the bounds and the bytes of the edits."""
        self.region, self.size = Region(0, 0, 0, 0), 200
        for edit in self.edits:
            self.region = self.region.union(edit.region)
            self.size += edit.size


def make_edit(
    region: Region,
    changed: NDArray[np.bool_],
    old: NDArray[np.uint8],
    new: NDArray[np.uint8],
    old_strokes: NDArray[np.uint32],
    new_strokes: NDArray[np.uint32],
) -> Edit:
    """Make an edit from the changed pixels of a region (a bool array of its shape) and their values in that order."""
    packed: NDArray[Any] | None = None
    if len(old) < changed.size:
        packed = np.packbits(changed) if changed.size // 8 < 4 * len(old) else np.flatnonzero(changed).astype(np.uint32)
    return Edit(region, packed, _once(old), _once(new), _once(old_strokes), _once(new_strokes))


def _blend(window: NDArray[Any], value: NDArray[Any], mask: NDArray[np.bool_]) -> None:
    """Put one value where a mask is set: without a branch, since scattered pixels are what branches are slow for."""
    change = np.bitwise_xor(window, value)
    change &= np.negative(mask.astype(window.dtype))  # all bits, or none
    window ^= change


def _once(values: NDArray[Any]) -> Any:
    return int(values[0]) if (values == values[0]).all() else values
