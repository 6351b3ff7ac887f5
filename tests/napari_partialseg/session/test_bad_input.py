"""Whatever is wrong with the input: a message in the viewer that names it, and nothing lost."""

from __future__ import annotations

import errno
import json
import shutil

import numpy as np
import pytest
import rasterio
from qtpy.QtWidgets import QMessageBox
from viewer_helpers import on_disk, stroke

from annotations.region import Region
from annotations.store import chunk_writer as store_module
from annotations.store.mask import SparseMask
from trainer import protocol


def closed_project(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    stroke(widget, (10, 20), (10, 20), 1)
    on_disk(widget)
    widget.close_session()
    return widget


def open_again(widget, path, qtbot, **options):
    widget.board.banner.hide()
    widget.open_path(path, **options)
    qtbot.waitUntil(lambda: widget.session is not None or bool(widget.board.banner.text), timeout=20000)


def test_a_truncated_raster(scene, orthophoto, tmp_path):
    content = orthophoto[0].read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: len(content) // 3])
    widget = scene(tmp_path / "cut.tif")
    assert widget.session is None
    assert "cut.tif" in widget.board.banner.text
    assert "Traceback" not in widget.board.banner.text


def test_a_file_that_is_no_raster(scene, tmp_path):
    (tmp_path / "notes.tif").write_text("these are notes")
    widget = scene(tmp_path / "notes.tif")
    assert "notes.tif" in widget.board.banner.text


def test_a_truth_of_another_size(scene, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    np.save(tmp_path / "small.npy", np.zeros((5, 7), np.uint8))
    widget.mask_desk.load_truth(tmp_path / "small.npy")
    qtbot.waitUntil(lambda: bool(widget.board.banner.text))
    for part in ("small.npy", "5", "7", "192", "256"):
        assert part in widget.board.banner.text


def test_an_orthophoto_that_changed(scene, orthophoto, tmp_path, qtbot):
    widget = closed_project(scene, orthophoto, tmp_path)
    with rasterio.open(orthophoto[0], "r+") as file:
        file.write(np.zeros((3, 192, 256), np.uint8))
    open_again(widget, tmp_path / "p.partialseg", qtbot)
    assert widget.session is None
    assert "field.tif" in widget.board.banner.text
    assert "changed" in widget.board.banner.text


def test_an_orthophoto_that_is_gone(scene, orthophoto, tmp_path, qtbot):
    widget = closed_project(scene, orthophoto, tmp_path)
    orthophoto[0].unlink()
    open_again(widget, tmp_path / "p.partialseg", qtbot)
    assert "field.tif" in widget.board.banner.text


def test_a_project_moved_with_its_orthophoto(scene, orthophoto, tmp_path, qtbot):
    widget = closed_project(scene, orthophoto, tmp_path)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(orthophoto[0], tmp_path / "elsewhere" / "field.tif")
    shutil.move(tmp_path / "p.partialseg", tmp_path / "elsewhere" / "p.partialseg")
    open_again(widget, tmp_path / "elsewhere" / "p.partialseg", qtbot)
    assert widget.session is not None
    assert widget.session.snapshot().counts[1] == 100


def test_a_project_of_a_newer_version(scene, orthophoto, tmp_path, qtbot):
    widget = closed_project(scene, orthophoto, tmp_path)
    path = tmp_path / "p.partialseg" / "project.json"
    content = json.loads(path.read_text())
    content["format"] = 99
    path.write_text(json.dumps(content))
    open_again(widget, tmp_path / "p.partialseg", qtbot)
    assert "99" in widget.board.banner.text
    assert json.loads(path.read_text()) == content


def test_a_full_disk_while_saving_labels(scene, orthophoto, tmp_path, qtbot, monkeypatch):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store_module.ChunkWriter, "_write_chunk", full)
        stroke(widget, (10, 20), (10, 20), 1)
        qtbot.waitUntil(lambda: "disk is full" in widget.board.banner.text, timeout=10000)
        stroke(widget, (30, 40), (10, 20), 2)
    labels = on_disk(widget)
    assert (labels[10:20, 10:20] == 1).all()
    assert (labels[30:40, 10:20] == 2).all()


def test_closing_with_a_full_disk_asks_before_anything_is_lost(scene, orthophoto, tmp_path, monkeypatch):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    full = {"disk": True}
    real = store_module.ChunkWriter._write_chunk

    def write(self, *arguments):
        if full["disk"]:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, *arguments)

    asked = []

    def answer(parent, title, text, buttons):
        asked.append(text)
        full["disk"] = len(asked) < 2  # room is made after the second question
        return QMessageBox.StandardButton.Retry

    monkeypatch.setattr(store_module.ChunkWriter, "_write_chunk", write)
    monkeypatch.setattr(QMessageBox, "warning", answer)
    stroke(widget, (10, 20), (10, 20), 1)
    folder = widget.session.opened_image.entry.folder
    widget.close_session()
    assert len(asked) == 2
    assert "disk is full" in asked[0]
    mask = SparseMask.open(folder / "labels.zarr")
    assert (mask.read(Region(10, 10, 10, 10)) == 1).all()


@pytest.mark.parametrize("text", ["The worker passed over a message", "Memory ran out"])
def test_what_the_worker_complains_of_is_shown(scene, orthophoto, tmp_path, text):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    widget.client.received.emit(protocol.Problem(text))
    assert widget.board.banner.text == text


def test_training_with_no_labels_says_what_is_missing(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    widget.client.received.emit(protocol.Status("waiting", "waiting for labels: draw a few strokes"))
    assert "draw a few strokes" in widget.board.learn._state.text()


def test_an_unknown_message_is_no_catastrophe(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    widget.client.received.emit(protocol.Unknown("{}", "no message of protocol 1 is called 'Dance'"))
    assert "Dance" in widget.board.banner.text


def test_exporting_a_map_that_is_not_there(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    widget.exporter.export("map", tmp_path / "map.tif")
    assert "no map to export" in widget.board.banner.text
    assert not (tmp_path / "map.tif").exists()
