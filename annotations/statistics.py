"""Mean and spread of an orthophoto's bands, for a network that starts from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from annotations.orthophoto import Orthophoto

__all__ = ["band_statistics"]

_SIDE: Final = 1024
_TINY: Final = 1e-6


def band_statistics(ortho: Orthophoto) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each band over the valid pixels of a thumbnail.

    Returns
    -------
    mean, std : tuple of float
        One value a band, in the image's own units. The std is never below 1e-6, so that it can divide; an image without
        a valid pixel has mean 0 and std 1.
    """
    pixels, valid = ortho.thumbnail(_SIDE)
    known = pixels[valid].astype(np.float64)
    if not known.size:
        return (0.0,) * ortho.bands, (1.0,) * ortho.bands
    mean, std = known.mean(axis=0), np.maximum(known.std(axis=0), _TINY)
    return tuple(float(m) for m in mean), tuple(float(s) for s in std)
