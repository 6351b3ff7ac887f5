"""The section Image: which bands are learnt from, which is the mask, what means no data."""

from __future__ import annotations

import json

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from viewer_helpers import on_disk, stroke

from annotations.images.band_roles import BandRoles
from annotations.images.gdal_raster import quiet_gdal
from napari_partialseg.panels.image import ImagePanel
from trainer import protocol


def four_bands(path):
    """Red, green, blue and a band that calls itself transparency but is an image."""
    pixels = np.random.default_rng(0).integers(1, 250, (4, 60, 80)).astype(np.uint8)
    with quiet_gdal():
        dataset = rasterio.open(
            path, "w", driver="GTiff", height=60, width=80, count=4, dtype="uint8", photometric="rgb"
        )
    with dataset:
        dataset.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
        dataset.write(pixels)
    return path


def test_what_is_chosen_is_what_is_said(qtbot):
    panel = ImagePanel()
    qtbot.addWidget(panel)
    refused = []
    panel.refused.connect(refused.append)
    assert not panel._apply.isEnabled()
    panel._choices = []
    panel._applied()
    assert len(refused) == 1 and "No band" in refused[0]


def test_the_bands_are_shown_and_can_be_changed(scene, tmp_path, qtbot):
    widget = scene(four_bands(tmp_path / "rgbn.tif"), folder=tmp_path / "p.partialseg")
    assert "infrared" in widget.board.banner.text  # said at opening
    panel = widget.board.image
    assert panel.roles() == BandRoles((0, 1, 2, 3))
    stroke(widget, (10, 20), (10, 20), 1)
    before = on_disk(widget)
    refused = []
    panel.refused.connect(refused.append)
    panel._nodata.setText("0 north")
    panel._apply.click()
    assert "north" in refused[-1]
    for choice in panel._choices[:2]:
        choice.setCurrentText("mask")
    panel._nodata.setText("")
    panel._apply.click()
    assert "only one" in refused[-1]
    for choice, use in zip(panel._choices, ("learn from", "leave out", "learn from", "mask"), strict=True):
        choice.setCurrentText(use)
    panel._nodata.setText("7, -9999")
    panel._apply.click()
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    roles = BandRoles((0, 2), 3, (7.0, -9999.0))
    assert widget.session.opened_image.ortho.roles == panel.roles() == roles
    assert widget.client.of(protocol.Open)[-1].roles == roles.to_json()
    document = json.loads((tmp_path / "p.partialseg" / "project.json").read_text())
    assert BandRoles.from_json(document["images"][0]["roles"]) == roles
    np.testing.assert_array_equal(on_disk(widget), before)
    widget.close_session()
    assert not panel._apply.isEnabled()
    # A project from before that choice goes on with the bands that were learnt from then.
    del document["images"][0]["roles"]
    (tmp_path / "p.partialseg" / "project.json").write_text(json.dumps(document))
    widget.board.banner.hide()
    widget.open_path(tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    assert widget.session.opened_image.ortho.roles == BandRoles((0, 1, 2), 3)
    assert widget.session.opened_image.entry.roles == BandRoles((0, 1, 2), 3)
