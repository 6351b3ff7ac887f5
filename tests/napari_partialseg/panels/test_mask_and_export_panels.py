"""The panels of random and imported labels, and of exports: what they ask for."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox
from viewer_helpers import button

from napari_partialseg.panels.export import KINDS, ExportPanel
from napari_partialseg.panels.masks import MasksPanel

pytestmark = pytest.mark.usefixtures("display", "qapp")


def test_random_labels_need_a_truth_and_are_asked_for_as_a_share(qtbot):
    panel = MasksPanel()
    qtbot.addWidget(panel)
    draw = button(panel, "Draw random labels")
    assert not draw.isEnabled()
    panel.show_truth("truth.tif")
    button(panel, "15 %").click()
    panel.findChild(QCheckBox).setChecked(True)
    with qtbot.waitSignal(panel.draw_random) as caught:
        qtbot.mouseClick(draw, Qt.MouseButton.LeftButton)
    assert caught.args == [pytest.approx(0.15), 42, True]
    panel.show_truth("")
    assert not draw.isEnabled()


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("Load truth mask…", "load_truth"),
        ("Import labels from a file…", "import_labels"),
        ("Remove random labels", "clear_random"),
    ],
)
def test_the_mask_buttons_ask_for_what_they_say(qtbot, text, signal):
    panel = MasksPanel()
    qtbot.addWidget(panel)
    with qtbot.waitSignal(getattr(panel, signal)):
        button(panel, text).click()


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_of_file_has_its_button(qtbot, kind):
    panel = ExportPanel()
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.export) as caught:
        button(panel, KINDS[kind][0]).click()
    assert caught.args == [kind]


def test_one_export_at_a_time_and_it_can_be_given_up(qtbot):
    panel = ExportPanel()
    qtbot.addWidget(panel)
    cancel = button(panel, "Cancel")
    assert cancel.isHidden()
    begun = []
    panel.begun.connect(lambda: begun.append(panel.last))
    panel.show_busy("predicting the whole image")
    panel.show_busy("writing map.tif")
    assert begun == [cancel]  # once, so that the panel does not scroll away under the hand
    panel.show_part(0.4)
    assert panel._bar.value() == 40
    assert not any(button(panel, text).isEnabled() for text, _, _ in KINDS.values())
    with qtbot.waitSignal(panel.cancel):
        cancel.click()
    panel.show_busy("")
    assert cancel.isHidden()
    assert all(button(panel, text).isEnabled() for text, _, _ in KINDS.values())
