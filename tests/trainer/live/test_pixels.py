"""The block cache gives what the source gives, within its memory."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import downscale_local_mean

from annotations.region import Region
from trainer.live.pixels import BlockCache, CoarsePixels, Pyramid


class Source:
    def __init__(self, array):
        self.array = array
        self.shape = array.shape[:2]
        self.bands = array.shape[2]
        self.reads = 0

    def read(self, region):
        self.reads += 1
        return self.array[region.slices]

    def read_valid(self, region):
        return np.ones(region.shape, bool)


ARRAY = np.random.default_rng(0).integers(0, 255, (700, 1100, 3), np.uint8)


@settings(max_examples=40, deadline=None)
@given(st.integers(-90, 690), st.integers(-90, 1090), st.integers(1, 300), st.integers(1, 300), st.integers(1, 3))
def test_padded_reads_equal_a_mirrored_array(top, left, height, width, megabytes):
    region = Region(top, left, height, width)
    if region.clipped(ARRAY.shape).height < 1 or region.clipped(ARRAY.shape).width < 1:
        return
    cache = BlockCache(Source(ARRAY), megabytes=megabytes)
    inside = region.clipped(ARRAY.shape)
    pads = (
        (inside.top - top, region.bottom - inside.bottom),
        (inside.left - left, region.right - inside.right),
        (0, 0),
    )
    expected = np.pad(ARRAY[inside.slices], pads, mode="reflect" if min(inside.shape) > 1 else "edge")
    assert (cache.read_padded(region) == expected).all()


def test_a_block_is_read_once_while_there_is_room():
    source = Source(ARRAY)
    cache = BlockCache(source, megabytes=100)
    for _ in range(3):
        cache.read(Region(0, 0, 700, 1100))
    assert source.reads == 6


def test_memory_is_bounded():
    source = Source(ARRAY)
    cache = BlockCache(source, megabytes=1)
    cache.read(Region(0, 0, 700, 1100))
    cache.read(Region(0, 0, 10, 10))
    assert source.reads == 7  # the first block had to make room
    assert cache._held <= 1_000_000


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_coarse_pixels_are_means_of_squares(height, width, level, seed):
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 60000, (height, width, 2)).astype(np.uint16)
    coarse = CoarsePixels(Source(array), level)
    factor = 1 << level
    rows, columns = (-(-size // factor) for size in (height, width))
    assert coarse.shape == (rows, columns)
    padded = np.pad(array, ((0, rows * factor - height), (0, columns * factor - width), (0, 0)), mode="edge")
    expected = downscale_local_mean(padded.astype(np.float64), (factor, factor, 1))
    whole = coarse.read(Region(0, 0, rows, columns))
    assert np.allclose(whole, expected, rtol=1e-5)
    top, left = int(rng.integers(rows)), int(rng.integers(columns))
    part = Region(top, left, int(rng.integers(1, rows - top + 1)), int(rng.integers(1, columns - left + 1)))
    assert (coarse.read(part) == whole[part.slices]).all()


def test_coarse_bytes_stay_bytes_and_levels_are_made_once():
    source = Source(ARRAY)
    pyramid = Pyramid(source)
    assert pyramid.at(2) is pyramid.at(2)
    pixels = pyramid.at(2).read(Region(0, 0, 100, 100))
    assert pixels.dtype == np.uint8
    assert abs(float(pixels.mean()) - float(ARRAY[:400, :400].mean())) < 0.6
    reads = source.reads
    pyramid.at(2).read(Region(0, 0, 90, 90))
    assert source.reads == reads


def test_a_square_with_any_data_counts():
    source = Source(np.zeros((5, 4, 1), np.uint8))
    source.read_valid = lambda region: np.eye(5, 4, dtype=bool)[region.slices]
    valid = CoarsePixels(source, 1).read_valid(Region(0, 0, 3, 2))
    assert valid.tolist() == [[True, False], [False, True], [False, False]]
