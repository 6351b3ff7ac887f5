"""An orthophoto: pixels by window, which of them count, and where they lie in the world."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.errors import RasterError
from annotations.georeference import Georeference
from annotations.rasters import RasterFile
from annotations.region import Region
from annotations.statistics import band_statistics
from annotations.zarr_images import ZarrImage, is_zarr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Georeference", "Orthophoto", "band_statistics", "open_orthophoto"]

_MIB: Final = 2**20
_HASHED_WHOLE: Final = 64 * _MIB
_SAMPLES: Final = 64


class Orthophoto:
    """An image of the ground: GeoTIFF and whatever else GDAL reads, PNG, JPEG, or a zarr array.

    May be read from several threads at once, and pickled (the copy opens the file again). Use `open_orthophoto`.

    Parameters
    ----------
    path : Path
        File or zarr folder.
    display_bands : sequence of int, optional
        One band or three to show, from 0; by default red, green and blue, else the first three, else the first.

    Attributes
    ----------
    path : Path
    shape : tuple of int
        (H, W) in pixels.
    bands : int
        Number of bands; transparency is not one of them.
    dtype : numpy dtype
    georeference : Georeference or None
    display_bands : tuple of int
    band_names : tuple of str
    """

    def __init__(self, path: Path, display_bands: Sequence[int] | None = None) -> None:
        """Open the file and read its header."""
        self.path = path
        self._source = ZarrImage(path) if is_zarr(path) else RasterFile(path)
        self.shape: tuple[int, int] = self._source.shape
        self.bands: int = self._source.bands
        self.dtype: np.dtype[Any] = self._source.dtype
        self.georeference: Georeference | None = self._source.georeference
        self.band_names: tuple[str, ...] = self._source.band_names
        self._chosen = None if display_bands is None else tuple(int(b) for b in display_bands)
        chosen = self._source.display_bands if self._chosen is None else self._chosen
        if len(chosen) not in (1, 3) or not all(0 <= b < self.bands for b in chosen):
            raise RasterError(
                f"{path}: cannot show bands {[b + 1 for b in chosen]}: choose one or three of its {self.bands} bands."
            )
        self.display_bands: tuple[int, ...] = chosen
        self._fingerprint: str | None = None

    def __repr__(self) -> str:
        return f"Orthophoto({str(self.path)!r}, {self.shape[0]} x {self.shape[1]} x {self.bands}, {self.dtype})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self._chosen)

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def has_mask(self) -> bool:
        """Whether `read_valid` can be anything but all True."""
        return self._source.has_mask

    def _check(self, region: Region) -> None:
        if not Region.whole(self.shape).contains(region):
            raise ValueError(f"{region} is not inside the image of {self.shape[0]} x {self.shape[1]} pixels")

    def read(self, region: Region, bands: Sequence[int] | None = None) -> NDArray[Any]:
        """Return the pixels of a region.

        Parameters
        ----------
        region : Region
            Inside the image.
        bands : sequence of int, optional
            Which bands, from 0; all by default.

        Returns
        -------
        ndarray, (h, w, c)
            A fresh, contiguous array of the image's own dtype.

        Raises
        ------
        RasterError
            That part of the file is damaged or missing.
        """
        self._check(region)
        if region.empty:
            return np.empty((*region.shape, self.bands if bands is None else len(bands)), self.dtype)
        return self._source.read(region, bands)

    def read_valid(self, region: Region) -> NDArray[np.bool_]:
        """Return (h, w): False where the image has nodata, is transparent, masked or not a number.

        A pixel is nodata where all its bands are.
        """
        self._check(region)
        return np.ones(region.shape, bool) if region.empty else self._source.read_valid(region)

    def thumbnail(self, max_side: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the image in small: pixels (h', w', bands) and which of them are valid (h', w').

        Nearest neighbour, so that statistics of it are those of the image; from overviews where the file has them.
        """
        scale = min(1.0, max_side / max(self.shape))
        small = max(1, round(self.shape[0] * scale)), max(1, round(self.shape[1] * scale))
        return self._source.decimated(small)

    @property
    def fingerprint(self) -> str:
        """What tells this image from another or from itself after a change: 32 hex digits.

        From the size, the type and the contents: of files up to 64 MiB all bytes, of larger ones the first and last MiB
        and 64 samples between; of zarr the chunks' names and sizes and the metadata. A copy has the same fingerprint.
        """
        if self._fingerprint is None:
            digest = hashlib.blake2b(digest_size=16)
            digest.update(json.dumps([*self.shape, self.bands, self.dtype.str]).encode())
            if self.path.is_dir():
                _hash_folder(self.path, digest)
            else:
                _hash_file(self.path, digest)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def close(self) -> None:
        """Close the file's handles; a later read opens them again."""
        self._source.close()


def _hash_file(path: Path, digest: Any) -> None:
    size = path.stat().st_size
    digest.update(str(size).encode())
    with path.open("rb") as file:
        if size <= _HASHED_WHOLE:
            while piece := file.read(_MIB):
                digest.update(piece)
            return
        digest.update(file.read(_MIB))
        for n in range(_SAMPLES):
            file.seek(_MIB + (size - 3 * _MIB) * n // _SAMPLES)
            digest.update(file.read(_MIB // 16))
        file.seek(size - _MIB)
        digest.update(file.read(_MIB))


def _hash_folder(path: Path, digest: Any) -> None:
    files = sorted(p for p in path.rglob("*") if p.is_file())
    chunks = [p for p in files if p.name not in ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")]
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()} {file.stat().st_size}\n".encode())
    for file in chunks[:: max(1, len(chunks) // _SAMPLES)]:
        with file.open("rb") as stream:
            digest.update(stream.read(_MIB // 16))
    for file in sorted(set(files) - set(chunks)):
        digest.update(file.read_bytes())


def open_orthophoto(path: str | Path, display_bands: Sequence[int] | None = None) -> Orthophoto:
    """Open an orthophoto.

    Parameters
    ----------
    path : str or Path
        GeoTIFF or another raster that GDAL reads, PNG, JPEG, or the folder of a zarr array.
    display_bands : sequence of int, optional
        One or three bands to show, from 0.

    Raises
    ------
    RasterError
        The file is missing, is no raster, or is cut off; the message says what to do.
    """
    path = Path(path).expanduser()
    if path.is_dir() and not is_zarr(path):
        raise RasterError(f"{path}: a folder, but not of a zarr array. Choose an image file in it.")
    return Orthophoto(path.absolute(), display_bands)
