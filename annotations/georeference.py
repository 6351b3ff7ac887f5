"""Where an orthophoto lies in the world: a coordinate reference system and an affine transform."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affine import Affine
from rasterio.crs import CRS

__all__ = ["Georeference"]


@dataclass(frozen=True, slots=True)
class Georeference:
    """Coordinate reference system and transform of a raster.

    Parameters
    ----------
    crs : str
        Well-known text; "" where unknown.
    transform : tuple of six floats
        (a, b, c, d, e, f): the corner of pixel (row, column) lies at x = a * column + b * row + c,
        y = d * column + e * row + f.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Height and width of a pixel in units of the CRS; positive."""
        a, b, _, d, e, _ = self.transform
        return math.hypot(b, e), math.hypot(a, d)

    @property
    def units(self) -> str:
        """What the CRS measures in: "metre", "degree", another unit's name, or "" where unknown."""
        if not self.crs:
            return ""
        crs = CRS.from_wkt(self.crs)
        if crs.is_geographic:
            return "degree"
        name = str(crs.linear_units)
        return {"meter": "metre", "unknown": ""}.get(name, name)

    @property
    def affine(self) -> Affine:
        """The transform as rasterio takes it."""
        return Affine(*self.transform)

    def to_json(self) -> dict[str, object]:
        """Return plain values."""
        return {"crs": self.crs, "transform": list(self.transform)}

    @classmethod
    def from_json(cls, value: dict[str, object] | None) -> Georeference | None:
        """Rebuild from `to_json`; None where there is no transform."""
        transform = (value or {}).get("transform")
        if not isinstance(transform, (list, tuple)) or len(transform) != 6:
            return None
        a, b, c, d, e, f = (float(t) for t in transform)
        return cls(str((value or {}).get("crs") or ""), (a, b, c, d, e, f))
