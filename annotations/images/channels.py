"""What a raster file holds, band by band, and what an orthophoto asks of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference
    from annotations.region import Region

__all__ = ["Channel", "RasterSource", "common_dtype"]


@dataclass(frozen=True, slots=True)
class Channel:
    """One band as the file has it.

    Parameters
    ----------
    name : str
        The file's description of it, else its colour, else "band N".
    dtype : numpy dtype
        In the machine's byte order.
    interpretation : str
        "red", "alpha", "palette" ... as GDAL calls them; "undefined" where the file does not say.
    nodata : float or None
        What the file declares to stand for missing data.
    """

    name: str
    dtype: np.dtype[Any]
    interpretation: str = "undefined"
    nodata: float | None = None


class RasterSource(Protocol):
    """Bands by window, whatever the file; reads may come from several threads."""

    shape: tuple[int, int]
    channels: tuple[Channel, ...]
    georeference: Georeference | None
    notes: tuple[str, ...]
    palette: NDArray[np.uint8] | None
    """(256 or 65536, 4) red, green, blue, alpha of the first band's values."""
    own_mask: bool
    """Whether the file has a mask beside its bands (internal, or a .msk file)."""

    def read(self, region: Region | None, indexes: Sequence[int], out: tuple[int, int] | None = None) -> NDArray[Any]:
        """Return (h, w, n) of bands from 0, in their common type; the whole at another size with `out`."""

    def read_own_mask(self, region: Region | None, out: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        """Return (h, w): True where the mask beside the bands says that there is data."""

    def close(self) -> None:
        """Close handles; a later read opens them again."""


def common_dtype(channels: Sequence[Channel]) -> np.dtype[Any]:
    """Return the smallest type that holds all bands' values (8-bit colours beside a float height become floats)."""
    return np.result_type(*(c.dtype for c in channels))
