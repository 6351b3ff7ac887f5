"""What `partialseg info` tells of rasters and masks, as plain values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rasterio.crs import CRS
from rasterio.errors import CRSError

from annotations.classes import MAX_CLASSES
from annotations.errors import PartialSegError
from annotations.export.tags import classes_told, provenance_told
from annotations.images.orthophoto import open_orthophoto
from annotations.label_files.read import read_mask
from annotations.label_files.sources import open_label_source
from trainer.imagery import ground_size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.images.georeference import Georeference
    from annotations.images.orthophoto import Orthophoto

__all__ = ["about_mask", "about_raster", "bands_of", "labelled_pixels", "place_of"]

_MOST_CLASSES: Final = 32
"""An image of one band whose numbers all lie below this is taken for a mask where it does not say what it is."""


def about_raster(path: Path) -> dict[str, Any]:
    """Describe an image that can be labelled; where it is a mask, also its classes.

    Raises
    ------
    PartialSegError
        It cannot be read.
    """
    ortho = open_orthophoto(path)
    try:
        mask = _labels_in(path, ortho)
        about = {
            "path": str(path),
            "kind": "raster" if mask is None else "mask",
            **place_of(ortho.georeference, ortho.shape),
            "dtype": str(ortho.dtype),
            "bands": bands_of(ortho),
            "nodata": sorted({*(c.nodata for c in ortho.channels if c.nodata is not None), *ortho.roles.nodata}),
            "own_mask": ortho.has_own_mask,
        }
        if mask is not None:
            about |= labelled_pixels(mask, classes_told(path))
        told = {name: text for name, text in provenance_told(path).items() if name != "classes"}
        if told:
            about["made_by"] = told
        return about | ({"notes": list(ortho.notes)} if ortho.notes else {})
    finally:
        ortho.close()


def about_mask(path: Path) -> dict[str, Any]:
    """Describe labels that are not an image: a .npy file, or a zarr array that this tool wrote."""
    mask = read_mask(path, n_classes=MAX_CLASSES)
    with open_label_source(path) as source:
        place = source.georeference
    shape = (int(mask.shape[0]), int(mask.shape[1]))
    return {"path": str(path), "kind": "mask", **place_of(place, shape), **labelled_pixels(mask, classes_told(path))}


def _labels_in(path: Path, ortho: Orthophoto) -> NDArray[np.int8] | None:
    if len(ortho.channels) != 1 or ortho.dtype.kind not in "iu" or ortho.bands != 1:
        palette = len(ortho.channels) == 1 and ortho.bands == 3  # a map of classes has its colours with it
        if not palette:
            return None
    try:
        mask = read_mask(path, n_classes=MAX_CLASSES)
    except PartialSegError:
        return None
    named = classes_told(path) is not None
    return mask if named or int(mask.max(initial=-1)) < _MOST_CLASSES else None


def labelled_pixels(mask: NDArray[np.int8], scheme: ClassScheme | None) -> dict[str, Any]:
    """Return how many pixels of a mask have each class, and none."""
    counts = np.bincount(mask[mask >= 0].astype(np.uint8).ravel(), minlength=0 if scheme is None else len(scheme))
    names = [f"class {index}" for index in range(len(counts))]
    if scheme is not None:
        names[: len(scheme)] = scheme.names
    labelled = int(counts.sum())
    return {
        "classes": dict(zip(names, map(int, counts), strict=True)),
        "labelled": labelled,
        "unlabelled": mask.size - labelled,
    }


def place_of(georeference: Georeference | None, shape: tuple[int, int]) -> dict[str, Any]:
    """Return size, CRS, pixel size and extent; None for what is not known."""
    about: dict[str, Any] = {"width": shape[1], "height": shape[0]}
    if georeference is None:
        return about | {"crs": None, "pixel_size": None, "bounds": None}
    down, across = georeference.pixel_size
    corners = [georeference.affine @ (x, y) for x in (0, shape[1]) for y in (0, shape[0])]
    (left, *_, right), (bottom, *_, top) = (sorted(values) for values in zip(*corners, strict=True))
    size, unit = ground_size(georeference, shape)
    return about | {
        "crs": _crs_name(georeference.crs),
        "pixel_size": {"width": across, "height": down, "unit": georeference.units or None},
        "ground_metres_per_pixel": size if unit == "metre" else None,
        "bounds": {"left": left, "bottom": bottom, "right": right, "top": top},
        **({"control_points": len(georeference.control_points)} if georeference.control_points else {}),
    }


def _crs_name(wkt: str) -> str | None:
    if not wkt:
        return None
    found = re.search(r'"([^"]+)"', wkt)
    name = found[1] if found else wkt[:80]
    try:
        code = CRS.from_wkt(wkt).to_epsg()
    except CRSError:
        code = None
    return f"EPSG:{code} ({name})" if code else name


def bands_of(ortho: Orthophoto) -> list[dict[str, Any]]:
    """Return each band of an image: its number from 1, its name and type, and what it is used for."""
    roles = ortho.roles
    found = []
    for index, channel in enumerate(ortho.channels):
        role = "learnt" if index in roles.learnt else "mask" if index == roles.mask else "unused"
        about = {"band": index + 1, "name": channel.name, "dtype": str(channel.dtype), "role": role}
        found.append(about | ({} if channel.nodata is None else {"nodata": channel.nodata}))
    return found
