from __future__ import annotations

import numpy as np
import pytest
import rasterio
from qtpy.QtWidgets import QFileDialog, QMessageBox
from rasterio import Affine


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_a_mask_without_a_place_is_asked_about_once(widget, tmp_path, qtbot, monkeypatch, answer):
    asked = []

    def reply(parent, title, text, *rest):
        asked.append(text)
        return getattr(QMessageBox.StandardButton, answer)

    monkeypatch.setattr(QMessageBox, "question", reply)
    shape = widget.session.opened_image.ortho.shape
    values = np.zeros(shape, np.uint8)
    values[20:30, 40:50] = 2
    np.save(tmp_path / "plain.npy", values)
    with qtbot.waitSignal(widget.mask_desk.done) as done:
        widget.mask_desk.load_truth(tmp_path / "plain.npy")
    assert len(asked) == 1
    assert "does not say where it lies" in asked[0]
    if answer == "No":
        assert widget.session.truth is None
        assert "not loaded" in done.args[0]
        return
    np.testing.assert_array_equal(widget.session.truth, values)
    with qtbot.waitSignal(widget.mask_desk.done):
        widget.mask_desk.import_labels(tmp_path / "plain.npy")
    assert len(asked) == 1


@pytest.mark.parametrize("question", ["which file", "where it lies"])
def test_labels_meant_for_one_project_do_not_get_into_the_next(widget, tmp_path, qtbot, monkeypatch, question):
    np.save(tmp_path / "plain.npy", np.full(widget.session.opened_image.ortho.shape, 2, np.uint8))

    def open_another():  # which is read while the question stands
        former = widget.session
        widget.open_path(tmp_path / "field.tif", folder=tmp_path / "another.partialseg")
        qtbot.waitUntil(lambda: widget.session not in (None, former))

    def which_file(*_):
        if question == "which file":
            open_another()
        return str(tmp_path / "plain.npy"), ""

    def lies_here(*_):
        open_another()
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QFileDialog, "getOpenFileName", which_file)
    monkeypatch.setattr(QMessageBox, "question", lies_here)
    with qtbot.waitSignal(widget.mask_desk.failed) as told:
        widget.board.masks.import_labels.emit()
    assert told.args[0].startswith("Nothing was done")
    assert widget.session.snapshot().project == tmp_path / "another.partialseg"
    assert widget.session.snapshot().labelled == 0


def test_labels_are_imported_where_their_ground_is(widget, tmp_path, qtbot):
    path = tmp_path / "moved.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=40, width=30, count=1, dtype="uint8", crs="EPSG:32640",
        transform=Affine(0.5, 0, 3e5 + 50, 0, -0.5, 2e6 - 20),
    ) as file:  # fmt: skip
        file.write(np.full((1, 40, 30), 3, np.uint8))
    with qtbot.waitSignal(widget.mask_desk.done):
        widget.mask_desk.import_labels(path)
    expected = np.full(widget.session.opened_image.ortho.shape, -1)
    expected[40:80, 100:130] = 3
    np.testing.assert_array_equal(widget.session.opened_image.labels, expected)
