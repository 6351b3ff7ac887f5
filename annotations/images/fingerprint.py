"""What tells an image from another: its pixels, and not how they are packed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.region import Region

if TYPE_CHECKING:
    from pathlib import Path

    from annotations.images.channels import RasterSource

__all__ = ["file_fingerprint", "pixel_fingerprint", "sample_regions"]

_MIB: Final = 2**20
_HASHED_WHOLE: Final = 64 * _MIB
_SAMPLES: Final = 64
_WHOLE_PIXELS: Final = 16 * _MIB


def sample_regions(shape: tuple[int, int], side: int, per_axis: int = 8) -> list[Region]:
    """Return up to `per_axis` squared regions over an image, corners included; all of it where it is that small."""
    height, width = shape
    if height <= side * per_axis and width <= side * per_axis:
        return [Region.whole(shape)]
    tops = np.unique(np.linspace(0, max(0, height - side), per_axis).astype(int))
    lefts = np.unique(np.linspace(0, max(0, width - side), per_axis).astype(int))
    return [Region(int(t), int(c), side, side).clipped(shape) for t in tops for c in lefts]


def pixel_fingerprint(source: RasterSource) -> str:
    """Return 32 hex digits of size, types and pixels at full resolution.

    Of images up to 16 million pixels all, of larger ones 64 samples. Overviews, a georeference, statistics, another
    compression or tiling, band descriptions and colour tables change nothing.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(["pixels", *source.shape, *(c.dtype.str for c in source.channels)]).encode())
    everything = range(len(source.channels))
    if source.shape[0] * source.shape[1] <= _WHOLE_PIXELS:
        strip = max(1, 4 * _MIB // source.shape[1])
        regions = [
            Region(top, 0, min(strip, source.shape[0] - top), source.shape[1])
            for top in range(0, source.shape[0], strip)
        ]
    else:
        regions = sample_regions(source.shape, 512)
    for region in regions:
        digest.update(np.ascontiguousarray(source.read(region, everything)).data)
    return digest.hexdigest()


def file_fingerprint(path: Path, shape: tuple[int, int], bands: int, dtype: np.dtype[Any]) -> str:
    """Return what projects of earlier versions know an image by: of the file's bytes, 32 hex digits.

    Of files up to 64 MiB all bytes, of larger ones the first and last MiB and 64 samples between; of zarr the chunks'
    names and sizes and the metadata.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([*shape, bands, dtype.str]).encode())
    if path.is_dir():
        _hash_folder(path, digest)
    else:
        _hash_file(path, digest)
    return digest.hexdigest()


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
