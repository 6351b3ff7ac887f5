"""Looks for what is wrong with a raster file before anybody relies on it: parts missing, containers, pages."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from annotations.errors import RasterError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_complete", "check_file", "check_holds_image", "check_sources", "ome_bands", "page_notes"]

# What stands at the end of a whole file; some programs add a little after it.
_LAST_WORDS: Final = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
_MAX_BLOCKS_CHECKED: Final = 20_000
_MAX_VRT_BYTES: Final = 64 * 2**20
_LISTED: Final = 6
_GDAL_TYPES: Final = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}
_DIMENSIONS: Final = frozenset({"netCDF", "HDF5", "HDF5Image", "Zarr", "GRIB", "BAG"})


def check_file(path: Path) -> None:
    """Raise RasterError where there is no file, or a pipe or device that would be waited for without end."""
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RasterError(f"{path}: there is no such file. Was it moved, or is a drive not connected?") from error
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise RasterError(f"{path}: is a pipe or a device, not a file. Open an image file.")


def check_holds_image(dataset: Any, path: Path) -> None:
    """Raise RasterError where a file holds several images and opens as none, or holds none at all."""
    inside = list(dataset.subdatasets)
    if dataset.count and dataset.width and dataset.height:
        return
    if not inside:
        raise RasterError(f"{path}: the {dataset.driver} file holds no image. Open a file that does.")
    named = "\n".join(f"  {name}" for name in inside[:_LISTED])
    more = f"\n  … and {len(inside) - _LISTED} more" if len(inside) > _LISTED else ""
    raise RasterError(
        f"{path}: the {dataset.driver} file is a container of {len(inside)} rasters:\n{named}{more}\n"
        f"Take one out and open that, for example: gdal_translate '{inside[0]}' one.tif"
    )


def page_notes(dataset: Any) -> tuple[str, ...]:
    """Say what of a file with pages, dimensions or messages is read."""
    inside = dataset.subdatasets
    if dataset.driver == "GTiff" and len(inside) > 1:
        return (
            f"The TIFF has {len(inside)} pages: the first is read. For another, take it out, for example: "
            f"gdal_translate '{inside[1]}' page2.tif",
        )
    if dataset.driver in _DIMENSIONS and dataset.count > 1:
        names = [dataset.tags(i).get("NETCDF_VARNAME") or dataset.descriptions[i - 1] or "" for i in dataset.indexes]
        named = ", ".join(n for n in names[:_LISTED] if n)
        return (
            f"The {dataset.driver} file's {dataset.count} layers are taken as bands{f' ({named} …)' if named else ''}: "
            "if they are times, heights or messages, choose those to learn from in the section Image.",
        )
    if len(inside) > 1:
        return (f"The {dataset.driver} file holds {len(inside)} rasters: the one that opens first is read.",)
    return ()


def check_sources(dataset: Any, path: Path) -> None:
    """Raise RasterError where files are gone that a virtual raster is made of: GDAL tells when it reads that part."""
    if dataset.driver != "VRT" or not path.is_file() or path.stat().st_size > _MAX_VRT_BYTES:
        return
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except ElementTree.ParseError:
        return  # GDAL opened it; its parser forgives more
    gone = []
    for node in root.iter("SourceFilename"):
        name = (node.text or "").strip()
        if not name or ":" in name or name.startswith(("/vsi", "<")):
            continue  # in an archive, on the network, or a subdataset: GDAL's business
        place = path.parent / name if node.get("relativeToVRT") == "1" else type(path)(name)
        if place.is_absolute() and not place.exists() and place not in gone:
            gone.append(place)
    if gone:
        named = ", ".join(str(p) for p in gone[:3]) + (f" and {len(gone) - 3} more" if len(gone) > 3 else "")
        raise RasterError(
            f"{path}: is made of other files, of which {len(gone)} {'is' if len(gone) == 1 else 'are'} not there: "
            f"{named}. Put them back, connect their drive, or build the VRT anew."
        )


def ome_bands(dataset: Any, path: Path) -> tuple[str, tuple[str, ...]] | None:
    """Return a VRT that stacks an OME-TIFF's channels, one a page, and their names; None for other files.

    Raises
    ------
    RasterError
        It has several times or depths.
    """
    description = dataset.tags().get("TIFFTAG_IMAGEDESCRIPTION", "")
    pages = dataset.subdatasets
    if dataset.driver != "GTiff" or len(pages) < 2 or "<OME" not in description[:2000]:
        return None
    try:
        image = ElementTree.fromstring(description.encode())
    except ElementTree.ParseError:
        return None
    pixels = next((n for n in image.iter() if n.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None
    sizes = {axis: int(pixels.get(f"Size{axis}", "1")) for axis in "CZT"}
    if sizes["Z"] > 1 or sizes["T"] > 1:
        raise RasterError(
            f"{path}: an OME-TIFF of {sizes['T']} times and {sizes['Z']} depths is not one image of the ground. "
            f"Take one out, for example: gdal_translate '{pages[0]}' one.tif"
        )
    kind = _GDAL_TYPES.get(str(dataset.dtypes[0]))
    if sizes["C"] != len(pages) or dataset.count != 1 or kind is None:
        return None
    bands = "".join(
        f'<VRTRasterBand dataType="{kind}" band="{n + 1}"><SimpleSource><SourceFilename relativeToVRT="0">'
        f"{escape(page)}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        for n, page in enumerate(pages)
    )
    channels = [n for n in pixels if n.tag.rpartition("}")[2] == "Channel"]
    names = tuple(
        (channels[n].get("Name") if n < len(channels) else None) or f"band {n + 1}" for n in range(len(pages))
    )
    return f'<VRTDataset rasterXSize="{dataset.width}" rasterYSize="{dataset.height}">{bands}</VRTDataset>', names


def check_complete(dataset: Any, path: Path) -> None:
    """Raise RasterError where a file was cut off on the way: GDAL tells when that part is read, or never."""
    size = path.stat().st_size
    if dataset.driver in _LAST_WORDS:
        with path.open("rb") as file:
            file.seek(max(0, size - 2**16))
            if _LAST_WORDS[dataset.driver] not in file.read():
                raise RasterError(
                    f"{path}: the file is cut off: it has {size} bytes, and its end is not that of an image. "
                    "Copy or download it again."
                )
    if dataset.driver != "GTiff":
        return
    block_height, block_width = dataset.block_shapes[0]
    rows, columns = -(-dataset.height // block_height), -(-dataset.width // block_width)
    bands = dataset.count if dataset.interleaving is not None and dataset.interleaving.value == "BAND" else 1
    step = max(1, rows * columns * bands // _MAX_BLOCKS_CHECKED)
    for number in range(rows * columns * bands - 1, -1, -step):
        band, cell = divmod(number, rows * columns)
        name = f"{cell % columns}_{cell // columns}"
        offset = dataset.get_tag_item(f"BLOCK_OFFSET_{name}", "TIFF", bidx=band + 1)
        length = dataset.get_tag_item(f"BLOCK_SIZE_{name}", "TIFF", bidx=band + 1)
        if offset and length and int(offset) + int(length) > size:
            raise RasterError(
                f"{path}: the file is cut off: it has {size} bytes, and a part of the image lies at "
                f"{int(offset)} to {int(offset) + int(length)}. Copy or download it again."
            )
