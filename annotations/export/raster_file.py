"""One map in one GeoTIFF, with what lies beside it: written whole or not at all, and read back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import rasterio
from rasterio.windows import Window

from annotations.disk.files import replacing_together
from annotations.errors import RasterError
from annotations.export.errors import could_not_write, unwritten
from annotations.export.styles import is_our_style, keep_foreign_style
from annotations.export.targets import stale_files
from annotations.images.gdal_raster import open_dataset, quiet_gdal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference
    from annotations.region import Region

__all__ = ["NAMES", "STYLE", "Band", "write_raster"]

NAMES: Final = ".aux.xml"
"""Appended to a map's name: where GDAL keeps the names of its values."""
STYLE: Final = ".qml"
"""In place of a map's ending: a style of QGIS."""

_TILE: Final = 512


@dataclass(frozen=True, slots=True)
class Band:
    """What a GeoTIFF says of its one band and of itself.

    Parameters
    ----------
    nodata : int
        The value of pixels of which nothing is known.
    tags, about : dict of str to str
        Tags of the band, and of the file.
    dtype : str
        Of the pixels.
    colours : dict of int to tuple of int, optional
        Red, green, blue and alpha of values, 0 to 255.
    """

    nodata: int
    tags: dict[str, str]
    about: dict[str, str]
    dtype: str = "uint8"
    colours: dict[int, tuple[int, ...]] | None = None


def write_raster(
    path: Path,
    blocks: Iterable[tuple[Region, NDArray[Any]]],
    shape: tuple[int, int],
    georeference: Georeference | None,
    band: Band,
    beside: Mapping[Path, bytes] = MappingProxyType({}),
) -> None:
    """Write a map, and the files beside it, all of them or none; what an older map left beside it goes.

    Parameters
    ----------
    path : Path
        As `check_target` returns it.
    blocks : iterable of (Region, ndarray)
        In any order; what none covers has no data.
    shape : tuple of int
        (H, W) of the whole.
    georeference : Georeference, optional
        Of the orthophoto.
    band : Band
        What the file says of itself.
    beside : mapping of Path to bytes
        Other files of the same folder, and what they hold.

    Raises
    ------
    PartialSegError
        A file cannot be written; the older ones are untouched.
    """
    with unwritten(path), replacing_together([*beside, path], lambda: _stale(path, beside)) as temporaries:
        *sides, temporary = temporaries
        with quiet_gdal():
            profile = _profile(shape, band) | (georeference.profile if georeference is not None else {})
            dataset = rasterio.open(temporary, "w", **profile)
        with dataset:
            _fill(dataset, blocks, band)
        try:
            _check_written(temporary)
        except RasterError as error:
            raise could_not_write(path, error) from error
        # GDAL may have kept something beside the temporary name.
        temporary.with_name(temporary.name + NAMES).unlink(missing_ok=True)
        for side, content in zip(sides, beside.values(), strict=True):
            side.write_bytes(content)


def _stale(path: Path, beside: Mapping[Path, bytes]) -> list[Path]:
    """Return what goes as a map gets its name; a style that a person made makes way."""
    old = stale_files(path)
    style = path.with_suffix(STYLE)
    if style in beside:
        keep_foreign_style(style)
    elif not beside and os.path.lexists(path) and is_our_style(style):
        old.append(style)  # of the map of classes that had this name before
    return old


def _profile(shape: tuple[int, int], band: Band) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "height": shape[0],
        "width": shape[1],
        "count": 1,
        "dtype": band.dtype,
        "nodata": band.nodata,
        "tiled": True,
        "blockxsize": _TILE,
        "blockysize": _TILE,
        "compress": "deflate",
        "bigtiff": "if_safer",
    }


def _fill(dataset: Any, blocks: Iterable[tuple[Region, NDArray[Any]]], band: Band) -> None:
    """Write colours, tags and pixels."""
    if band.colours is not None:
        dataset.write_colormap(1, band.colours)
    dataset.update_tags(**band.about)
    dataset.update_tags(1, **band.tags)
    for region, block in blocks:
        dataset.write(block, 1, window=Window(region.left, region.top, region.width, region.height))


def _check_written(path: Path) -> None:
    """Read the file back: GDAL writes its last blocks as it closes, and does not tell if the disk is full by then."""
    with open_dataset(path) as dataset:
        for _, window in dataset.block_windows(1):
            dataset.read(1, window=window)
