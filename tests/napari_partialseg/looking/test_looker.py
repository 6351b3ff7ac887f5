"""Panel and canvas in step: opacity, legend, scale bar; and what a person likes is remembered."""

from __future__ import annotations

import json

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from annotations.classes import ClassScheme, LandClass
from napari_partialseg.preferences import Preferences, prefer, read_preferences


def switch(widget, name):
    widget.board.view._switches[name].click()


def test_opacity_and_scale_bar_are_one_whoever_sets_them(mapped, settings_folder):
    widget = mapped()
    panel, layer = widget.board.view, widget.session.layers.prediction
    assert panel._opacity.value() == 50
    panel._opacity.setValue(80)
    assert layer.opacity == pytest.approx(0.8)
    layer.opacity = 0.25  # napari's slider
    assert (panel._opacity.value(), panel._opacity_text.text()) == (25, "25 %")
    bar = widget.viewer.canvas.overlays.scale_bar
    assert bar.visible
    assert not (settings_folder / "partialseg" / "preferences.json").exists()  # nobody has chosen anything
    bar.visible = False  # napari's menu
    assert not widget.board.view.is_on("scale_bar")
    widget.close_session()
    assert read_preferences() == Preferences(scale_bar=False)


def test_what_was_switched_off_stays_off(mapped):
    prefer(scale_bar=False, legend=True)
    widget = mapped()
    bar = widget.viewer.canvas.overlays.scale_bar
    assert not bar.visible
    assert widget.board.view.is_on("legend")
    switch(widget, "scale_bar")
    assert bar.visible
    assert read_preferences() == Preferences(scale_bar=True, legend=True)
    widget.close_session()
    assert not bar.visible  # as it was before
    assert read_preferences().scale_bar


@pytest.mark.parametrize("text", ["", "[]", '{"scale_bar": 1, "other": true}', "\x00"])
def test_preferences_that_cannot_be_read_are_the_usual(settings_folder, text):
    (settings_folder / "partialseg").mkdir(parents=True)
    (settings_folder / "partialseg" / "preferences.json").write_text(text)
    assert read_preferences() == Preferences()


def test_a_setting_of_a_later_version_does_no_harm(settings_folder):
    (settings_folder / "partialseg").mkdir(parents=True)
    (settings_folder / "partialseg" / "preferences.json").write_text(json.dumps({"legend": True, "later": 3}))
    assert read_preferences() == Preferences(legend=True)


def test_the_legend_names_the_classes_lets_the_mouse_through_and_fits_the_theme(mapped, canvas_of):
    widget = mapped(show=True)
    legend, canvas = widget.looker.legend, canvas_of(widget)
    assert not legend.isVisible()
    switch(widget, "legend")
    assert legend.isVisible()
    assert legend.shown_rows == list(widget.session.scheme.names)
    assert canvas.rect().contains(legend.geometry())
    assert legend.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    shot = legend.grab().toImage()
    ratio = shot.devicePixelRatio()
    colours = {shot.pixelColor(round(14 * ratio), y).name() for y in range(shot.height())}
    assert {item.colour.lower() for item in widget.session.scheme.classes} <= colours
    classes = widget.session.scheme.classes
    widget.board.classes.rename(0, "a name that is far longer than any legend on a canvas can be, which it is not")
    assert legend.width() <= 260
    many = ClassScheme((*classes, *(LandClass(f"class {n}", "#123456") for n in range(90))))
    legend.set_scheme(many)
    assert legend.shown_rows[-1] == f"and {95 - len(legend.shown_rows) + 1} more"
    assert canvas.rect().contains(legend.geometry())
    QApplication.processEvents()
    legend.grab()
    lightness = {}
    for theme in ("light", "dark"):
        widget.viewer.theme = theme
        shot = widget.looker.legend.grab().toImage()
        lightness[theme] = shot.pixelColor(shot.width() - 6, 4).lightness()
    assert lightness["light"] > lightness["dark"] + 50
