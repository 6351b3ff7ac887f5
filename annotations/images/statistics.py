"""Mean and spread of an orthophoto's bands, for a network that starts from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from annotations.images.orthophoto import Orthophoto

__all__ = ["band_statistics"]

_SIDE: Final = 1024
_TINY: Final = 1e-6
_ENORMOUS: Final = 1e30


def band_statistics(ortho: Orthophoto) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each band over the valid pixels of a thumbnail.

    Returns
    -------
    mean, std : tuple of float
        One value a band, in the image's own units. The std is never below 1e-6, so that it can divide; an image without
        a valid pixel has mean 0 and std 1, and so has a band of which no value is finite.
    """
    pixels, valid = ortho.thumbnail(_SIDE)
    known = pixels[valid].astype(np.float64)
    if not known.size:
        return (0.0,) * ortho.bands, (1.0,) * ortho.bands
    # A pixel counts as valid while one of its bands is: the others may be infinite, or not a number.
    bands = [band[np.isfinite(band)] for band in known.T]
    # Values at the end of what float64 holds would overflow when they are squared.
    bands = [band[np.abs(band) < _ENORMOUS] for band in bands]
    mean = tuple(float(band.mean()) if band.size else 0.0 for band in bands)
    std = tuple(max(float(band.std()), _TINY) if band.size else 1.0 for band in bands)
    return mean, std
