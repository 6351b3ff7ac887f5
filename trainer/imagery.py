"""What kind of images a network learnt on, and whether another image is of that kind.

A network answers any pixels with some map. On another type, range, order of bands or resolution than it learnt on, that
map is nonsense that looks like a result; so checkpoints remember what they learnt on, and prediction compares.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform as to_crs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annotations.images.georeference import Georeference
    from annotations.images.orthophoto import Orthophoto

__all__ = ["Imagery", "Misfit", "bands_by_name", "ground_size", "misfits", "range_misfit"]

_SIZE_TOLERANCE: Final = 1.5
_RANGE_TOLERANCE: Final = 8.0  # 12 bits in a file of 16, or reflectances of 0 to 1 instead of 0 to 10000, are beyond it
_EARTH: Final = 6_371_008.8  # mean radius in metres
_NO_NAME: Final = re.compile(r"(|gr[ae]y|undefined)")
_NUMBERED: Final = re.compile(r"(?:band|layer|channel|b)?[ _-]?(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Imagery:
    """What a network's images were like.

    Parameters
    ----------
    dtype : str
        Type of their pixels as numpy names it; "" where unknown.
    band_names : tuple of str
        Of the bands learnt from, in their order, as the files name them; () where unknown.
    pixel_size : tuple of float, optional
        Side of a pixel, of the finest and of the coarsest image, in `unit`.
    unit : str
        "metre", measured on the ground whatever the CRS; "" for units of an unknown kind.
    """

    dtype: str = ""
    band_names: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None
    unit: str = ""

    @classmethod
    def of(cls, ortho: Orthophoto) -> Imagery:
        """Describe an orthophoto."""
        size, unit = ground_size(ortho.georeference, ortho.shape)
        return cls(str(ortho.dtype), tuple(ortho.band_names), None if size is None else (size, size), unit)

    @classmethod
    def of_several(cls, parts: Iterable[Imagery], scale: float = 1.0) -> Imagery | None:
        """Describe images that are learnt from together, each shrunk by `scale`; None where there are none.

        What they do not agree in counts as unknown, but for the resolution, of which the range is kept.
        """
        known = list(parts)
        if not known:
            return None
        dtypes, names = {p.dtype for p in known}, {p.band_names for p in known}
        units = {p.unit for p in known if p.pixel_size}
        sizes = [size * scale for p in known if p.pixel_size for size in p.pixel_size] if len(units) == 1 else []
        return cls(
            dtypes.pop() if len(dtypes) == 1 else "",
            names.pop() if len(names) == 1 else (),
            (min(sizes), max(sizes)) if sizes else None,
            units.pop() if sizes else "",
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "dtype": self.dtype,
            "band_names": list(self.band_names),
            "pixel_size": None if self.pixel_size is None else list(self.pixel_size),
            "unit": self.unit,
        }

    @classmethod
    def from_json(cls, value: Any) -> Imagery | None:
        """Rebuild from `to_json`; None where there is nothing (older checkpoints).

        Raises
        ------
        ValueError, TypeError, KeyError
            It is damaged.
        """
        if value is None:
            return None
        size: tuple[float, float] | None = None
        if value["pixel_size"] is not None:
            low, high = (float(v) for v in value["pixel_size"])
            if not 0 < low <= high < math.inf:
                raise ValueError(f"pixel sizes of {low:g} to {high:g}")
            size = low, high
        return cls(str(value["dtype"]), tuple(str(n) for n in value["band_names"]), size, str(value["unit"]))


@dataclass(frozen=True, slots=True)
class Misfit:
    """In what an image differs from those that a network learnt on.

    Parameters
    ----------
    trait : {"dtype", "range", "bands", "resolution"}
        What differs.
    text : str
        In words, to go on with after the image's name.
    """

    trait: str
    text: str


def ground_size(georeference: Georeference | None, shape: tuple[int, int]) -> tuple[float | None, str]:
    """Return the side of a pixel at the centre of an image, and its unit.

    In metres on the ground where the CRS tells where that is: degrees, feet and the stretched metres of a Mercator
    projection are the same kind of thing then.

    Parameters
    ----------
    georeference : Georeference or None
        Where the image lies; None gives no size.
    shape : tuple of int
        (H, W) in pixels.
    """
    if georeference is None:
        return None, ""
    size = math.sqrt(math.prod(georeference.pixel_size))
    if not 0 < size < math.inf:
        return None, ""
    if not georeference.crs:
        return size, ""
    row, column = shape[0] / 2, shape[1] / 2
    a, b, c, d, e, f = georeference.transform
    places = [(row, column), (row, column + 1), (row + 1, column)]
    xs = [a * col + b * r + c for r, col in places]
    ys = [d * col + e * r + f for r, col in places]
    with suppress(RasterioError, ValueError, OSError):
        longitude, latitude = to_crs(CRS.from_wkt(georeference.crs), CRS.from_epsg(4326), xs, ys)[:2]
        along, down = (_distance(longitude[0], latitude[0], longitude[i], latitude[i]) for i in (1, 2))
        if 0 < along < math.inf and 0 < down < math.inf:
            return math.sqrt(along * down), "metre"
    with suppress(RasterioError, ValueError, OSError):
        name, factor = CRS.from_wkt(georeference.crs).linear_units_factor
        if name and math.isfinite(factor) and factor > 0:
            return size * float(factor), "metre"
    return size, georeference.units


def _distance(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    """Return metres between two places a pixel apart, in degrees: the plane will do at that distance."""
    across = (other_longitude - longitude + 180) % 360 - 180
    across *= math.cos(math.radians(latitude))
    return _EARTH * math.radians(math.hypot(across, other_latitude - latitude))


def _names(imagery: Imagery) -> list[str]:
    """Return the bands' names, "" where the file gave a band none that says what it is."""
    names = [" ".join(name.casefold().split()) for name in imagery.band_names]
    # "band 3" in the third place says nothing; B04 in the first says much.
    return [
        "" if _NO_NAME.fullmatch(name) or ((n := _NUMBERED.fullmatch(name)) and int(n[1]) == place) else name
        for place, name in enumerate(names, 1)
    ]


