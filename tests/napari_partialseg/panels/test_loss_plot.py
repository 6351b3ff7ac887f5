"""The curve of the loss: whatever the values are, it paints."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtGui import QImage

from napari_partialseg.panels.loss_plot import LossPlot

pytestmark = pytest.mark.usefixtures("display", "qapp")


@pytest.fixture
def plot(qtbot):
    widget = LossPlot()
    qtbot.addWidget(widget)
    widget.resize(260, 84)
    return widget


def painted(plot):
    """Return how many pixels have the colour of the curve, and the picture."""
    picture = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    values = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), -1, 4)[:, : picture.width(), :3]
    return (np.abs(values.astype(int) - [0x41, 0xA5, 0xF2]).max(axis=2) < 40), values  # blue, green, red


@pytest.mark.parametrize(
    "values",
    [[], [0.5], [0.5, 0.5], [1e9, 1e-9], [0.0, 0.0, 0.0], [2.0 ** (-i / 40) for i in range(400)]],
    ids=["none", "one", "level", "wide", "zero", "many"],
)
def test_whatever_the_losses_are_it_paints(plot, values):
    for step, loss in enumerate(values):
        plot.add(step, loss)
    curve, _ = painted(plot)
    assert curve.any() == (len(values) >= 2)


def test_a_falling_loss_falls_on_the_screen(plot):
    for step in range(200):
        plot.add(step, 2.0 * 0.97**step)
    curve, _ = painted(plot)
    rows = [np.nonzero(curve[:, column])[0].mean() for column in range(50, 250, 40) if curve[:, column].any()]
    assert len(rows) >= 4
    assert all(later > earlier for earlier, later in pairwise(rows))


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_no_number_is_passed_over(plot, loss):
    plot.add(1, 0.5)
    plot.add(2, loss)
    assert plot.values == [(1, 0.5)]


def test_a_long_history_is_thinned_out_from_the_first_step_on(plot):
    for step in range(10000):
        plot.add(step, 1.0)
    steps = [step for step, _ in plot.values]
    assert len(steps) <= 600
    assert steps[0] == 0
    assert steps[-1] > 9900
    assert steps == sorted(set(steps))


def test_a_step_back_starts_the_curve_anew(plot):
    for step in range(50):
        plot.add(step, 1.0)
    plot.add(3, 2.0)
    assert plot.values == [(3, 2.0)]
