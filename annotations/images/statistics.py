"""Mean and spread of an orthophoto's bands, for a network that starts from nothing."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.disk.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from annotations.images.orthophoto import Orthophoto

__all__ = ["band_statistics", "kept_statistics"]

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


def kept_statistics(ortho: Orthophoto, file: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return `band_statistics`, from a file that keeps them while the image's file stays as it is.

    Of a large image without overviews they take seconds. What cannot be read is measured anew, and what cannot be
    written is not kept.

    Parameters
    ----------
    ortho : Orthophoto
        The image; of one that is a folder nothing is kept.
    file : Path
        May be deleted at any time.
    """
    state = _state(ortho)
    if state is None:
        return band_statistics(ortho)
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(file.read_text(encoding="utf-8"))
        mean, std = (tuple(float(v) for v in content[name]) for name in ("mean", "std"))
        whole = len(mean) == len(std) == ortho.bands and all(map(np.isfinite, mean)) and min(std) > 0
        if content["of"] == state and whole:
            return mean, std
    mean, std = band_statistics(ortho)
    with suppress(OSError):
        write_atomically(file, json.dumps({"of": state, "mean": mean, "std": std}).encode())
    return mean, std


def _state(ortho: Orthophoto) -> list[Any] | None:
    """Return what changes where the image's file or the use of its bands does; None where that cannot be told."""
    try:
        about = ortho.path.stat()
    except OSError:
        return None
    if not ortho.path.is_file():
        return None
    roles = json.loads(json.dumps(ortho.roles.to_json()))
    return [str(ortho.path), about.st_size, about.st_mtime_ns, list(ortho.shape), roles]
