"""Where a file may be written: what a name must be like, what must not be lost, and what lies beside an older file."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annotations.errors import PartialSegError
from annotations.project_files import ProjectFiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["GEOTIFF", "POLYGONS", "check_target", "shown", "stale_files"]

GEOTIFF: Final = (".tif", ".tiff")
"""Endings of rasters that we write."""
POLYGONS: Final = (".gpkg", ".geojson")
"""Endings of polygons that we write."""

_LONGEST_NAME: Final = 255
# What GDAL, QGIS and ArcGIS keep beside a raster, named NAME.tif + this ...
_APPENDED: Final = (".ovr", ".OVR", ".aux.xml", ".msk", ".msk.ovr", ".xml")
# ... or NAME + this, unless another raster of that stem may own it.
_STEM: Final = (".tfw", ".TFW", ".tifw", ".tiffw", ".tfwx", ".wld", ".aux", ".rrd", ".tab", ".RPB", ".rpb", "_RPC.TXT")
# What SQLite keeps beside a database: read as part of whatever has its name.
_DATABASE: Final = ("-wal", "-shm", "-journal", ".aux.xml")
_RASTERS: Final = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".vrt", ".img", ".bmp", ".gif"})
_STYLE: Final = ".qml"


def shown(path: str | Path) -> str:
    """Return a path as text for a message; bytes that are not text become question marks in a box."""
    return os.fsencode(path).decode("utf-8", "replace")


def check_target(
    path: str | Path,
    *,
    endings: Sequence[str],
    protected: Iterable[str | Path] = (),
    beside: Sequence[str] = (),
) -> Path:
    """Return the absolute path of a file that may be written, replacing what is there; every writer asks here first.

    A link at that place is replaced itself, never written through; one that leads to a protected file is refused, as
    is any other spelling or a hard link of it.

    Parameters
    ----------
    path : str or Path
        Where to write, ending included.
    endings : sequence of str
        What it may end in, in small letters: `GEOTIFF` or `POLYGONS`, for example.
    protected : iterable of paths
        What must not be lost: the orthophoto and what it consists of, masks, checkpoints, other images; of folders
        (projects, zarr arrays) everything inside.
    beside : sequence of str
        Files written along with it: an ending appended to the name (".aux.xml"), or ".qml" in place of its ending.

    Raises
    ------
    PartialSegError
        Why it may not be written, and the way out. Nothing has been touched.
    """
    text = shown(path)
    if "\0" in str(path):
        raise PartialSegError(f"{text!r}: a name cannot hold the character of code 0. Choose another name.")
    path = Path(os.path.abspath(Path(path).expanduser()))
    _check_name(path, text, endings, beside)
    _check_place(path, text)
    keep = [Path(p) for p in protected]
    for other in keep:
        _check_apart(path, text, other)
        if (
            _STYLE in beside
            and other.suffix.lower() in _RASTERS
            and _same_place(path.parent, other.parent)
            and other.stem.casefold() == path.stem.casefold()
        ):
            raise PartialSegError(
                f"{text}: beside it a style {path.with_suffix(_STYLE).name} is written, which a GIS would take for "
                f"{shown(other)} too. Choose another name."
            )
    for folder in path.parents:
        if _is_ours(folder):
            raise PartialSegError(
                f"{text}: lies inside {shown(folder)}, which the tool keeps its own data in. Choose another folder."
            )
    return path


def stale_files(path: Path) -> list[Path]:
    """Return the files beside `path` that speak of what is there now, and would be taken for part of a new file.

    Overviews, statistics, masks and world files of rasters; journals of databases. Styles are not among them.
    """
    if path.suffix.lower() in GEOTIFF:
        found = [path.with_name(path.name + ending) for ending in _APPENDED]
        if not _has_namesakes(path):
            found += [path.with_name(path.stem + ending) for ending in _STEM]
    elif path.suffix.lower() == ".gpkg":
        found = [path.with_name(path.name + ending) for ending in _DATABASE]
    else:
        found = []
    return [f for f in found if os.path.lexists(f) and not f.is_dir()]


def _has_namesakes(path: Path) -> bool:
    """Whether another raster has the same stem, so that a world file may be its."""
    with suppress(OSError):
        for name in os.listdir(path.parent):
            stem, ending = os.path.splitext(name)
            if stem == path.stem and name != path.name and ending.lower() in _RASTERS:
                return True
    return False


def _check_name(path: Path, text: str, endings: Sequence[str], beside: Sequence[str]) -> None:
    if path.suffix.lower() not in endings:
        *others, last = endings
        listed = f"{', '.join(others)} or {last}" if others else last
        raise PartialSegError(
            f"{text}: this kind of file is written under a name that ends in {listed}. Add the ending."
        )
    longest = _LONGEST_NAME
    with suppress(OSError, ValueError, AttributeError):
        longest = os.pathconf(path.parent, "PC_NAME_MAX")
    extra = max((len(e) for e in beside if e != _STYLE), default=0)
    length = len(os.fsencode(path.name))
    if length + extra > longest:
        along = f", and the file beside it {extra} more" if extra else ""
        raise PartialSegError(
            f"{text}: the name is {length} bytes long{along}; a name here may have {longest}. Choose a shorter name."
        )
    try:
        os.fspath(path.parent).encode()
    except UnicodeEncodeError as error:
        raise PartialSegError(
            f"{text}: the name of the folder is not valid UTF-8, which the library that writes it needs. "
            "Choose another folder, or rename this one."
        ) from error


def _check_place(path: Path, text: str) -> None:
    if not path.parent.is_dir():
        raise PartialSegError(
            f"{text}: could not be written (there is no folder {shown(path.parent)}). Choose another folder."
        )
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and path.is_dir()):
        raise PartialSegError(f"{text}: is a folder. Choose another name.")
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        raise PartialSegError(f"{text}: is a device, a pipe or a socket, not a file. Choose another name.")


def _check_apart(path: Path, text: str, other: Path) -> None:
    if _same_place(path, other):
        raise PartialSegError(
            f"{text}: is {shown(other)}, which is in use and would be lost. Choose another name; nothing was written."
        )
    if other.is_dir():
        # By what the folders are, not by how they are spelt: there are links, and disks that know no capitals.
        for folder in Path(os.path.realpath(path)).parents:
            if _same_place(folder, other):
                raise PartialSegError(
                    f"{text}: lies inside {shown(other)}, which is in use here. Choose another folder."
                )
        return
    side = path.name.casefold().startswith(f"{other.name.casefold()}.")
    if side and _same_place(path.parent, other.parent):
        raise PartialSegError(
            f"{text}: has the name of a file that belongs to {shown(other)}. Choose another name; nothing was written."
        )


def _same_place(one: Path, other: Path) -> bool:
    with suppress(OSError, ValueError):
        return os.path.samefile(one, other)
    # One of them is not there (a disk that is not mounted): by their spelling, links resolved.
    return os.path.realpath(one) == os.path.realpath(other)


def _is_ours(folder: Path) -> bool:
    files = ProjectFiles(folder)
    if files.document.is_file():
        return files.images.is_dir()
    return any((folder / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))
