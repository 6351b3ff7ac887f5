from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from annotations.labels.shapes import disc
from annotations.simulation.patch_labels import click_mask, scribble_mask, spread_clicks


def a_truth(seed: int, classes: int = 4) -> np.ndarray:
    """Squares of 16 pixels, some unknown."""
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(-1, classes, (5, 6)), np.ones((16, 16), int)).astype(np.int8)


@given(st.integers(0, 500), st.integers(1, 30))
def test_clicks_go_round_the_classes(seed: int, count: int) -> None:
    truth = a_truth(seed)
    clicks = spread_clicks(truth, count, seed, n_classes=4)
    assert len(clicks) == count
    assert len(set(clicks)) == count
    assert clicks == spread_clicks(truth, count, seed, n_classes=4)
    for row, column, label in clicks:
        assert truth[row, column] == label
    each = [sum(label == c for _, _, label in clicks) for c in np.unique(truth[truth >= 0])]
    assert max(each) - min(each) <= 1


def test_other_seeds_begin_with_other_classes() -> None:
    truth = a_truth(3)
    assert len({spread_clicks(truth, 1, seed, n_classes=4)[0][2] for seed in range(40)}) == len(np.unique(truth)) - 1


@given(st.integers(0, 500), st.integers(0, 4))
def test_a_click_is_a_disc_of_its_class(seed: int, radius: int) -> None:
    truth = a_truth(seed)
    mask = click_mask(truth, 5, seed, n_classes=4, radius=radius)
    assert mask.dtype == np.int8
    expected = np.full(truth.shape, -1, np.int8)
    for row, column, label in spread_clicks(truth, 5, seed, n_classes=4, margin=radius + 1):
        region, inside = disc(truth.shape, row, column, radius)
        for r, c in np.argwhere(inside):
            if truth[region.top + r, region.left + c] >= 0:
                expected[region.top + r, region.left + c] = label
    np.testing.assert_array_equal(mask, expected)


def test_a_patch_without_truth_has_no_labels() -> None:
    nothing = np.full((40, 40), -1, np.int8)
    assert (click_mask(nothing, 5, 0, n_classes=4) == -1).all()
    assert (scribble_mask(nothing, 5, 0, n_classes=4) == -1).all()


@given(st.integers(0, 200))
def test_scribbles_are_true_and_of_every_class(seed: int) -> None:
    truth = a_truth(seed)
    mask = scribble_mask(truth, 2, seed, n_classes=4)
    drawn = mask >= 0
    np.testing.assert_array_equal(mask[drawn], truth[drawn])
    assert set(np.unique(mask[drawn])) == set(np.unique(truth[truth >= 0]))
    np.testing.assert_array_equal(mask, scribble_mask(truth, 2, seed, n_classes=4))
