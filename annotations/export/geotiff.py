"""Maps that a GIS opens: GeoTIFFs with a colour table, class names and styles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.classes import NOT_PREDICTED, UNLABELLED, ClassScheme, LandClass, check_labels
from annotations.disk.files import replacing_together
from annotations.errors import LabelError
from annotations.export.errors import unwritten
from annotations.export.polygons import write_polygons
from annotations.export.provenance import Provenance
from annotations.export.raster_file import NAMES, STYLE, Band, write_raster
from annotations.export.styles import category_names, clean_text, keep_foreign_style, qgis_style
from annotations.export.targets import GEOTIFF, check_target, shown
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference

__all__ = ["NO_CONFIDENCE", "write_class_map", "write_confidence", "write_labels", "write_polygons", "write_style"]

NO_CONFIDENCE: Final = 0
"""The uint8 confidence where there is no prediction. No predicted pixel has it: one of n classes is 1/n sure."""

_STRIP: Final = 512


def write_class_map(
    path: str | Path,
    classes: NDArray[np.uint8] | Iterable[tuple[Region, NDArray[np.uint8]]],
    *,
    scheme: ClassScheme,
    georeference: Georeference | None,
    shape: tuple[int, int] | None = None,
    style: bool = False,
    provenance: Provenance | None = None,
    protected: Iterable[str | Path] = (),
) -> None:
    """Write a map of classes as a tiled GeoTIFF with nodata 255, a colour table and the classes' names.

    The names go into `path`.aux.xml beside it, where GDAL keeps them. All appears when it is complete, and what lay
    beside an older file (overviews, statistics) goes with that one.

    Parameters
    ----------
    path : str or Path
        Ends in .tif or .tiff.
    classes : ndarray of uint8, (H, W), or iterable of (Region, ndarray)
        Class indices, 255 where there is no prediction. Blocks may come in any order; what none covers is 255.
    scheme : ClassScheme
        Gives the colour table and the names.
    georeference : Georeference, optional
        Of the orthophoto.
    shape : tuple of int, optional
        (H, W); needed with blocks.
    style : bool
        Whether to write a QGIS style too, as `write_style` does.
    provenance : Provenance, optional
        What made the map, for its tags; by default only the tool's version, the time and the classes.
    protected : iterable of paths
        What must not be replaced: see `check_target`.

    Raises
    ------
    LabelError
        A value is not a class.
    PartialSegError
        The name will not do or the file cannot be written; an older one of that name is untouched.
    """
    path = check_target(path, endings=GEOTIFF, protected=protected, beside=(NAMES, STYLE) if style else (NAMES,))
    blocks, size = _blocks(classes, shape)
    colours = {index: (*c.rgb, 255) for index, c in enumerate(scheme.classes)}
    beside = {path.with_name(path.name + NAMES): category_names(scheme)}
    if style:
        beside[path.with_suffix(STYLE)] = qgis_style(scheme)
    about = (provenance or Provenance()).tiff_tags(scheme)
    band = Band(NOT_PREDICTED, _class_tags(scheme), about, colours={**colours, NOT_PREDICTED: (0, 0, 0, 0)})
    write_raster(path, _checked(blocks, scheme, path), size, georeference, band, beside)


def _checked(
    blocks: Iterable[tuple[Region, NDArray[np.uint8]]], scheme: ClassScheme, path: Path
) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
    """Pass blocks on as they come, and refuse a value that is not a class."""
    for region, block in blocks:
        bad = (block >= len(scheme)) & (block != NOT_PREDICTED)
        if bad.any():
            row, column = np.unravel_index(int(bad.argmax()), block.shape)
            raise LabelError(
                f"{shown(path)}: class {int(block[row, column])} at pixel ({region.top + int(row)}, "
                f"{region.left + int(column)}) is not one of the {len(scheme)} classes. "
                "Export with the classes that the prediction was made with."
            )
        yield region, block


def write_confidence(
    path: str | Path,
    confidence: NDArray[np.uint8] | Iterable[tuple[Region, NDArray[np.uint8]]],
    *,
    georeference: Georeference | None,
    shape: tuple[int, int] | None = None,
    scheme: ClassScheme | None = None,
    provenance: Provenance | None = None,
    protected: Iterable[str | Path] = (),
) -> None:
    """Write the confidence as a GeoTIFF: uint8, 255 is certain, 0 is nodata: there is no prediction.

    Parameters and errors as of `write_class_map`.
    """
    path = check_target(path, endings=GEOTIFF, protected=protected)
    blocks, size = _blocks(confidence, shape)
    about = (provenance or Provenance()).tiff_tags(scheme or ClassScheme((LandClass("class 0", "#000000"),)))
    if scheme is None:
        about.pop("PARTIALSEG_CLASSES")
    tags = {"255": "certain", str(NO_CONFIDENCE): "no prediction"}
    write_raster(path, blocks, size, georeference, Band(NO_CONFIDENCE, tags, about))


def write_labels(
    path: str | Path,
    labels: NDArray[Any],
    *,
    scheme: ClassScheme,
    georeference: Georeference | None,
    provenance: Provenance | None = None,
    protected: Iterable[str | Path] = (),
    cancelled: Callable[[], None] = lambda: None,
) -> None:
    """Write labels (H, W) as a GeoTIFF of int16 with nodata -1; parameters and errors as of `write_class_map`.

    Not int8: programs with a GDAL before 3.7 read that as 0 to 255, and -1 as data. `cancelled` is called between
    strips, and ends the work by raising.
    """
    path = check_target(path, endings=GEOTIFF, protected=protected)
    checked = check_labels(labels, len(scheme), shown(path))
    blocks, size = _blocks(checked, None)

    def wide() -> Iterable[tuple[Region, NDArray[np.int16]]]:
        for region, block in blocks:
            cancelled()
            yield region, block.astype(np.int16)
        cancelled()

    about = (provenance or Provenance()).tiff_tags(scheme)
    write_raster(path, wide(), size, georeference, Band(UNLABELLED, _class_tags(scheme), about, dtype="int16"))


def write_style(path: str | Path, scheme: ClassScheme) -> None:
    """Write a QGIS style (.qml) for a class map or labels; named as the map it is taken up by itself.

    A style that a person made is not lost: it is renamed to NAME.before.qml.

    Raises
    ------
    PartialSegError
        The file cannot be written.
    """
    path = check_target(path, endings=(STYLE,))
    with unwritten(path), replacing_together([path], lambda: _make_way(path)) as (temporary,):
        temporary.write_bytes(qgis_style(scheme))


def _make_way(style: Path) -> Sequence[Path]:
    keep_foreign_style(style)
    return ()


def _class_tags(scheme: ClassScheme) -> dict[str, str]:
    return {f"class_{index}": clean_text(c.name) for index, c in enumerate(scheme.classes)}


def _blocks(
    values: NDArray[Any] | Iterable[tuple[Region, NDArray[Any]]], shape: tuple[int, int] | None
) -> tuple[Iterable[tuple[Region, NDArray[Any]]], tuple[int, int]]:
    if not isinstance(values, np.ndarray):
        if shape is None:
            raise ValueError("blocks need the shape of the whole")
        return values, shape
    if values.ndim != 2 or shape not in (None, values.shape):
        raise ValueError(f"an array of (rows, columns) is needed, not {values.shape}")
    height, width = values.shape
    tops = range(0, height, _STRIP)
    regions = (Region(top, 0, min(_STRIP, height - top), width) for top in tops)
    return ((region, values[region.slices]) for region in regions), (height, width)
