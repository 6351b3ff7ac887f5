"""Values that stand for missing data: those a file declares, and those that cannot be anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["find_fill_values", "missing", "unmistakable", "without_data"]

_ENORMOUS: Final = 1e19
"""No sensor measures that: what lies beyond is a fill value (-3.4e38, 1e20, 9.97e36) or damage."""
_FILL_VALUES: Final = (-9999.0, -99999.0, -999999.0, -32768.0, -32767.0, -2147483648.0, -2147483647.0, -999.0)


def unmistakable(value: float) -> bool:
    """Whether a declared nodata value means missing data wherever a single band has it.

    0 or 255 are ordinary values of a dark or bright band, and count only where all bands have them.
    """
    return value in _FILL_VALUES or abs(value) >= _ENORMOUS


def find_fill_values(pixels: NDArray[Any], known: NDArray[np.bool_]) -> tuple[float, ...]:
    """Return fill values that stand in an image although it does not declare them.

    Parameters
    ----------
    pixels : ndarray, (n, bands)
        A sample.
    known : ndarray of bool, (n,)
        Which of it is not missing for another reason.

    Returns
    -------
    tuple of float
        Those of the usual fill values that lie further below a band's other values than these spread. Values that are
        not finite or enormous need no search: they are always missing.
    """
    if pixels.dtype.kind not in "if":
        return ()
    found = set()
    for band in np.moveaxis(pixels[known], -1, 0):
        values = band[np.isfinite(band) & (np.abs(band.astype(np.float64)) < _ENORMOUS)].astype(np.float64)
        candidates = np.isin(values, _FILL_VALUES)
        others = values[~candidates]
        if not candidates.any() or not others.size:
            continue
        low, high = float(others.min()), float(others.max())
        found |= {float(v) for v in np.unique(values[candidates]) if low - v > high - low}
    return tuple(sorted(found))


def without_data(pixels: NDArray[Any], values: Sequence[float] = ()) -> NDArray[np.bool_] | None:
    """Return (h, w, bands): True where a value is not finite, enormous, or one of these; None where none can be."""
    result: NDArray[np.bool_] | None = None
    if pixels.dtype.kind == "f":
        # A comparison with NaN is False: one pass finds NaN, infinities and fill values.
        limit = min(_ENORMOUS, float(np.finfo(pixels.dtype).max))
        result = ~(np.abs(pixels) < limit)
    for value in values:
        equal: NDArray[np.bool_] = pixels == _as_stored(value, pixels.dtype)
        result = equal if result is None else result | equal
    return result


def missing(pixels: NDArray[Any], nodata: Sequence[float | None], extra: Sequence[float]) -> NDArray[np.bool_] | None:
    """Return (h, w): True where an image has no data; None where it has everywhere.

    Parameters
    ----------
    pixels : ndarray, (h, w, bands)
        As they are in the file.
    nodata : sequence of float or None
        What the file declares for each band.
    extra : sequence of float
        Further values, for all bands.
    """
    result: NDArray[np.bool_] | None = None
    single = without_data(pixels)
    if single is not None:
        result = np.asarray(single.any(axis=2))
    for value in sorted({v for v in (*nodata, *extra) if v is not None and np.isfinite(v)}):
        bands = [b for b, own in enumerate(nodata) if value in (own, *extra)]
        equal = pixels[..., bands] == _as_stored(value, pixels.dtype)
        if unmistakable(value):
            here: NDArray[np.bool_] = np.asarray(equal.any(axis=2))
        elif len(bands) == pixels.shape[2]:
            here = np.asarray(equal.all(axis=2))
        else:
            continue  # declared by some bands only, and ordinary: the other bands have data
        result = here if result is None else result | here
    return result


def _as_stored(value: float, dtype: np.dtype[Any]) -> Any:
    """Return a value as an array of this type would hold it: -3.4028234663852886e38 of a float32, say."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return dtype.type(value)
    return value
