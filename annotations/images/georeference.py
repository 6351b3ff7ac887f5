"""Where an orthophoto lies in the world: a coordinate reference system and an affine transform."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import CRSError

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
        y = d * column + e * row + f. Where there are control points it is the affine transform nearest to them.
    control_points : tuple of (row, column, x, y, z)
        What places an image that has no transform of its own: scans, radar. Maps of it are placed by them too.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    control_points: tuple[tuple[float, float, float, float, float], ...] = ()

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
        with suppress(CRSError):  # a local or damaged CRS may have no units
            crs = CRS.from_wkt(self.crs)
            if crs.is_geographic:
                return "degree"
            name = str(crs.linear_units)
            return {"meter": "metre", "unknown": ""}.get(name, name)
        return ""

    @property
    def affine(self) -> Affine:
        """The transform as rasterio takes it."""
        return Affine(*self.transform)

    @property
    def profile(self) -> dict[str, Any]:
        """What rasterio takes to place a file that it writes: the CRS, and control points or the transform."""
        profile: dict[str, Any] = {"crs": CRS.from_wkt(self.crs)} if self.crs else {}
        if not self.control_points:
            return {"transform": self.affine, **profile}
        points = [GroundControlPoint(row, column, x, y, z) for row, column, x, y, z in self.control_points]
        return {"gcps": points, **profile}

    def to_json(self) -> dict[str, object]:
        """Return plain values."""
        value: dict[str, object] = {"crs": self.crs, "transform": list(self.transform)}
        if self.control_points:
            value["control_points"] = [list(p) for p in self.control_points]
        return value

    @classmethod
    def from_json(cls, value: dict[str, object] | None) -> Georeference | None:
        """Rebuild from `to_json`; None where there is no transform."""
        transform = (value or {}).get("transform")
        if not isinstance(transform, (list, tuple)) or len(transform) != 6:
            return None
        a, b, c, d, e, f = (float(t) for t in transform)
        points: Any = (value or {}).get("control_points") or ()
        placed = tuple((float(r), float(col), float(x), float(y), float(z)) for r, col, x, y, z in points)
        return cls(str((value or {}).get("crs") or ""), (a, b, c, d, e, f), placed)
