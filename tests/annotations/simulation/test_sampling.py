from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import pytest
from raster_helpers import a_truth

from annotations.simulation.sampling import (
    SimulatedStroke,
    paint_stroke,
    simulate_clicks,
    simulate_strokes,
)
from annotations.store.mask import read_mask

if TYPE_CHECKING:
    from pathlib import Path


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
