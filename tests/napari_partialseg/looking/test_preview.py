"""The smoothed map beside the map: what is seen, what stays as it is, and what is exported."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from annotations.cleaning.cleaning import Cleaning, cleaned
from annotations.region import Region
from napari_partialseg.looking import preview as module
from trainer import protocol


@pytest.fixture
def smoothed(mapped, qtbot):
    """Return a widget that shows its map without pieces below two square metres."""
    widget = mapped()
    widget.board.view._smallest.setValue(2.0)
    qtbot.waitUntil(lambda: widget.looker.preview.layer is not None)
    return widget


def test_it_shows_what_is_exported_and_the_map_stays(smoothed, tmp_path, qtbot):
    session, preview = smoothed.session, smoothed.looker.preview
    prediction = session.opened_image.prediction
    region, values = preview._shown
    whole = cleaned(np.array(prediction), Cleaning(1, 2.0), preview.pixel)
    assert np.array_equal(values, whole[region.slices])
    assert (prediction == 2).sum() == 8
    assert not (whole == 2).any()
    assert preview.value_at(40, 60) == 1
    assert np.allclose(preview.layer.translate, (region.top * 0.5, region.left * 0.5))
    assert session.viewer.layers.selection.active is session.layers.labels
    assert session.hand.tool == "brush"
    session.opened_image.has_prediction = True
    smoothed.exporter.export("map", tmp_path / "map.tif")
    qtbot.waitUntil(lambda: (tmp_path / "map.tif").exists())
    with rasterio.open(tmp_path / "map.tif") as file:
        assert np.array_equal(file.read(1), whole)
        # half a metre on the map is a little less on the ground there, as the polygons' area_m2 says too
        assert "pieces below 2 m2 (9 pixels)" in file.tags()["PARTIALSEG_SMOOTHED"]


def test_it_follows_the_map_and_goes_when_it_is_not_wanted(smoothed, qtbot):
    session, preview = smoothed.session, smoothed.looker.preview
    layer, below = preview.layer, session.layers.prediction
    below.opacity = 0.3
    assert layer.opacity == 0.3
    below.visible = False
    assert not layer.visible
    below.visible = True
    assert layer.visible
    session.opened_image.prediction[:] = 4
    tile = protocol.Tile(Region(0, 0, 192, 256), 1, 1)
    session.worker.tiles.emit(protocol.Tiles((tile,)))
    qtbot.waitUntil(lambda: preview.value_at(5, 5) == 4)
    assert (layer.data == 4).all()
    panel = smoothed.board.view
    panel._shown.setChecked(False)
    assert preview.layer is None
    session.opened_image.prediction[40, 60] = 2
    assert preview.value_at(40, 60) == 2
    assert panel.cleaning == Cleaning(1, 2.0)  # still for exports
    panel._shown.setChecked(True)
    qtbot.waitUntil(lambda: preview.layer is not None)
    session.viewer.layers.remove(preview.layer)  # by the person
    assert not panel.cleaning_shown
    assert preview.layer is None
    smoothed.close_session()
    assert not any("smoothed" in layer.name for layer in smoothed.viewer.layers)
    assert not panel.cleaning


def test_why_there_is_none_is_said(mapped, qtbot, monkeypatch):
    monkeypatch.setattr(module, "MOST_PIXELS", 100)
    widget = mapped()
    with qtbot.waitSignal(widget.looker.preview.told, check_params_cb=lambda text: "Zoom in" in text):
        widget.board.view._window.setCurrentIndex(1)
    assert widget.looker.preview.layer is None
    assert "Zoom in" in widget.board.view._said.text()

    def fails(*_, **__):
        raise MemoryError("no room")

    monkeypatch.setattr(module, "MOST_PIXELS", 10**9)
    monkeypatch.setattr(module, "cleaned_view", fails)
    with qtbot.waitSignal(widget.looker.preview.told, check_params_cb=lambda text: "no room" in text):
        widget.board.view._window.setCurrentIndex(2)
    assert widget.looker.preview.layer is None
