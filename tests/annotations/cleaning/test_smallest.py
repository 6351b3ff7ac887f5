"""The smallest unit against the same rule in plain words, GDAL's sieve, and itself in other blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rasterio.features import sieve
from scipy import ndimage

from annotations.cleaning import pieces
from annotations.cleaning.smallest import dissolve_small
from annotations.errors import PartialSegError

MAPS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.sampled_from([0, 1, 2, 255]))


def _pieces(classes):
    """Return masks of the pieces, in the order of their first pixels."""
    found = []
    for value in np.unique(classes[classes != 255]):
        numbered, count = ndimage.label(classes == value)
        found += [numbered == n for n in range(1, count + 1)]
    return sorted(found, key=lambda mask: mask.ravel().argmax())


def _border(one, other):
    across = (one[:, :-1] & other[:, 1:]).sum() + (other[:, :-1] & one[:, 1:]).sum()
    return int(across + (one[:-1] & other[1:]).sum() + (other[:-1] & one[1:]).sum())


def _by_the_rule(classes, least):
    """Do the same with one mask a piece, looked for anew in each round."""
    classes = classes.copy()
    while True:
        masks = _pieces(classes)
        sizes = [int(mask.sum()) for mask in masks]
        moves = []
        for n, mask in enumerate(masks):
            beside = {k: b for k in range(len(masks)) if k != n and (b := _border(mask, masks[k]))}
            rivals = [k for k in beside if sizes[k] < least and (sizes[k], k) < (sizes[n], n)]
            if sizes[n] < least and beside and not rivals:
                best = max(beside, key=lambda k: (beside[k], sizes[k], -k))
                moves.append((mask, classes[masks[best]][0]))
        if not moves:
            return classes
        for mask, value in moves:
            classes[mask] = value


@given(MAPS, st.integers(0, 30))
def test_it_follows_the_rule(classes, least):
    before = classes.copy()
    result = dissolve_small(classes, least, block=1000)
    assert np.array_equal(classes, before)
    assert np.array_equal(result, _by_the_rule(classes, least))


@given(MAPS, st.integers(0, 30), st.integers(1, 15))
def test_the_blocks_do_not_matter(classes, least, block):
    whole = dissolve_small(classes, least, block=1000)
    assert np.array_equal(dissolve_small(classes, least, block=block), whole)
    inplace = classes.copy()
    dissolve_small(inplace, least, block=block, out=inplace)
    assert np.array_equal(inplace, whole)


@given(MAPS, st.integers(2, 40))
def test_no_small_piece_stays_that_has_a_neighbour(classes, least):
    result = dissolve_small(classes, least)
    assert np.array_equal(result == 255, classes == 255)
    known, _ = ndimage.label(classes != 255)
    for mask in _pieces(result):
        if mask.sum() < least:
            assert np.array_equal(mask, known == known[mask][0])  # all there is between what is not predicted
    assert np.array_equal(dissolve_small(result, least), result)


@given(st.data())
def test_specks_in_one_class_each_go_as_with_gdals_sieve(data):
    classes = np.zeros((40, 40), np.uint8)
    classes[:, 20:] = 1
    for row in range(1, 40, 6):
        for column in (2, 8, 13, 22, 28, 34):
            height, width = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
            classes[row : row + height, column : column + width] = data.draw(st.sampled_from([0, 1, 2]))
    least = data.draw(st.integers(2, 20))
    assert np.array_equal(dissolve_small(classes, least, block=17), sieve(classes, least))


def test_the_longest_border_decides_and_not_the_largest_neighbour():
    classes = np.zeros((12, 30), np.uint8)
    classes[:, :10] = 1  # a hedge of 120 pixels
    classes[:, 10:12] = 2  # along all of it a sliver
    classes[:6, 12:] = 255
    classes[6:, 12:] = 0  # and a field of 108 pixels, with two more rows below the sliver: the larger in one piece
    classes = np.vstack([classes, np.zeros((2, 30), np.uint8)])
    sliver = np.s_[:12, 10:12]
    assert set(dissolve_small(classes, 25)[sliver].ravel()) == {1}
    assert set(sieve(classes, 25)[sliver].ravel()) == {0}


def test_what_goes_on_beyond_a_cut_side_stays():
    classes = np.zeros((20, 20), np.uint8)
    classes[:2, :2] = 1
    classes[10:12, 10:12] = 2
    assert set(np.unique(dissolve_small(classes, 10))) == {0}
    assert set(np.unique(dissolve_small(classes, 10, cut=(True, False, False, False)))) == {0, 1}
    assert set(np.unique(dissolve_small(classes, 10, cut=(False, False, True, True)))) == {0}


def test_too_many_pieces_are_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(pieces, "_MOST_PARTS", 50)
    checks = np.indices((20, 20)).sum(axis=0).astype(np.uint8) % 2
    with pytest.raises(PartialSegError, match="Smooth it first"):
        dissolve_small(checks, 5)
