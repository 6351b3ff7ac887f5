"""Maps that a GIS opens: GeoTIFFs with a colour table, class names and styles."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from annotations.classes import NOT_PREDICTED, UNLABELLED, check_labels
from annotations.errors import LabelError, PartialSegError, RasterError
from annotations.files import replacing, write_atomically
from annotations.polygons import write_polygons
from annotations.rasters import open_dataset, quiet_gdal
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.georeference import Georeference

__all__ = ["write_class_map", "write_confidence", "write_labels", "write_polygons", "write_style"]

_TILE: Final = 512
_STRIP: Final = 512


def write_class_map(
    path: str | Path,
    classes: NDArray[np.uint8] | Iterable[tuple[Region, NDArray[np.uint8]]],
    *,
    scheme: ClassScheme,
    georeference: Georeference | None,
    shape: tuple[int, int] | None = None,
) -> None:
    """Write a map of classes as a tiled GeoTIFF with nodata 255, a colour table and the classes' names.

    The names go into `path`.aux.xml beside it, where GDAL keeps them. The file appears when it is complete.

    Parameters
    ----------
    path : str or Path
        Ends in .tif.
    classes : ndarray of uint8, (H, W), or iterable of (Region, ndarray)
        Class indices, 255 where there is no prediction. Blocks may come in any order; what none covers is 255.
    scheme : ClassScheme
    georeference : Georeference, optional
        Of the orthophoto.
    shape : tuple of int, optional
        (H, W); needed with blocks.

    Raises
    ------
    LabelError
        A value is no class.
    PartialSegError
        The file cannot be written; an older one of that name is untouched.
    """
    path = Path(path)

    def checked(region: Region, block: NDArray[np.uint8]) -> NDArray[np.uint8]:
        bad = (block >= len(scheme)) & (block != NOT_PREDICTED)
        if bad.any():
            row, column = np.unravel_index(int(bad.argmax()), block.shape)
            raise LabelError(
                f"{path}: class {int(block[row, column])} at pixel ({region.top + int(row)}, "
                f"{region.left + int(column)}) is not one of the {len(scheme)} classes. "
                "Export with the classes that the prediction was made with."
            )
        return block

    blocks, size = _blocks(classes, shape)
    colours = {index: (*c.rgb, 255) for index, c in enumerate(scheme.classes)}
    tags = {f"class_{index}": c.name for index, c in enumerate(scheme.classes)}
    _write(
        path,
        ((region, checked(region, block)) for region, block in blocks),
        size,
        georeference,
        nodata=NOT_PREDICTED,
        colours={**colours, NOT_PREDICTED: (0, 0, 0, 0)},
        tags=tags,
    )
    write_atomically(path.with_name(f"{path.name}.aux.xml"), _category_names(scheme))


def write_confidence(
    path: str | Path,
    confidence: NDArray[np.uint8] | Iterable[tuple[Region, NDArray[np.uint8]]],
    *,
    georeference: Georeference | None,
    shape: tuple[int, int] | None = None,
) -> None:
    """Write the confidence (uint8, 255 is certain) as a GeoTIFF; parameters and errors as of `write_class_map`."""
    blocks, size = _blocks(confidence, shape)
    _write(Path(path), blocks, size, georeference, nodata=None, colours=None, tags={"255": "certain"})


def write_labels(
    path: str | Path, labels: NDArray[Any], *, scheme: ClassScheme, georeference: Georeference | None
) -> None:
    """Write labels (H, W) as a GeoTIFF of int8 with nodata -1; parameters and errors as of `write_class_map`."""
    checked = check_labels(labels, len(scheme), str(path))
    tags = {f"class_{index}": c.name for index, c in enumerate(scheme.classes)}
    blocks, size = _blocks(checked, None)
    _write(Path(path), blocks, size, georeference, nodata=UNLABELLED, colours=None, tags=tags, dtype="int8")


def write_style(path: str | Path, scheme: ClassScheme) -> None:
    """Write a QGIS style (.qml) for a class map or labels; named as the map it is taken up by itself.

    Raises
    ------
    PartialSegError
        The file cannot be written.
    """
    root = ElementTree.Element("qgis", version="3.22")
    renderer = ElementTree.SubElement(
        ElementTree.SubElement(root, "pipe"), "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1"
    )
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for index, c in enumerate(scheme.classes):
        ElementTree.SubElement(
            palette, "paletteEntry", value=str(index), color=c.colour.lower(), alpha="255", label=c.name
        )
    document = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ElementTree.tostring(root, "unicode")
    try:
        write_atomically(Path(path), document.encode())
    except OSError as error:
        raise _unwritten(Path(path), error) from error


def _category_names(scheme: ClassScheme) -> bytes:
    root = ElementTree.Element("PAMDataset")
    names = ElementTree.SubElement(ElementTree.SubElement(root, "PAMRasterBand", band="1"), "CategoryNames")
    for name in scheme.names:
        ElementTree.SubElement(names, "Category").text = name
    return ElementTree.tostring(root, "unicode").encode()


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


def _write(
    path: Path,
    blocks: Iterable[tuple[Region, NDArray[Any]]],
    shape: tuple[int, int],
    georeference: Georeference | None,
    *,
    nodata: int | None,
    colours: dict[int, tuple[int, ...]] | None,
    tags: dict[str, str],
    dtype: str = "uint8",
) -> None:
    profile = {
        "driver": "GTiff",
        "height": shape[0],
        "width": shape[1],
        "count": 1,
        "dtype": dtype,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": _TILE,
        "blockysize": _TILE,
        "compress": "deflate",
        "bigtiff": "if_safer",
    }
    if georeference is not None:
        profile.update(georeference.profile)
    try:
        with replacing(path) as temporary:
            with quiet_gdal():
                dataset = rasterio.open(temporary, "w", **profile)
            with dataset:
                if colours is not None:
                    dataset.write_colormap(1, colours)
                dataset.update_tags(1, **tags)
                for region, block in blocks:
                    dataset.write(block, 1, window=Window(region.left, region.top, region.width, region.height))
            try:
                _check_written(temporary)
            except RasterError as error:
                raise _unwritten(path, error) from error
            # GDAL may have kept something beside the temporary name.
            temporary.with_name(f"{temporary.name}.aux.xml").unlink(missing_ok=True)
    except (OSError, RasterioError) as error:  # a RasterError comes with the blocks, and names the file that is read
        raise _unwritten(path, error) from error


def _check_written(path: Path) -> None:
    """Read the file back: GDAL writes its last blocks as it closes, and does not tell if the disk is full by then."""
    with open_dataset(path) as dataset:
        for _, window in dataset.block_windows(1):
            dataset.read(1, window=window)


def _unwritten(path: Path, error: Exception) -> PartialSegError:
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    reason = "the disk is full" if full else str(error)
    return PartialSegError(
        f"{path}: could not be written ({reason}). Make room or choose another folder; an older file is as it was."
    )
