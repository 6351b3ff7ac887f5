"""One place of an image on the ground, many times a second: what follows a pointer."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rasterio.errors import RasterioError
from rasterio.warp import transform as warp

from annotations.export.ground import WGS84, crs_on_earth

if TYPE_CHECKING:
    from annotations.images.georeference import Georeference

__all__ = ["GroundPoint", "PointFinder"]


@dataclass(frozen=True, slots=True)
class GroundPoint:
    """A place on the ground.

    Parameters
    ----------
    x, y : float
        In the coordinates of the image's CRS.
    longitude, latitude : float, optional
        Of WGS 84, in degrees; None where the image lies nowhere on the Earth.
    """

    x: float
    y: float
    longitude: float | None = None
    latitude: float | None = None


class PointFinder:
    """Finds where pixels of an image lie; each takes a fraction of a millisecond, since the CRS is read once.

    Parameters
    ----------
    georeference : Georeference
        Of the image. Where control points place it, the affine transform nearest to them is used.
    """

    def __init__(self, georeference: Georeference) -> None:
        self._transform = georeference.transform
        self._crs = crs_on_earth(georeference)
        self.geographic = self._crs is not None and bool(self._crs.is_geographic)
        """Whether the image's own coordinates are degrees."""
        self.projected = self._crs is not None and bool(self._crs.is_projected)
        """Whether they are easting and northing."""

    def at(self, row: float, column: float) -> GroundPoint:
        """Return where a point lies; whole numbers are the pixels' upper left corners."""
        a, b, c, d, e, f = self._transform
        x, y = a * column + b * row + c, d * column + e * row + f
        if self._crs is None:
            return GroundPoint(x, y)
        with suppress(RasterioError):
            (longitude,), (latitude,) = warp(self._crs, WGS84, [x], [y])[:2]
            if math.isfinite(longitude) and math.isfinite(latitude):
                return GroundPoint(x, y, (longitude + 180) % 360 - 180, latitude)
        return GroundPoint(x, y)
