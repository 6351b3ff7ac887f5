from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import platformdirs
import pytest
import rasterio

from annotations.classes import LANDCOVER_AI
from annotations.errors import RasterError
from annotations.sample import files, make_sample, sample_paths, write_landcover_layout, write_sample
from annotations.sample.canvas import METRE, PIXEL, Sun, ribbon
from annotations.sample.light import shadows
from annotations.sample.noise import fractal, lattice

SIZE = 640
UNEVEN = 1050  # 3 cells a row, of which the last is cut off


@cache
def scene(seed, size):
    """A sample, made once: what is written is compared with it, and the tests may not change it."""
    made = make_sample(seed, size)
    for array in (made.image, made.truth):
        array.setflags(write=False)
    return made


@pytest.fixture
def made_once(monkeypatch):
    """Let files be written of samples that were made before."""
    monkeypatch.setattr(files, "make_sample", scene)


@pytest.fixture
def sample():
    return scene(0, 1024)


def _digest(seed: int, size: int) -> str:
    made = scene(seed, size)
    return hashlib.sha256(made.image.tobytes() + made.truth.tobytes()).hexdigest()


def test_shapes_types_and_place(sample):
    assert sample.image.shape == (1024, 1024, 3)
    assert sample.image.dtype == np.uint8
    assert sample.truth.shape == (1024, 1024)
    assert sample.truth.dtype == np.uint8
    a, b, _, d, e, _ = sample.transform
    assert (a, b, d, e) == (0.25, 0.0, 0.0, -0.25)
    assert sample.crs == "EPSG:2180"


@pytest.mark.parametrize("seed", [401, 402])  # those of the small data set below
def test_every_class_has_its_share_and_nothing_else_is_there(seed):
    truth = scene(seed, UNEVEN).truth
    counts = np.bincount(truth.ravel(), minlength=len(LANDCOVER_AI))
    assert len(counts) == len(LANDCOVER_AI)
    assert (counts / truth.size >= 0.02).all()


def test_same_seed_gives_the_same_bytes_with_other_threads_and_hash_seed():
    code = (
        "import hashlib; from annotations.sample import make_sample; s = make_sample(3, 512);"
        "print(hashlib.sha256(s.image.tobytes() + s.truth.tobytes()).hexdigest())"
    )
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    other = subprocess.run(
        [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True, timeout=60
    )
    assert other.stdout.strip() == _digest(3, 512)


def test_neighbouring_seeds_are_different_scenes():
    truths = [scene(seed, 512).truth for seed in (1, 2, 3)]
    for first, second in ((0, 1), (1, 2), (0, 2)):
        assert (truths[first] != truths[second]).mean() > 0.2


def test_colour_alone_does_not_tell_the_classes(sample):
    colours = sample.image.reshape(-1, 3)[::5].astype(np.float32)
    truth = sample.truth.ravel()[::5]
    means = np.stack([colours[truth == c].mean(axis=0) for c in range(5)])
    nearest = ((colours[:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)
    iou = [((nearest == c) & (truth == c)).sum() / ((nearest == c) | (truth == c)).sum() for c in range(5)]
    assert 0.1 < np.mean(iou) < 0.45


def test_shadows_darken_but_keep_the_class(sample):
    # Roofs, roads and fields all have pixels in deep shadow and in full sun under one class.
    grey = sample.image.mean(axis=-1)
    for index in (0, 1, 4):
        low, high = np.percentile(grey[sample.truth == index], [2, 90])
        assert low < 0.72 * high


def test_sample_too_small_for_all_classes_is_refused():
    with pytest.raises(ValueError, match="512"):
        make_sample(0, 300)


def test_geotiff_round_trip(tmp_path, made_once):
    image_path, truth_path = write_sample(tmp_path, seed=2, size=SIZE)
    made = scene(2, SIZE)
    assert (image_path.name, truth_path.name) == ("village.tif", "village_truth.tif")
    with rasterio.open(image_path) as image, rasterio.open(truth_path) as truth:
        assert image.crs == truth.crs == rasterio.crs.CRS.from_epsg(2180)
        assert tuple(image.transform)[:6] == tuple(truth.transform)[:6] == made.transform
        assert image.profile["tiled"]
        assert image.compression == rasterio.enums.Compression.deflate
        np.testing.assert_array_equal(np.moveaxis(image.read(), 0, -1), made.image)
        np.testing.assert_array_equal(truth.read(1), made.truth)
        assert truth.nodata == 255
    assert sorted(p.name for p in tmp_path.iterdir()) == ["village.tif", "village_truth.tif"]


def test_a_complete_sample_is_not_made_again(tmp_path, monkeypatch, made_once):
    paths = write_sample(tmp_path, seed=2, size=512)
    before = [p.stat().st_mtime_ns for p in paths]
    made = []
    monkeypatch.setattr(files, "make_sample", lambda *a: made.append(a) or scene(*a))
    assert write_sample(tmp_path, seed=2, size=512) == paths
    assert [p.stat().st_mtime_ns for p in paths] == before
    assert made == []
    write_sample(tmp_path, seed=3, size=512)
    assert made == [(3, 512)]


def test_a_torn_sample_is_made_again(tmp_path, made_once):
    image, _ = write_sample(tmp_path, seed=2, size=512)
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 3])
    write_sample(tmp_path, seed=2, size=512)
    with rasterio.open(image) as source:
        np.testing.assert_array_equal(np.moveaxis(source.read(), 0, -1), scene(2, 512).image)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, made_once):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(RasterError, match=r"file.*another folder"):
        write_sample(blocked / "inside", seed=2, size=512)


