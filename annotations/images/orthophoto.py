"""An orthophoto: pixels by window, which of them count, and where they lie in the world."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.errors import RasterError
from annotations.images.band_roles import BandRoles, propose_roles, tagged_mask
from annotations.images.boundary import reading
from annotations.images.channels import Channel, RasterSource, common_dtype
from annotations.images.fingerprint import file_fingerprint, pixel_fingerprint, sample_regions
from annotations.images.gdal_raster import RasterFile
from annotations.images.georeference import Georeference
from annotations.images.missing import missing, unmistakable, without_data
from annotations.images.raster_checks import check_file
from annotations.images.zarr_image import ZarrImage, is_zarr
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["BandRoles", "Georeference", "Orthophoto", "open_orthophoto"]

_SAMPLE_SIDE: Final = 128
_DAMAGED: Final = "The file is damaged or changed while it was open: open it again, or copy it again."


class Orthophoto:
    """An image of the ground: GeoTIFF and whatever else GDAL reads, PNG, JPEG, or a zarr array.

    May be read from several threads at once, and pickled (the copy opens the file again). Use `open_orthophoto`.

    Parameters
    ----------
    path : Path
        File or zarr folder.
    display_bands : sequence of int, optional
        One band or three to show, from 0; by default red, green and blue, else the first three, else the first.
    roles : BandRoles, optional
        What each of the file's bands is for; by default what the file says and its values bear out.

    Attributes
    ----------
    path : Path
        As given.
    shape : tuple of int
        (H, W) in pixels.
    bands : int
        Number of bands that are learnt from; transparency is not one of them, a palette counts as its three colours.
    dtype : numpy dtype
        Of the bands that are learnt from.
    georeference : Georeference or None
        Where it lies; None where that is not known.
    display_bands : tuple of int
        Those shown, from 0: one or three.
    colour_bands : tuple of int
        Those shown unless others are chosen: red, green and blue where the file tells, from 0; one or three.
    band_names : tuple of str
        Of those learnt from.
    channels : tuple of Channel
        All bands of the file.
    roles : BandRoles
        What they are used for.
    notes : tuple of str
        What a person should know who opens it: sentences.
    """

    def __init__(self, path: Path, display_bands: Sequence[int] | None = None, roles: BandRoles | None = None) -> None:
        """Open the file and read its header."""
        self.path = path
        self._source: RasterSource = ZarrImage(path) if is_zarr(path) else RasterFile(path)
        self.shape: tuple[int, int] = self._source.shape
        self.channels: tuple[Channel, ...] = self._source.channels
        self.georeference: Georeference | None = self._source.georeference
        self._chosen_roles = roles
        self.roles, notes = self._roles_or_proposal(roles)
        self.notes: tuple[str, ...] = (*self._source.notes, *notes)
        learnt = [self.channels[i] for i in self.roles.learnt]
        self._palette = self._source.palette if self.roles.learnt == (0,) else None
        self.bands: int = 3 if self._palette is not None else len(learnt)
        self.dtype: np.dtype[Any] = np.dtype(np.uint8) if self._palette is not None else common_dtype(learnt)
        self.band_names: tuple[str, ...] = (
            ("red", "green", "blue") if self._palette is not None else tuple(c.name for c in learnt)
        )
        self._chosen = None if display_bands is None else tuple(int(b) for b in display_bands)
        self.colour_bands: tuple[int, ...] = self._usual_display(learnt)
        chosen = self.colour_bands if self._chosen is None else self._chosen
        if len(chosen) not in (1, 3) or not all(0 <= b < self.bands for b in chosen):
            raise RasterError(
                f"{path}: cannot show bands {[b + 1 for b in chosen]}: choose one or three of its {self.bands} bands."
            )
        self.display_bands: tuple[int, ...] = chosen
        self._nodata = tuple(c.nodata if self.roles.declared else None for c in learnt)
        # Values that no picture has are replaced before anybody computes with them.
        values = {v for v in (*self._nodata, *self.roles.nodata) if v is not None and np.isfinite(v)}
        self._fill_values = tuple(sorted(v for v in values if unmistakable(v)))
        self._fills = self._palette is None and (self.dtype.kind == "f" or bool(self._fill_values))
        self._fingerprint: str | None = None

    def __repr__(self) -> str:
        return f"Orthophoto({str(self.path)!r}, {self.shape[0]} x {self.shape[1]} x {self.bands}, {self.dtype})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self._chosen, self._chosen_roles)

    def _roles_or_proposal(self, roles: BandRoles | None) -> tuple[BandRoles, tuple[str, ...]]:
        count = len(self.channels)
        if roles is not None:
            wanted = (*roles.learnt, *(() if roles.mask is None else (roles.mask,)))
            if max(wanted) >= count:
                raise RasterError(
                    f"{self.path}: has {count} bands, and band {max(wanted) + 1} is asked for. "
                    "Choose among its own bands in the section Image."
                )
            return roles, ()
        proposal, notes = propose_roles(self.channels, self._sample)
        if proposal is None:
            raise RasterError(f"{self.path}: the file has no band besides transparency. Open the image it belongs to.")
        return proposal, notes

    def _usual_display(self, learnt: Sequence[Channel]) -> tuple[int, ...]:
        if self._palette is not None:
            return 0, 1, 2
        kinds = [c.interpretation for c in learnt]
        if all(colour in kinds for colour in ("red", "green", "blue")):
            return kinds.index("red"), kinds.index("green"), kinds.index("blue")
        return (0, 1, 2) if len(kinds) >= 3 else (0,)

    def _sample(self, indexes: Sequence[int]) -> NDArray[Any]:
        """Return (n, bands) pixels from all over the image, at full resolution and as they are."""
        regions = sample_regions(self.shape, _SAMPLE_SIDE)
        return np.concatenate([self._source.read(r, indexes).reshape(-1, len(indexes)) for r in regions])

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def has_mask(self) -> bool:
        """Whether `read_valid` can be anything but all True."""
        return (
            self.dtype.kind == "f"
            or self.roles.mask is not None
            or bool(self.roles.nodata)
            or any(v is not None for v in self._nodata)
            or (self.roles.declared and self._source.own_mask)
            or (self._palette is not None and bool((self._palette[:, 3] == 0).any()))
        )

    @property
    def has_own_mask(self) -> bool:
        """Whether the file has a mask beside its bands, used or not."""
        return self._source.own_mask

    @property
    def before(self) -> BandRoles | None:
        """Roles as versions up to the first would have had them; None where they are the same as these."""
        tagged = tagged_mask(self.channels)
        if tagged is None or self.roles.mask == tagged or tagged not in self.roles.learnt or len(self.roles.learnt) < 2:
            return None
        return self.roles.with_mask(tagged)

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
            A fresh, contiguous array of the image's own dtype. Where a value is not finite or a fill value that no
            picture has (-9999, -3.4e38, 1e20), there is the median of its band: one such value would spread through
            a network over everything around it. `read_valid` tells where that is.

        Raises
        ------
        RasterError
            That part of the file is damaged or missing.
        """
        self._check(region)
        if region.empty:
            return np.empty((*region.shape, self.bands if bands is None else len(bands)), self.dtype)
        with reading(self.path, "a part of the image cannot be read", _DAMAGED):
            return self._pixels(region, None, bands)

    def _pixels(self, region: Region | None, out: tuple[int, int] | None, bands: Sequence[int] | None) -> NDArray[Any]:
        wanted = list(range(self.bands) if bands is None else bands)
        if self._palette is not None:
            colours: NDArray[Any] = self._palette[:, :3][self._source.read(region, [0], out)[..., 0]]
            return colours if bands is None else np.take(colours, wanted, axis=2)
        pixels = self._source.read(region, [self.roles.learnt[b] for b in wanted], out)
        pixels = np.ascontiguousarray(pixels.astype(self.dtype, copy=False))
        bad = without_data(pixels, self._fill_values) if self._fills else None
        if bad is not None and bad.any():
            usual = self._usual[wanted]
            pixels = np.where(bad, usual, pixels)
        return pixels

    @functools.cached_property
    def _usual(self) -> NDArray[Any]:
        """The median of each band's data, (bands,)."""
        pixels = self._sample(self.roles.learnt).astype(self.dtype, copy=False)
        bad = without_data(pixels, self._fill_values)
        result = np.zeros(self.bands, self.dtype)
        for band in range(self.bands):
            known = pixels[:, band] if bad is None else pixels[~bad[:, band], band]
            if known.size:
                result[band] = np.sort(known)[known.size // 2]
        return result

    def read_valid(self, region: Region) -> NDArray[np.bool_]:
        """Return (h, w): False where the image has nodata, is transparent, masked or not a number.

        A pixel is nodata where all its bands are, or where one of them is not finite or a fill value no picture has.
        """
        self._check(region)
        if region.empty or not self.has_mask:
            return np.ones(region.shape, bool)
        with reading(self.path, "the mask of the image cannot be read", _DAMAGED):
            return self._valid(region, None)

    def _valid(self, region: Region | None, out: tuple[int, int] | None) -> NDArray[np.bool_]:
        shape = region.shape if region is not None else out or self.shape
        valid = np.ones(shape, bool)
        if self.roles.declared and self._source.own_mask:
            valid &= self._source.read_own_mask(region, out)
        if self.roles.mask is not None:
            valid &= self._source.read(region, [self.roles.mask], out)[..., 0] > 0
        if self._palette is not None:
            valid &= self._palette[:, 3][self._source.read(region, [0], out)[..., 0]] > 0
        if self.dtype.kind == "f" or self.roles.nodata or any(v is not None for v in self._nodata):
            pixels = self._source.read(region, self.roles.learnt, out)
            lost = missing(pixels, self._nodata, self.roles.nodata)
            if lost is not None:
                valid &= ~lost
        return valid

    def thumbnail(self, max_side: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the image in small: pixels (h', w', bands) and which of them are valid (h', w').

        Nearest neighbour, so that statistics of it are those of the image; from overviews where the file has them.
        """
        scale = min(1.0, max_side / max(self.shape))
        small = max(1, round(self.shape[0] * scale)), max(1, round(self.shape[1] * scale))
        with reading(self.path, "the image cannot be read", _DAMAGED):
            return self._pixels(None, small, None), self._valid(None, small) if self.has_mask else np.ones(small, bool)

    @property
    def fingerprint(self) -> str:
        """What tells this image from another or from itself after a change: 32 hex digits.

        From the size, the types and the pixels: overviews, a georeference or another compression change nothing, and
        neither does what the bands are used for. A copy has the same fingerprint.
        """
        if self._fingerprint is None:
            with reading(self.path, "the image cannot be read", _DAMAGED):
                self._fingerprint = pixel_fingerprint(self._source)
        return self._fingerprint

    def matches(self, fingerprint: str) -> bool:
        """Whether a fingerprint is this image's, be it the one that earlier versions took, of the file's bytes."""
        if fingerprint == self.fingerprint:
            return True
        plain = [c for c in self.channels if c.interpretation != "alpha"] or list(self.channels)
        palette = self._source.palette is not None
        with reading(self.path, "the file cannot be read", _DAMAGED):
            return fingerprint == file_fingerprint(
                self.path,
                self.shape,
                3 if palette else len(plain),
                np.dtype(np.uint8) if palette else common_dtype(plain),
            )

    def close(self) -> None:
        """Close the file's handles; a later read opens them again."""
        self._source.close()


def open_orthophoto(
    path: str | Path, display_bands: Sequence[int] | None = None, roles: BandRoles | None = None
) -> Orthophoto:
    """Open an orthophoto.

    Parameters
    ----------
    path : str or Path
        GeoTIFF or another raster that GDAL reads, PNG, JPEG, or the folder of a zarr array.
    display_bands : sequence of int, optional
        One or three bands to show, from 0.
    roles : BandRoles, optional
        What each band is for; by default what the file says and its values bear out.

    Raises
    ------
    RasterError
        The file is missing, is not a raster, or is cut off; the message says what to do.
    """
    with reading(path, "cannot be opened", "Choose an image file: GeoTIFF, PNG, JPEG or zarr."):
        path = Path(path).expanduser().absolute()
        check_file(path)
        if path.is_dir() and not is_zarr(path):
            raise RasterError(f"{path}: a folder, but not of a zarr array. Choose an image file in it.")
        return Orthophoto(path, display_bands, roles)
