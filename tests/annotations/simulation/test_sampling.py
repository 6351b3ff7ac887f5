from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.simulation.sampling import (
    SimulatedStroke,
    paint_stroke,
    random_mask,
    simulate_clicks,
    simulate_strokes,
)
from annotations.store.mask import read_mask

if TYPE_CHECKING:
    from pathlib import Path


def a_truth(seed, shape=(70, 90), classes=4):
    """Patches of classes, some unknown."""
    rng = np.random.default_rng(seed)
    small = rng.integers(-1, classes, (shape[0] // 10, shape[1] // 10)).astype(np.int8)
    return np.kron(small, np.ones((10, 10), np.int8))


@given(st.integers(0, 1000), st.floats(0, 1), st.booleans(), st.booleans())
def test_random_masks_are_exact_in_count(seed, fraction, per_class, unsigned):
    truth = a_truth(seed)
    given_truth = truth.view(np.uint8) if unsigned else truth  # -1 is then 255
    mask = random_mask(given_truth, fraction, seed, n_classes=4, per_class=per_class)
    assert mask.dtype == np.int8
    drawn = mask >= 0
    np.testing.assert_array_equal(mask[drawn], truth[drawn])
    if per_class:
        for c in range(4):
            there = int((truth == c).sum())
            assert (mask == c).sum() == max(round(fraction * there), int(there > 0 and fraction > 0))
    else:
        assert drawn.sum() == round(fraction * (truth >= 0).sum())
    np.testing.assert_array_equal(mask, random_mask(given_truth, fraction, seed, n_classes=4, per_class=per_class))


def test_a_share_of_all_pixels_is_capped_by_the_known_ones():
    truth = np.full((100, 100), -1, np.int8)
    truth[:50, :80] = 1
    assert (random_mask(truth, 0.25, 0, n_classes=2, per="all") >= 0).sum() == 2500
    assert (random_mask(truth, 0.9, 0, n_classes=2, per="all") >= 0).sum() == 4000


def test_other_seeds_draw_other_pixels_and_every_pixel_has_its_chance():
    truth = np.zeros((1100, 30), np.int8)  # three strips
    counts = np.zeros(truth.shape, int)
    for seed in range(60):
        counts += random_mask(truth, 0.2, seed, n_classes=1) >= 0
    share = counts / 60
    # Each pixel is a binomial of 60 at 0.2; strips and columns are means over thousands of them.
    assert counts.max() < 40
    assert abs(share[:512].mean() - 0.2) < 0.005
    assert abs(share[1024:].mean() - 0.2) < 0.02
    assert np.abs(share.mean(axis=0) - 0.2).max() < 0.02


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_fractions_outside_0_and_1_are_refused(fraction):
    with pytest.raises(ValueError, match="between 0 and 1"):
        random_mask(np.zeros((4, 4), np.int8), fraction, 0, n_classes=1)


def test_simulated_strokes_are_those_of_the_generator_behind_the_published_figures(shared_data: Path):
    source = shared_data.parent / "tools" / "simulated_strokes.py"
    if not source.exists():
        pytest.skip(f"no {source}")
    spec = importlib.util.spec_from_file_location("generator", source)
    assert spec is not None and spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    truth = read_mask(shared_data / "dubai" / "masks" / "tile_2.tif", n_classes=5)[:800, :700]
    mask = np.full(truth.shape, -1, np.int8)
    strokes = simulate_strokes(truth, seed=7, width=6)
    for stroke in strokes:
        region = paint_stroke(mask, truth, stroke)
        assert (mask[region.slices] == stroke.label).any()
    np.testing.assert_array_equal(mask, generator.simulate_strokes(truth, seed=7, width=6))
    # Each stroke alone stays where its own region says.
    for stroke in strokes:
        alone = np.full(truth.shape, -1, np.int8)
        region = paint_stroke(alone, None, stroke)
        assert (alone >= 0).sum() == (alone[region.slices] >= 0).sum() > 0


def test_strokes_stay_inside_their_class_and_the_image():
    truth = a_truth(3)
    for stroke in simulate_strokes(truth, 3, steps=30, seed=1, n_classes=4):
        rows, columns = np.rint(stroke.path).astype(int).T
        assert (truth[rows, columns] == stroke.label).all()
    mask = np.full((5, 5), -1, np.int8)
    paint_stroke(mask, None, SimulatedStroke(1, np.array([[0.0, 0.0]]), 3))
    assert (mask == 1).sum() == 4


def test_clicks_lie_on_their_class_and_differ():
    truth = a_truth(5)
    clicks = simulate_clicks(truth, 4, 0, n_classes=4)
    assert len(set(clicks)) == len(clicks) == 4 * len({c for c in range(4) if (truth == c).any()})
    assert all(truth[row, column] == label for row, column, label in clicks)
    assert clicks == simulate_clicks(truth, 4, 0, n_classes=4)
    assert clicks != simulate_clicks(truth, 4, 1, n_classes=4)
