"""The block cache gives what the source gives, within its memory."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.region import Region
from trainer.pixels import BlockCache


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
