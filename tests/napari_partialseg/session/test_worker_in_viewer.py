"""The real worker beside the viewer: it learns, may die, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest
import rasterio
from viewer_helpers import on_disk, stroke

from annotations.region import Region
from annotations.store.mask import SparseMask
from napari_partialseg.session.worker_client import WorkerClient
from trainer import protocol
from trainer.config import LiveConfig, ModelConfig, PredictConfig, WorkConfig

SMALL = WorkConfig(
    ModelConfig(width=4, levels=3), LiveConfig("network", crop=32, batch_size=4), predict=PredictConfig(block=128)
)


@pytest.fixture
def client(qtbot):
    result = WorkerClient()
    yield result
    result.end()


def two_strokes(widget):
    stroke(widget, (20, 60), (20, 60), 0)
    stroke(widget, (20, 60), (160, 200), 2)


def test_it_learns_what_is_drawn_and_exports_a_map(scene, client, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg", client=client)
    session = widget.session
    widget.board.learn.set_config(SMALL)
    session.worker.start_afresh(replace(SMALL, device=session.worker.config.device))
    two_strokes(widget)
    seen = []
    session.worker.progress.connect(seen.append)
    widget.train()
    qtbot.waitUntil(lambda: bool(seen) and seen[-1].step >= 160, timeout=120000)
    assert sum(seen[-1].labelled) == 2 * 1600
    assert len(widget.board.learn.plot.values) > 1
    widget.exporter.export("map", tmp_path / "map.tif")
    qtbot.waitUntil(lambda: "written" in str(widget.viewer.status), timeout=60000)
    with rasterio.open(tmp_path / "map.tif") as written, rasterio.open(orthophoto[0]) as source:
        assert written.crs == source.crs
        assert written.transform == source.transform
        classes = written.read(1)
        assert written.nodata == 255
    with rasterio.open(orthophoto[1]) as file:
        truth = file.read(1)
    assert (classes == truth).mean() > 0.9
    assert np.array_equal(classes, session.opened_image.prediction)  # the screen and the export agree
    assert (tmp_path / "map.qml").is_file()


def test_a_killed_worker_is_told_and_one_press_restarts_it(scene, client, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg", client=client)
    session = widget.session
    session.worker.start_afresh(replace(SMALL, device=session.worker.config.device))
    two_strokes(widget)
    seen = []
    session.worker.progress.connect(seen.append)
    widget.train()
    qtbot.waitUntil(lambda: bool(seen) and seen[-1].step >= 5, timeout=60000)
    first = client.pid
    os.kill(first, signal.SIGKILL)
    qtbot.waitUntil(lambda: "Restart it" in widget.board.banner.text, timeout=20000)
    assert "labels are safe" in widget.board.banner.text
    stroke(widget, (100, 110), (20, 60), 0)  # drawing goes on without a worker
    assert (on_disk(widget) >= 0).sum() == 2 * 1600 + 400
    seen.clear()
    widget.board.banner.press()
    qtbot.waitUntil(lambda: bool(seen) and seen[-1].step >= 3, timeout=60000)
    assert client.pid != first
    assert sum(seen[-1].labelled) == 2 * 1600 + 400


def test_a_worker_of_another_version_is_told_of_and_ended(client, qtbot, monkeypatch):
    monkeypatch.setattr(protocol, "PROTOCOL_VERSION", 2)  # here; the worker, a process of its own, speaks 1
    heard = []
    client.received.connect(heard.append)
    with qtbot.waitSignal(client.died, timeout=30000) as died:
        client.start()
    assert "another version of Partial Seg than this viewer (protocol 1, and here 2)" in died.args[0]
    assert not client.running
    assert not heard  # neither understands the other


VIEWER = """
import sys, numpy as np, napari
from qtpy.QtTest import QTest
from napari_partialseg.launch import open_scene
from napari_partialseg.playing import wait_until
scene = open_scene(sys.argv[1], project=sys.argv[2], show=False)
wait_until(lambda: scene.widget.session, 60, "open")
session = scene.widget.session
wait_until(lambda: scene.widget.client.pid, 60, "worker")
rows, columns = np.mgrid[10:20, 10:30]
session.layers.labels.data_setitem((rows.ravel(), columns.ravel()), 3)
QTest.qWait(10)
print(scene.widget.client.pid, flush=True)
QTest.qWait(60000)
"""


def test_a_killed_viewer_loses_no_stroke_and_leaves_no_worker(scene, orthophoto, tmp_path):
    folder = tmp_path / "p.partialseg"
    viewer = subprocess.Popen(
        [sys.executable, "-c", VIEWER, str(orthophoto[0]), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    worker = psutil.Process(int(viewer.stdout.readline()))
    end = time.monotonic() + 0.5  # half a second after the stroke
    while time.monotonic() < end:
        viewer.poll()
    os.kill(viewer.pid, signal.SIGKILL)
    viewer.wait()
    viewer.stdout.close()
    _, alive = psutil.wait_procs([worker], timeout=20)
    for process in alive:
        process.kill()
    assert not alive
    labels = SparseMask.open(folder / "images" / "1" / "labels.zarr").read(Region(0, 0, 192, 256))
    assert (labels[10:20, 10:30] == 3).all()
    assert (labels >= 0).sum() == 200
    widget = scene(folder)  # and the project opens again at once
    assert not widget.board.banner.text
    assert widget.session.snapshot().counts[3] == 200


def test_a_second_viewer_opens_for_reading_only(scene, orthophoto, tmp_path):
    first = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    stroke(first, (10, 20), (10, 20), 1)
    on_disk(first)
    second = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    assert second.session.read_only
    assert "reading only" in second.board.banner.text
    assert second.session.snapshot().counts[1] == 100
    assert not second.session.layers.labels.editable
    assert not second.board.learn._train.isEnabled()
