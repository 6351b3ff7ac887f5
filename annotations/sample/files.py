"""The sample on disk: two GeoTIFFs for the viewer, or a small data set in the layout of LandCover.ai."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import platformdirs
import rasterio
from rasterio.errors import RasterioError
from rasterio.transform import Affine

from annotations.classes import LANDCOVER_AI, NOT_PREDICTED
from annotations.errors import RasterError
from annotations.sample.scene import VERSION, Sample, make_sample

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["PATCH", "sample_paths", "write_landcover_layout", "write_sample"]

PATCH: Final = 512
"""Side of a patch of LandCover.ai, in pixels."""
_TAG = "PARTIALSEG_SAMPLE"


def _stamp(seed: int, size: int) -> str:
    return f"version {VERSION}, seed {seed}, size {size}"


def _is_current(path: Path, stamp: str) -> bool:
    """Whether a file is the one that would be written; its last block is read, so a torn file is not."""
    if not path.is_file():
        return False
    try:
        with rasterio.open(path) as source:
            if source.tags().get(_TAG) != stamp:
                return False
            window = ((source.height - 1, source.height), (source.width - 1, source.width))
            source.read(window=window)
    except (RasterioError, OSError):
        return False
    return True


def _write(path: Path, array: NDArray[np.uint8], sample: Sample, stamp: str, **options: Any) -> None:
    """Write a (H, W) or (H, W, 3) array as a GeoTIFF, under its name only once it is complete."""
    bands = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.tif")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(partial, "w", **_profile(bands, sample), **options) as target:
            target.write(bands)
            target.update_tags(**{_TAG: stamp})
            if array.ndim == 2:
                target.write_colormap(1, {i: (*c.rgb, 255) for i, c in enumerate(LANDCOVER_AI.classes)})
        os.replace(partial, path)
    except (RasterioError, OSError) as error:
        raise RasterError(
            f"{path}: the sample orthophoto cannot be written ({error}). Free some space or choose another folder."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # gone already when all went well
            partial.unlink()


def _profile(bands: NDArray[np.uint8], sample: Sample) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "crs": sample.crs,
        "transform": Affine(*sample.transform),
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
    }


def _write_pair(image: Path, truth: Path, seed: int, size: int) -> NDArray[np.uint8] | None:
    """Write image and truth of a seed unless both are there; return the truth when it was made."""
    stamp = _stamp(seed, size)
    if _is_current(image, stamp) and _is_current(truth, stamp):
        return None
    sample = make_sample(seed, size)
    _write(image, sample.image, sample, stamp, photometric="RGB", predictor=2)
    _write(truth, sample.truth, sample, stamp, nodata=NOT_PREDICTED)
    return sample.truth


def write_sample(folder: str | Path, seed: int = 0, size: int = 2048) -> tuple[Path, Path]:
    """Write the sample of a seed into a folder, unless it is there already.

    Parameters
    ----------
    folder : path
        Made when missing.
    seed, size : int
        As for `make_sample`.

    Returns
    -------
    tuple of Path
        village.tif (3 bands uint8) and village_truth.tif (1 band uint8, class indices), both with CRS and transform.

    Raises
    ------
    RasterError
        The files cannot be written; what was there before is still there.
    """
    image, truth = Path(folder) / "village.tif", Path(folder) / "village_truth.tif"
    _write_pair(image, truth, seed, size)
    return image, truth


def sample_paths() -> tuple[Path, Path]:
    """Return image and truth of the sample that ships with the tool; made on first use, in the user's cache folder."""
    return write_sample(Path(platformdirs.user_cache_dir("partialseg")) / "sample")


def write_landcover_layout(folder: str | Path, seed: int = 0, tiles: int = 3, size: int = 1536) -> Path:
    """Write several samples in the layout of LandCover.ai: a data set that needs no download.

    Parameters
    ----------
    folder : path
        Gets images/STEM.tif, masks/STEM.tif, and train.txt, val.txt and test.txt of patch ids STEM_K. K counts the
        512-px cells row by row, from 0; cells cut off at the right and bottom edges are counted but not used.
    seed : int
        Chooses the tiles, none of which is the sample of `write_sample` of the same seed, and the split.
    tiles : int
        Number of orthophotos.
    size : int
        Their height and width in pixels.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RasterError
        A file cannot be written.
    """
    if tiles < 1:
        raise ValueError(f"a data set needs at least one tile, not {tiles}")
    folder = Path(folder)
    patches: list[str] = []
    for tile in range(tiles):
        number = 100 * seed + tile + 1
        stem = f"sample_{number}"
        _write_pair(folder / "images" / f"{stem}.tif", folder / "masks" / f"{stem}.tif", number, size)
        across, whole = -(-size // PATCH), size // PATCH
        patches += [f"{stem}_{row * across + column}" for row in range(whole) for column in range(whole)]
    order = np.random.default_rng([VERSION, seed, tiles]).permutation(len(patches))
    held = max(1, round(0.15 * len(patches))) if len(patches) >= 3 else 0
    parts = {"val": order[:held], "test": order[held : 2 * held], "train": order[2 * held :]}
    for name, chosen in parts.items():
        text = "".join(f"{patches[i]}\n" for i in sorted(chosen))
        partial = folder / f".{name}.{os.getpid()}.txt"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, folder / f"{name}.txt")
    return folder