def test_the_shipped_sample_lives_in_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    monkeypatch.setattr(files, "make_sample", lambda seed, size: scene(2, 512))
    image, truth = sample_paths()
    assert image.is_file()
    assert truth.is_file()
    assert image.is_relative_to(tmp_path / "partialseg")


def test_layout_names_existing_patches(tmp_path, made_once):
    folder = write_landcover_layout(tmp_path / "data", seed=4, tiles=2, size=UNEVEN)
    parts = {name: (folder / f"{name}.txt").read_text().split() for name in ("train", "val", "test")}
    named = [patch for part in parts.values() for patch in part]
    assert len(named) == len(set(named)) == 8
    assert all(parts.values())
    for patch in named:
        stem, k = patch.rsplit("_", 1)
        row, column = divmod(int(k), 3)
        assert row < 2
        assert column < 2
        with (
            rasterio.open(folder / "images" / f"{stem}.tif") as image,
            rasterio.open(folder / "masks" / f"{stem}.tif") as mask,
        ):
            assert image.shape == mask.shape == (UNEVEN, UNEVEN)
            assert image.transform == mask.transform
            assert mask.read(1).max() < len(LANDCOVER_AI)


def test_layout_needs_a_tile(tmp_path):
    with pytest.raises(ValueError, match="tile"):
        write_landcover_layout(tmp_path, tiles=0)


@pytest.mark.parametrize("azimuth", [90, 150, 180, 225])
def test_a_tower_casts_a_shadow_of_the_right_length_away_from_the_sun(azimuth):
    sun = Sun(float(np.radians(azimuth)), float(np.radians(45)))
    height = np.zeros((201, 201), np.float32)
    height[98:103, 98:103] = 10
    shade = shadows(height, sun)
    rows, columns = np.nonzero(shade > 0.5)
    away = -np.array(sun.towards)
    reach = ((rows - 100) * away[0] + (columns - 100) * away[1]).max() * PIXEL
    assert reach == pytest.approx(10, abs=1.2)  # as long as high, from the middle of a tower 1.25 m wide
    assert ((rows - 100) * away[0] + (columns - 100) * away[1]).min() > -4
    assert shade[100, 100] == 0


def test_a_roof_that_faces_the_sun_is_brighter():
    sun = Sun(float(np.radians(180)), float(np.radians(45)))
    # South is down: a roof that falls towards larger rows faces the sun.
    assert sun.lambert(-0.5, 0.0) > 1.1
    assert sun.lambert(0.0, 0.0) == pytest.approx(1)
    assert sun.lambert(0.5, 0.0) < 0.6


def test_ribbon_measures_from_the_path():
    path = np.array([[50.0, -20.0], [50.0, 120.0]])
    strip = ribbon((100, 100), path, 5)
    assert strip is not None
    rows = np.arange(strip.slices[0].start, strip.slices[0].stop)
    expected = np.abs(rows - 50) * PIXEL
    inside = expected <= 5
    np.testing.assert_allclose(strip.distance[inside, 40], expected[inside], rtol=1e-5)
    assert np.isinf(strip.distance[~inside, 40]).all()
    assert strip.along[20, 60] - strip.along[20, 20] == pytest.approx(40 / METRE)
    assert ribbon((100, 100), path + 1000, 5) is None


@pytest.mark.parametrize("scale", [3.0, 17.5])
def test_noise_has_unit_spread_and_the_asked_grain(scale):
    field = lattice(np.random.default_rng(1), (400, 300), scale)
    assert field.shape == (400, 300)
    assert field.std() == pytest.approx(1, abs=0.2)
    near = np.corrcoef(field[:-1].ravel(), field[1:].ravel())[0, 1]
    far = np.corrcoef(field[: -int(4 * scale)].ravel(), field[int(4 * scale) :].ravel())[0, 1]
    assert near > 0.85
    assert abs(far) < 0.3
    assert fractal(np.random.default_rng(1), (200, 200), 30).std() == pytest.approx(1, abs=0.35)
