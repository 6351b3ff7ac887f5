"""Rasters of every kind for tests: written by rasterio or by hand."""

from __future__ import annotations

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from annotations.images.gdal_raster import quiet_gdal
from annotations.region import Region

COLOURS = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
TRANSFORM = rasterio.Affine(0.25, 0, 340000, 0, -0.5, 2780000)


def noise(bands=3, shape=(70, 90), dtype=np.uint8, seed=0):
    """(h, w, bands) that look like an image: no two bands alike, few zeros."""
    high = 100 if np.dtype(dtype).kind == "f" else min(np.iinfo(dtype).max, 30000)
    return (np.random.default_rng(seed).random((*shape, bands)) * (high - 2) + 1).astype(dtype)


def save(path, pixels, *, colours=None, palette=None, mask=None, gcps=None, rpcs=None, **profile):
    height, width, bands = pixels.shape
    profile.setdefault("dtype", pixels.dtype)
    with quiet_gdal():
        dataset = rasterio.open(path, "w", height=height, width=width, count=bands, **profile)
        with dataset:
            if colours is not None:
                dataset.colorinterp = colours
            if palette is not None:
                dataset.write_colormap(1, palette)
            if gcps is not None:
                dataset.gcps = gcps
            if rpcs is not None:
                dataset.rpcs = rpcs
            dataset.write(np.moveaxis(pixels, -1, 0))
            if mask is not None:
                dataset.write_mask(mask)
    return path


def vrt(path, size, *bands, extra=""):
    """Write a VRT; each band is (type, file, band, more XML)."""
    height, width = size
    text = "".join(
        f'<VRTRasterBand dataType="{kind}" band="{n + 1}">{more}<SimpleSource><SourceFilename relativeToVRT="1">{name}'
        f"</SourceFilename><SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
        for n, (kind, name, band, more) in enumerate(bands)
    )
    path.write_text(f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{extra}{text}</VRTDataset>')
    return path


def whole(ortho):
    return ortho.read(Region.whole(ortho.shape))


def valid(ortho):
    return ortho.read_valid(Region.whole(ortho.shape))


def by_gdal(path):
    with quiet_gdal():
        dataset = rasterio.open(path)
    with dataset:
        return np.moveaxis(dataset.read(), 0, -1)


def a_truth(seed, shape=(70, 90), classes=4):
    """Patches of classes, some unknown."""
    rng = np.random.default_rng(seed)
    small = rng.integers(-1, classes, (shape[0] // 10, shape[1] // 10)).astype(np.int8)
    return np.kron(small, np.ones((10, 10), np.int8))
