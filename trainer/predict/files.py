"""The files of a prediction: what may be written to, and where the confidence waits."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from annotations.disk.full import disk_is_full, why_not_written
from annotations.disk.room import need_disk
from annotations.errors import PartialSegError
from annotations.export.targets import GEOTIFF, check_target, shown
from annotations.images.gdal_raster import open_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["BlockStore", "check_room", "check_targets"]

_NAMES: Final = ".aux.xml"
_STYLE: Final = ".qml"


def check_targets(output: Path, confidence: Path | None, image: Path, checkpoint: Path) -> tuple[Path, ...]:
    """Raise where writing would fail because of the name, or would change a file that is read.

    Before anything is computed: of the confidence it would else be told when the map is made.

    Returns
    -------
    tuple of Path
        What is read, and so must not be replaced.

    Raises
    ------
    PartialSegError
        Names the file and what it is.
    """
    written = {output: "the map", output.with_suffix(_STYLE): "the map's style"}
    written[output.with_name(output.name + _NAMES)] = "the names of the map's classes"
    read: dict[Path, str] = {image: "the orthophoto itself", checkpoint: "the checkpoint"}
    for part in _parts(image):
        read.setdefault(part, f"a part of the orthophoto {image}")
    if confidence is not None:
        if _same(output, confidence):
            raise PartialSegError(f"{confidence}: is the map itself; give the confidence another name")
        written[confidence] = "the confidence"
    for path, what in written.items():
        if os.path.isdir(path):
            raise PartialSegError(f"{shown(path)}: is a folder; give {what} the name of a file in it")
        for source, role in read.items():
            if _same(path, source) or (source.is_dir() and _below(path, source)):
                raise PartialSegError(f"{shown(path)}: is {role}; give the map another name, nothing was written")
    check_target(output, endings=GEOTIFF, protected=read, beside=(_NAMES, _STYLE))
    if confidence is not None:
        check_target(confidence, endings=GEOTIFF, protected=read)
    return tuple(read)


def check_room(output: Path, confidence: Path | None, image: Path, shape: tuple[int, int]) -> None:
    """Raise PartialSegError where the disk has no room for a map of this size, before any of it is taken.

    A map is compressed to a quarter of a byte a pixel at the most, as good as always; the confidence takes a byte a
    pixel until the map is whole.
    """
    pixels = shape[0] * shape[1]
    size = f"{shape[0]:,} x {shape[1]:,} pixels"
    way_out = "choose a folder on another disk; if the image is not that large, the file is damaged: copy it again"
    sizes = {output: pixels // 4}
    if confidence is not None:
        sizes[confidence] = pixels + (pixels // 4 if confidence.parent == output.parent else 0)
    for path, room in sizes.items():
        need_disk(room, path.absolute().parent, f"{path.name}, the map of {image} ({size}),", way_out)


def _parts(image: Path) -> list[Path]:
    """Return the files that GDAL reads for an image: the sources of a mosaic, masks, georeference."""
    if not image.is_file():
        return []
    with suppress(PartialSegError), open_dataset(image) as dataset:
        return [Path(name) for name in dataset.files]
    return []


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):  # one of them is not there
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def _below(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


class BlockStore:
    """Blocks that wait on the disk until they can be written: read again in the order in which they came.

    A plain file without a name, in the folder of what will be written: the system takes it away whatever ends this
    process, it is on the disk whose room is wanted anyhow, and where there is none that is an error at the start. (A
    mapped file would end the process by a signal there.)

    Parameters
    ----------
    target : Path or None
        What the blocks will be written to; None keeps none.
    shape : tuple of int
        (H, W) of all blocks together, a byte a pixel.
    """

    def __init__(self, target: Path | None, shape: tuple[int, int]) -> None:
        self._target = target
        self._file: Any = None
        self._regions: list[Region] = []
        if target is None:
            return
        with self._writing():
            self._file = tempfile.TemporaryFile(dir=target.absolute().parent, prefix=".")  # closed below
            try:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(self._file.fileno(), 0, shape[0] * shape[1])
            except OSError as error:
                if disk_is_full(error) or error.errno == errno.EFBIG:
                    self._file.close()
                    raise
                # Not every file system can set room aside; the writing will tell.

    def _writing(self) -> _Writing:
        return _Writing(self._target)

    def add(self, region: Region, values: NDArray[np.uint8]) -> None:
        """Keep a block (h, w), uint8.

        Raises
        ------
        PartialSegError
            The disk is full.
        """
        if self._file is not None:
            with self._writing():
                self._file.write(np.ascontiguousarray(values).tobytes())
            self._regions.append(region)

    def blocks(self) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
        """Yield what was kept."""
        if self._file is None:
            return
        with self._writing():
            self._file.seek(0)
        for region in self._regions:
            with self._writing():
                content = self._file.read(region.height * region.width)
            yield region, np.frombuffer(content, np.uint8).reshape(region.shape)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()


class _Writing:
    """Turns what the system says about the scratch file into an error that names what it is for."""

    def __init__(self, target: Path | None) -> None:
        self._target = target

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(value, OSError):
            raise PartialSegError(
                f"{self._target}: the confidence cannot be written ({why_not_written(value)}). Make room or choose "
                "another folder; an older file is as it was."
            ) from value
