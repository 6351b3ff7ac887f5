"""Messages go once their cause is gone, and not before."""

from __future__ import annotations

import errno

import pytest
import rasterio
from qtpy.QtWidgets import QApplication
from viewer_helpers import on_disk, stroke

from annotations.store import chunk_writer as store_module
from napari_partialseg.session.fill import LARGEST_FILL, fill_in_view
from trainer import protocol


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


@pytest.mark.parametrize("name", ["labels", "points"])
def test_a_layer_that_is_hidden(widget, name):
    layer = getattr(widget.session.layers, name)
    widget.board.banner.say("something else")
    layer.visible = False
    assert "hidden" in widget.board.banner.text
    layer.name = "renamed"
    layer.visible = True
    assert widget.board.banner.text == "something else"
    layer.visible = False  # at once again
    assert "'renamed' are hidden" in widget.board.banner.text


def test_a_fill_that_was_too_large(widget):
    widget.session.watch.put_right()
    layer = widget.session.layers.labels
    said = []
    fill_in_view(
        layer, widget.session.watch.view.region, None, said.append, lambda text: said.remove(text) if text else 0
    )
    import napari_partialseg.session.fill as module

    assert LARGEST_FILL > layer.data.size
    limit, module.LARGEST_FILL = module.LARGEST_FILL, 100
    try:
        layer.fill((5, 5), 1)
        assert len(said) == 1
        layer.fill((6, 6), 1)
        assert len(said) == 1
        stroke(widget, (10, 20), (10, 20), 2)
        layer.fill((15, 15), 1)
    finally:
        module.LARGEST_FILL = limit
    assert not said


@pytest.mark.parametrize("seen", [True, False])
def test_a_disk_that_was_full(widget, qtbot, monkeypatch, seen):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    store = widget.session.opened_image.store
    with monkeypatch.context() as patch:
        patch.setattr(store_module.ChunkWriter, "_write_chunk", full)
        stroke(widget, (10, 20), (10, 20), 1)
        if seen:
            qtbot.waitUntil(lambda: "disk is full" in widget.board.banner.text, timeout=10000)
        else:  # there is room before the window gets to hear of it
            assert not store.flush(10)
    assert store.flush(10)
    QApplication.processEvents()
    qtbot.waitUntil(lambda: widget.board.banner.text == "", timeout=10000)  # the thread says so after the flush returns
    assert (on_disk(widget)[10:20, 10:20] == 1).all()


def test_weights_that_could_not_be_saved(widget):
    widget.client.received.emit(protocol.Opened("cpu", "float32", "", 1, "UNet, width 16", 6))
    weights = widget.session.opened_image.project.weights
    widget.client.received.emit(protocol.Problem(f"{weights}: the weights could not be saved: the disk is full."))
    kept = widget.session.opened_image.entry.folder
    widget.client.received.emit(protocol.Problem(f"{kept}: the map could not be kept (the disk is full)."))
    widget.client.received.emit(protocol.Problem("Memory ran out.", detail="CUDA: tried to allocate 2 GiB"))
    widget.board.banner.copy(0)
    assert QApplication.clipboard().text() == "Memory ran out.\nCUDA: tried to allocate 2 GiB"  # for a bug report
    widget.client.received.emit(protocol.Saved("", 7, complete=True, failed=True))  # the whole map, in memory alone
    assert "could not be saved" in widget.board.banner.text
    assert "could not be kept" in widget.board.banner.text
    widget.client.received.emit(protocol.Saved("", 8, complete=False))
    assert widget.board.banner.text == "Memory ran out."


def test_labels_on_no_data(scene, orthophoto, tmp_path, qtbot):
    path = tmp_path / "edge.tif"
    with rasterio.open(orthophoto[0]) as source:
        pixels, profile = source.read(), source.profile
    pixels = pixels.clip(1)
    pixels[:, :, :100] = 0
    with rasterio.open(path, "w", **{**profile, "nodata": 0}) as target:
        target.write(pixels)
    widget = scene(path, folder=tmp_path / "p.partialseg")
    stroke(widget, (10, 20), (10, 20), 1)
    qtbot.waitUntil(lambda: "mostly where the image has no data" in widget.board.banner.text, timeout=10000)
    line = widget.board.classes._ignored
    assert not line.isHidden()
    assert line.text() == "100 labels lie on no data and are not learnt"
    text = "All labels of building lie where the image has no data: draw where there is imagery."
    widget.client.received.emit(protocol.Problem(text))
    assert widget.board.banner.text == text  # in the place of the viewer's own
    stroke(widget, (40, 50), (20, 40), 2)
    qtbot.waitUntil(lambda: line.text().startswith("300 "), timeout=10000)
    assert widget.board.banner.text == text
    stroke(widget, (80, 90), (150, 170), 1)
    assert widget.board.banner.text == text  # true of the other class still
    stroke(widget, (100, 110), (150, 170), 2)
    assert widget.board.banner.text == ""
    assert not line.isHidden()
    assert int(widget.session.snapshot().counts[1]) == 200
    for _ in range(4):
        widget.session.labels.undo()
    assert line.isHidden()
