"""What is handed to the writer: exact copies, by chunk, without what is not a class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.classes import LANDCOVER_AI
from annotations.errors import LabelError
from annotations.region import Region
from annotations.store.mask import SparseMask
from annotations.store.submits import Submit, cut

SHAPE = (1100, 1300)
N = len(LANDCOVER_AI)


@pytest.fixture(scope="module")
def mask(tmp_path_factory):
    return SparseMask.create(tmp_path_factory.mktemp("mask") / "labels.zarr", SHAPE, LANDCOVER_AI)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_pieces_put_together_are_what_was_handed_over(mask, seed, strange):
    rng = np.random.default_rng(seed)
    region = Region(int(rng.integers(0, 1000)), int(rng.integers(0, 1200)), 100, int(rng.integers(1, 100)))
    labels = rng.integers(-1, N + (2 if strange else 0), region.shape).astype(np.int8)
    labels[: region.height // 2][rng.random() < 0.5] = -1
    labels[-1, -1] = 0
    numbers = np.where(labels >= 0, rng.integers(0, 9, region.shape), 0).astype(np.uint32)
    pieces = cut(region, labels, numbers, mask)
    good = (labels >= 0) & (labels < N)
    found, given_numbers = np.full(region.shape, 99, np.int8), np.full(region.shape, 99, np.uint32)
    for piece in pieces:
        assert piece.region.top // mask.chunk == (piece.region.bottom - 1) // mask.chunk
        assert piece.region.left // mask.chunk == (piece.region.right - 1) // mask.chunk
        place = piece.region.within(region).slices
        found[place] = -1 if piece.labels is None else piece.labels
        given_numbers[place] = 0 if piece.strokes is None else piece.strokes
    np.testing.assert_array_equal(found, np.where(good, labels, -1))
    np.testing.assert_array_equal(given_numbers, np.where(good, numbers, 0))
    labels[...], numbers[...] = 3, 7  # what is painted meanwhile is not in them
    assert all(piece.labels is None or not np.shares_memory(piece.labels, labels) for piece in pieces)
    assert all(piece.strokes is None or not np.shares_memory(piece.strokes, numbers) for piece in pieces)


def test_empty_ground_is_handed_over_without_arrays(mask):
    region = Region(0, 0, 1100, 600)
    pieces = cut(region, np.full(region.shape, -1, np.int8), np.ones(region.shape, np.uint32), mask)
    assert {(piece.labels, piece.strokes) for piece in pieces} == {(None, None)}
    assert len(pieces) == 3 * 2


@pytest.mark.parametrize("value", [-2, N, 100])
def test_labels_none_of_which_is_a_class_are_refused(mask, value):
    region = Region(500, 500, 30, 30)
    with pytest.raises(LabelError, match=str(value)):
        cut(region, np.full(region.shape, value, np.int16), np.ones(region.shape, np.uint32), mask)


def test_submits_are_told_apart_though_they_hold_the_same():
    region = Region(0, 0, 0, 0)
    assert len({Submit(region, [], []), Submit(region, [], [])}) == 2