def misfits(learnt: Imagery | None, image: Imagery) -> list[Misfit]:
    """Return in what an image differs from those that a network learnt on; what either does not know is passed over."""
    if learnt is None:
        return []
    found = []
    if learnt.dtype and image.dtype and learnt.dtype != image.dtype:
        text = f"has pixels of {_bits(image.dtype)}, but the network learnt on {_bits(learnt.dtype)}"
        found.append(Misfit("dtype", text))
    names, own = _names(learnt), _names(image)
    if len(names) == len(own) and any(a and b and a != b for a, b in zip(names, own, strict=True)):
        order = "in this order " if sorted(names) == sorted(own) else ""
        text = f"has {order}the bands {', '.join(image.band_names)}, but the network learnt on "
        found.append(Misfit("bands", text + ", ".join(learnt.band_names)))
    if learnt.pixel_size and image.pixel_size and learnt.unit == image.unit:
        low, high = learnt.pixel_size
        size = image.pixel_size[0]
        if not low / _SIZE_TOLERANCE <= size <= high * _SIZE_TOLERANCE:
            unit = {"metre": " m"}.get(image.unit, f" {image.unit}".rstrip())
            span = f"{low:.3g}" if high < 1.01 * low else f"{low:.3g} to {high:.3g}"
            text = f"has pixels of {size:.3g}{unit}, but the network learnt on pixels of {span}{unit}"
            found.append(Misfit("resolution", text))
    return found


def bands_by_name(learnt: Imagery | None, image: Imagery) -> tuple[int | None, ...] | None:
    """Return for each band of an image which of those that were learnt it is, from 0, or None where it is none of them.

    None in all where names do not tell: they are missing, not unique or none is known; or where the order is the same.
    """
    if learnt is None:
        return None
    names, own = _names(learnt), _names(image)
    if not all((*names, *own)) or len(set(names)) < len(names) or len(set(own)) < len(own):
        return None
    places = tuple(names.index(name) if name in names else None for name in own)
    same = all(place is None or place == band for band, place in enumerate(places))
    return None if same else places


def _bits(dtype: str) -> str:
    bits = re.sub(r"\D", "", dtype)
    return f"{dtype} ({bits} bits)" if bits else dtype


def range_misfit(
    learnt: tuple[Sequence[float], Sequence[float]], image: tuple[Sequence[float], Sequence[float]]
) -> Misfit | None:
    """Compare mean and standard deviation of the bands: values of a quite different size are of another kind.

    Parameters
    ----------
    learnt, image : tuple of sequences
        Means and standard deviations, one of each per band.
    """
    usual, found = _reach(*learnt), _reach(*image)
    if usual <= 0 or found <= 0 or usual / _RANGE_TOLERANCE <= found <= usual * _RANGE_TOLERANCE:
        return None
    return Misfit(
        "range", f"has values of up to about {found:.3g}, but the network learnt on values of up to about {usual:.3g}"
    )


def _reach(means: Sequence[float], deviations: Sequence[float]) -> float:
    return max(abs(mean) + 2 * deviation for mean, deviation in zip(means, deviations, strict=True))
