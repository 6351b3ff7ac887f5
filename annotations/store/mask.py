"""Labels on disk: an int8 zarr array whose chunks exist only where somebody has drawn."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import zarr

from annotations.classes import UNLABELLED, ClassScheme, check_labels
from annotations.errors import LabelError, ProjectError, ProjectVersionError
from annotations.images.georeference import Georeference
from annotations.label_files.read import read_mask
from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MASK_FORMAT", "SparseMask", "read_mask"]

MASK_FORMAT: Final = 1
_KEY: Final = "partialseg"
CHUNK: Final = 512
"""Side of a chunk of a new mask, in pixels."""
_LARGEST_CHUNK: Final = 8192


class SparseMask:
    """Labels of one orthophoto as zarr v3: int8, -1 where unlabelled, one file a chunk, none for an empty chunk.

    Its attributes (under "partialseg") name the classes, the orthophoto's fingerprint, the CRS and the transform, so
    that the array can be read without the project around it. One process at a time may write.
    """

    def __init__(self, path: Path, array: zarr.Array[Any]) -> None:
        """Wrap an open array; use `create` or `open`."""
        self.path = path
        self._array = array
        self.shape: tuple[int, int] = (int(array.shape[0]), int(array.shape[1]))
        self.chunk: int = int(array.chunks[0])
        attributes: Any = array.attrs.asdict().get(_KEY) or {}
        self.scheme: ClassScheme = ClassScheme.from_json(attributes["classes"])
        self.fingerprint: str = str(attributes.get("fingerprint", ""))
        self.georeference: Georeference | None = Georeference.from_json(attributes)

    @classmethod
    def create(
        cls,
        path: Path,
        shape: tuple[int, int],
        scheme: ClassScheme,
        *,
        fingerprint: str = "",
        georeference: Georeference | None = None,
    ) -> SparseMask:
        """Make an array in which every pixel is unlabelled.

        Parameters
        ----------
        path : Path
            A folder that does not exist yet.
        shape : tuple of int
            (H, W) in pixels.
        scheme : ClassScheme
            What the class numbers mean; kept in the array's attributes.
        fingerprint : str
            Of the orthophoto.
        georeference : Georeference, optional
            Where the orthophoto lies; kept too.

        Raises
        ------
        ProjectError
            Something is there already.
        """
        path = Path(path)
        if path.exists():
            raise ProjectError(f"{path}: exists already; nothing was overwritten. Open it, or choose another name.")
        attributes: dict[str, Any] = {
            "format": MASK_FORMAT,
            "classes": scheme.to_json(),
            "fingerprint": fingerprint,
            **(georeference.to_json() if georeference else {"crs": "", "transform": None}),
        }
        array = zarr.create_array(
            path,
            shape=shape,
            chunks=(CHUNK, CHUNK),
            dtype="int8",
            fill_value=UNLABELLED,
            attributes={_KEY: attributes},
            dimension_names=("row", "column"),
        )
        return cls(path, array)

    @classmethod
    def open(cls, path: Path, *, writable: bool = False) -> SparseMask:
        """Open an array that `create` made.

        Raises
        ------
        ProjectError
            It is missing or damaged, or no mask of this tool.
        ProjectVersionError
            A newer version of the tool wrote it.
        """
        path = Path(path)
        mode: Literal["r", "r+"] = "r+" if writable else "r"
        try:
            array = zarr.open_array(path, mode=mode)
        except Exception as error:  # whatever zarr makes of what somebody wrote there
            raise _undescribed(path, error) from error
        attributes: Any = array.attrs.asdict().get(_KEY)
        if not isinstance(attributes, dict) or "classes" not in attributes or array.dtype != np.int8 or array.ndim != 2:
            raise ProjectError(f"{path}: a zarr array, but not labels of Partial Seg. Import it as a mask instead.")
        try:
            newer = int(attributes.get("format", 0)) > MASK_FORMAT
        except (TypeError, ValueError, OverflowError) as error:
            raise _undescribed(path, error) from error
        if newer:
            raise ProjectVersionError(
                f"{path}: written in format {attributes['format']}; this version reads up to {MASK_FORMAT}. "
                "Update Partial Seg to open it; nothing was changed."
            )
        if not 1 <= max(array.chunks) <= _LARGEST_CHUNK or array.chunks[0] != array.chunks[1] or array.fill_value != -1:
            raise _undescribed(path, f"chunks of {array.chunks}, empty is {array.fill_value}")
        try:
            return cls(path, array)
        except (LabelError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _undescribed(path, f"its classes or its place: {error}") from error

    def read(self, region: Region) -> NDArray[np.int8]:
        """Return the labels (h, w) of a region inside the mask.

        Raises
        ------
        ProjectError
            A chunk is damaged.
        """
        self._check(region)
        if region.empty:
            return np.empty(region.shape, np.int8)
        try:
            return np.asarray(self._array[region.slices], np.int8)
        except Exception as error:  # zarr, its codecs, numpy and the disk fail in many ways
            raise ProjectError(
                f"{self.path}: a chunk of the labels in rows {region.top} to {region.bottom}, columns {region.left} to "
                f"{region.right} is damaged ({error}). Restore it from a backup, or delete that chunk and draw again."
            ) from error

    def write(self, region: Region, labels: NDArray[Any]) -> None:
        """Write the labels (h, w) of a region inside the mask; only the chunks that meet it are touched.

        Raises
        ------
        LabelError
            A value is neither -1 nor a class; nothing is written.
        OSError
            The disk is full or failing; chunks already written stay whole, the others keep their old contents.
        """
        self._check(region)
        if labels.shape != region.shape:
            raise ValueError(f"labels of shape {labels.shape} do not fit {region}")
        checked = check_labels(labels, len(self.scheme), str(self.path))
        if not region.empty:
            self._array[region.slices] = checked

    def set_scheme(self, scheme: ClassScheme, *, checked: bool = False) -> None:
        """Change the classes; `checked` where it is known that no pixel carries one that goes.

        Raises
        ------
        LabelError
            Pixels carry a label that the new scheme does not have.
        """
        if len(scheme) < len(self.scheme) and not checked:
            counts = self.counts()
            for index in range(len(scheme), len(self.scheme)):
                if counts[index]:
                    raise LabelError(
                        f"{self.path}: {counts[index]} pixels carry {self.scheme[index].name!r} (class {index}), "
                        f"which the new scheme of {len(scheme)} classes lacks. Erase or relabel them first."
                    )
        attributes: Any = dict(self._array.attrs.asdict()[_KEY])  # type: ignore[arg-type]
        attributes["classes"] = scheme.to_json()
        self._array.attrs[_KEY] = attributes
        self.scheme = scheme

    def follow_scheme(self, scheme: ClassScheme) -> None:
        """Take classes that are in force already, by the project's file; where the disk fails the mask's own is left.

        That no pixel carries a class that goes is known. What is left follows on the next opening (`take_up`).
        """
        with suppress(OSError):
            self.set_scheme(scheme, checked=True)
        self.scheme = scheme

    def counts(self) -> NDArray[np.int64]:
        """Return how many pixels carry each class, (n,)."""
        total = np.zeros(256, np.int64)
        for top in range(0, self.shape[0], self.chunk):
            strip = self.read(Region(top, 0, min(self.chunk, self.shape[0] - top), self.shape[1]))
            total += np.bincount(strip.view(np.uint8).ravel(), minlength=256)
        return total[: len(self.scheme)]

    def has_labels_from(self, index: int) -> bool:
        """Whether any pixel carries a class of this index or a later one."""
        for top in range(0, self.shape[0], self.chunk):
            strip = self.read(Region(top, 0, min(self.chunk, self.shape[0] - top), self.shape[1]))
            if strip.size and int(strip.max()) >= index:
                return True
        return False

    def _check(self, region: Region) -> None:
        if not Region.whole(self.shape).contains(region):
            raise ValueError(f"{region} is not inside the mask of {self.shape[0]} x {self.shape[1]} pixels")


def _undescribed(path: Path, reason: object) -> ProjectError:
    text = str(reason).splitlines()[0][:200] if str(reason) else type(reason).__name__
    return ProjectError(
        f"{path}: the labels' description (zarr.json) is missing or damaged ({text}). "
        "The chunks under it are untouched: restore that one file from a backup."
    )
