"""Names of files and classes are no markup, wherever they are shown, and napari's help names the keys that hold."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtGui import QTextDocument
from qtpy.QtWidgets import QLabel, QMessageBox

from napari_partialseg.io import reader as _reader
from napari_partialseg.panels.export import ExportPanel
from napari_partialseg.session.hand import TOOL_KEYS
from napari_partialseg.words import without_markup

NAME = "<b>x</b> & <i>y</i>"


def named(orthophoto, folder):
    folder.mkdir()
    return shutil.copy(orthophoto[0], folder / "a<i>b.tif")


def seen(text):
    """Return what a label or a box shows of a text."""
    if not Qt.mightBeRichText(text):
        return text.replace("\u200b", "")
    document = QTextDocument()
    document.setHtml(text)
    return document.toPlainText()


@pytest.mark.parametrize("text", [NAME, "<b>", "&lt;b&gt;", "a\n<img src='x'>", "plain"])
def test_a_text_without_markup_shows_the_same(text):
    assert not Qt.mightBeRichText(without_markup(text))
    assert seen(without_markup(text)) == text


def test_class_names_in_the_status_bar(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    scheme = widget.session.scheme
    widget.session.labels.set_scheme(
        replace(scheme, classes=(*scheme.classes[:-1], replace(scheme.classes[-1], name=NAME)))
    )
    bar = widget.viewer.window._qt_window.statusBar()
    bar.setStatusText(NAME, coordinates=f"class: {NAME}")
    labels = [label for label in bar.findChildren(QLabel) if NAME in label.text()]
    assert len(labels) == 2
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)


def test_file_names_in_napari_s_layer_list(scene, orthophoto, tmp_path):
    widget = scene(named(orthophoto, tmp_path / "n"))
    image = widget.session.layers.image
    tip = image.get_source_str()
    assert seen(tip).startswith("a<i>b")
    widget.close_session()
    assert "get_source_str" not in vars(image)


def test_file_names_in_napari_s_notifications(qapp, tmp_path, monkeypatch, qtbot):
    told = []
    monkeypatch.setattr(_reader, "show_error", told.append)
    path = tmp_path / "a<i>b.tif"
    path.write_text("no raster")
    _reader._read_or_tell(str(path))
    qtbot.waitUntil(lambda: bool(told))
    assert not Qt.mightBeRichText(told[0])
    assert "a<i>b.tif" in seen(told[0])


def test_file_names_in_questions(scene, orthophoto, tmp_path, monkeypatch):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    asked = []
    answer = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda parent, title, text, *more: asked.append(text) or answer)
    widget.exporter._may_replace(tmp_path / "a<i>b.tif")
    widget.mask_desk._ask_aligned("a<i>b.tif", ValueError("a<i>b.tif has no place"))
    assert len(asked) == 2
    assert all("a<i>b.tif" in seen(text) for text in asked)


def test_file_names_in_the_progress_of_an_export(qtbot, display):
    panel = ExportPanel()
    qtbot.addWidget(panel)
    panel.show_busy("writing 50%p of %m.tif")
    assert panel._bar.text().replace("\u200b", "") == "writing 50%p of %m.tif"
    panel.show_busy("")
    panel.show_part(0.4)
    assert panel._bar.text() == "40 %"


def test_the_help_names_the_keys_that_hold(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    viewer, layers = widget.viewer, widget.session.layers
    for tool in TOOL_KEYS:
        widget.session.hand.take_tool(tool)
        viewer.update_status_from_cursor()
        assert "P brush" in viewer.help
        assert "<" not in viewer.help
    viewer.layers.selection.active = layers.image
    assert "P brush" in viewer.help
    other = viewer.add_labels(np.zeros((9, 9), np.uint8))
    assert "P brush" not in viewer.help
    other.mode = "paint"
    assert "<" in viewer.help  # napari's own, for a layer that is not ours
    widget.close_session()
    assert all("P brush" not in layer.help for layer in viewer.layers if isinstance(layer, Labels))
