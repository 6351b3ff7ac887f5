"""Files that are damaged anywhere: an error for people or pixels, never another exception."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import zarr
from raster_helpers import COLOURS, noise, save
from rasterio.enums import ColorInterp

from annotations.errors import PartialSegError, RasterError
from annotations.images.display import display_levels
from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import band_statistics
from annotations.region import Region

_LARGEST = 10**7


def use(path):
    """Do all that opening does; return whether it went well."""
    try:
        ortho = open_orthophoto(path)
        if ortho.shape[0] * ortho.shape[1] > _LARGEST:  # a damaged size: read a corner
            region = Region(ortho.shape[0] - 9, ortho.shape[1] - 9, 9, 9).clipped(ortho.shape)
            ortho.read(region)
            ortho.read_valid(region)
        else:
            assert np.isfinite(ortho.read(Region.whole(ortho.shape))).all()
            ortho.read_valid(Region.whole(ortho.shape))
            assert np.isfinite(band_statistics(ortho)).all()
            display_levels(ortho, None)
            assert len(ortho.fingerprint) == 32
        ortho.close()
    except PartialSegError as error:
        assert path.name in str(error)
        return False
    return True


def kinds(folder):
    pixels = noise(4, (40, 50))
    yield save(folder / "plain.tif", pixels, crs="EPSG:32640", transform=(0.5, 0, 3e5, 0, -0.5, 2e6))
    yield save(
        folder / "tiled.tif",
        noise(3, (40, 50), np.float32),
        tiled=True,
        blockxsize=16,
        blockysize=16,
        compress="deflate",
        predictor=3,
    )
    yield save(folder / "lzw.tif", pixels, compress="lzw", colours=[*COLOURS, ColorInterp.alpha], photometric="rgb")
    yield save(folder / "jpeg.tif", pixels[..., :3], compress="jpeg", photometric="ycbcr", tiled=True)
    yield save(folder / "p.png", pixels, driver="PNG")
    yield save(folder / "p.jpg", pixels[..., :3], driver="JPEG")
    yield save(folder / "p.jp2", pixels[..., :3], driver="JP2OpenJPEG")
    yield save(folder / "p.gif", pixels[..., :1], driver="GIF")


@pytest.mark.parametrize("seed", range(4))
def test_bytes_changed_or_cut_off(tmp_path, seed):
    rng = np.random.default_rng(seed)
    outcomes = set()
    for source in list(kinds(tmp_path)):
        content = np.frombuffer(source.read_bytes(), np.uint8)
        for attempt in range(12):
            damaged = content.copy()
            if attempt % 3 == 0:
                damaged = damaged[: rng.integers(0, len(damaged))]
            else:
                # Headers matter most: half of the changes fall into the first 300 bytes.
                reach = min(300, len(damaged)) if attempt % 3 == 1 else len(damaged)
                places = rng.integers(0, reach, rng.integers(1, 12))
                damaged[places] = rng.integers(0, 256, len(places))
            path = tmp_path / f"{attempt}-{source.name}"
            path.write_bytes(damaged.tobytes())
            outcomes.add(use(path))
    assert outcomes == {True, False}


@pytest.mark.parametrize("version", [2, 3])
def test_arrays_with_changed_chunks_or_metadata(tmp_path, version):
    rng = np.random.default_rng(version)
    source = tmp_path / "source.zarr"
    zarr.create_array(source, data=noise(3, (40, 50)), chunks=(16, 16, 3), zarr_format=version)
    files = sorted(p.relative_to(source) for p in source.rglob("*") if p.is_file())
    outcomes = set()
    for attempt in range(60):
        path = tmp_path / f"{attempt}.zarr"
        shutil.copytree(source, path)
        # Every other time the metadata.
        metadata = [f for f in files if f.name in ("zarr.json", ".zarray")]
        victim = path / (metadata[0] if attempt % 2 else files[rng.integers(len(files))])
        content = bytearray(victim.read_bytes())
        if attempt % 5 == 0:
            content = content[: rng.integers(0, len(content))]
        else:
            for place in rng.integers(0, len(content), rng.integers(1, 5)):
                content[place] = rng.integers(0, 256)
        victim.write_bytes(content)
        outcomes.add(use(path))
        shutil.rmtree(path)
    assert outcomes == {True, False}


@pytest.mark.parametrize("text", ["null", "[]", "{}", '{"zarr_format": 3}', "nonsense", "\xff"])
def test_arrays_whose_metadata_says_something_else(tmp_path, text):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=noise(1))
    (path / "zarr.json").write_text(text, encoding="latin-1")
    with pytest.raises(RasterError, match=r"a\.zarr"):
        open_orthophoto(path)


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_that_says_it_has_endless_bands_is_refused(tmp_path, version):
    path = tmp_path / "a.zarr"
    names = {"_ARRAY_DIMENSIONS": ["band", "y", "x"]}
    zarr.create_array(path, data=np.moveaxis(noise(3), -1, 0), zarr_format=version, attributes=names)
    metadata = path / ("zarr.json" if version == 3 else ".zarray")
    content = json.loads(metadata.read_text())
    content["shape"][0] = 10**6
    metadata.write_text(json.dumps(content))
    with pytest.raises(RasterError, match=r"a\.zarr.*1,000,000 bands"):
        open_orthophoto(path)
