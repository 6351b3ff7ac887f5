"""One act of labelling as the journal remembers it: which pixels, and what they held before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["Edit", "coded", "make_edit"]

_PROBE: Final = 32


def coded(labels: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return labels as the journal keeps them: 0 for unlabelled, 255 - index for a class (all bits turned)."""
    return np.invert(labels).view(np.uint8)


@dataclass(slots=True)
class Edit:
    """Pixels and their values before and after; a value that all share is kept once.

    Parameters
    ----------
    region : Region
        The tight bounds.
    packed : ndarray
        Flat places within the region: uint32, or a bitmap of uint8 where that is smaller.
    old, new : int or ndarray of uint8
        Labels before and after, as `coded`.
    old_strokes, new_strokes : int or ndarray of uint32
        Stroke numbers before and after.
    probe : tuple of ndarray
        Rows, columns, `old` and `new` of a few pixels: most edits that do not fit are seen from them.
    """

    region: Region
    packed: NDArray[Any]
    old: int | NDArray[np.uint8]
    new: int | NDArray[np.uint8]
    old_strokes: int | NDArray[np.uint32]
    new_strokes: int | NDArray[np.uint32]
    probe: tuple[NDArray[Any], ...]

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        values = (self.packed, self.old, self.new, self.old_strokes, self.new_strokes)
        return sum(v.nbytes for v in values if isinstance(v, np.ndarray))

    def places(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return rows and columns in the image."""
        if self.packed.dtype == np.uint8:
            area = self.region.height * self.region.width
            flat = np.flatnonzero(np.unpackbits(self.packed, count=area))
        else:
            flat = self.packed.astype(np.int64)
        rows, columns = np.divmod(flat, self.region.width)
        return rows + self.region.top, columns + self.region.left

    def leads(self, labels: NDArray[np.int8], shadow: NDArray[np.uint8], *, back: bool) -> bool:
        """Whether the live labels are those before (`back`) or after the edit, and some changed to become so."""
        rows, columns, old, new = self.probe
        if (coded(labels[rows, columns]) != (old if back else new)).any():
            return False
        places = self.places()
        live = coded(labels[places])
        return bool((live == (self.old if back else self.new)).all() and (live != shadow[places]).any())


def make_edit(
    region: Region,
    changed: NDArray[np.bool_],
    old: NDArray[np.uint8],
    new: NDArray[np.uint8],
    old_strokes: NDArray[np.uint32],
    new_strokes: NDArray[np.uint32],
) -> Edit:
    """Make an edit from the changed pixels of a region (a bool array of its shape) and their values in that order."""
    flat = np.flatnonzero(changed)
    packed = np.packbits(changed) if changed.size // 8 < 4 * len(flat) else flat.astype(np.uint32)
    few = slice(None, None, max(1, len(flat) // _PROBE))
    rows, columns = np.divmod(flat[few], region.width)
    # Copies: a slice would keep all of them alive.
    probe = rows + region.top, columns + region.left, old[few].copy(), new[few].copy()
    return Edit(region, packed, _once(old), _once(new), _once(old_strokes), _once(new_strokes), probe)


def _once(values: NDArray[Any]) -> Any:
    return int(values[0]) if (values == values[0]).all() else values
