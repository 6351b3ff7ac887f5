"""The viewer under load: `python -m benchmarks.live --image FILE [--size 9636 9095] [--seconds 60]`.

Opens the real viewer on a large orthophoto (made by mirroring the given one as often as it takes) with the real worker,
paints with mouse events at 30 Hz while the worker trains and tiles stream in, and prints the gaps of a 10 ms timer in
the viewer's event loop, beside those of the same viewer painting without training; the time from the first strokes to
the first map, with the worker warm and cold; from the end of a stroke to a map that knows of it; resident memory; and a
pass over the whole image beside the bare network. Needs a screen: `xvfb-run -a -s "-screen 0 1600x1000x24"` makes one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rasterio
from qtpy.QtCore import QEvent, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from rasterio import Affine

from annotations.images.orthophoto import open_orthophoto
from annotations.region import Region
from annotations.simulation.sampling import paint_stroke, simulate_strokes
from benchmarks._latency import Latency
from napari_partialseg.demo import tones
from napari_partialseg.launch import Scene, open_scene
from napari_partialseg.playing import wait_until
from trainer import protocol

__all__ = ["main"]


def mirrored(source: Path, size: tuple[int, int], folder: Path) -> Path:
    """Write an orthophoto of (width, height) made of mirror images of another; return its path."""
    ortho = open_orthophoto(source)
    pixels = ortho.read(Region.whole(ortho.shape), bands=list(range(min(ortho.bands, 3))))
    ortho.close()
    width, height = size
    big = np.pad(
        pixels, ((0, max(height - pixels.shape[0], 0)), (0, max(width - pixels.shape[1], 0)), (0, 0)), mode="symmetric"
    )[:height, :width]
    path = folder / f"mirrored_{width}x{height}.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width,
        height=height,
        count=big.shape[2],
        dtype="uint8",
        crs="EPSG:32640",
        transform=Affine(0.5, 0, 3e5, 0, -0.5, 2e6),
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
        zlevel=1,
    ) as file:
        file.write(big.transpose(2, 0, 1))
    return path


class Painter:
    """Paints with mouse events at 30 Hz: strokes of a second, half a second apart."""

    def __init__(self, scene: Scene) -> None:
        # The canvas has no public access; only a benchmark that plays a person needs it.
        self._canvas = scene.viewer.window._qt_viewer.canvas.native
        self._down = False
        self._ticks = 0
        self.strokes = 0
        self.timer = QTimer()
        self.timer.setInterval(33)
        self.timer.timeout.connect(self._tick)

    def _place(self) -> QPointF:
        turn = self._ticks / 15.0
        size = self._canvas.size()
        radius = 0.25 * min(size.width(), size.height()) * (1 + 0.3 * np.sin(self._ticks / 70))
        return QPointF(size.width() / 2 + radius * np.cos(turn), size.height() / 2 + radius * np.sin(turn))

    def _send(self, kind: QEvent.Type, buttons: Qt.MouseButton) -> None:
        place = self._place()
        button = Qt.MouseButton.LeftButton if kind != QEvent.Type.MouseMove else Qt.MouseButton.NoButton
        event = QMouseEvent(
            kind, place, self._canvas.mapToGlobal(place), button, buttons, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(self._canvas, event)

    def _tick(self) -> None:
        self._ticks += 1
        phase = self._ticks % 45
        if phase == 0:
            self._send(QEvent.Type.MouseButtonPress, Qt.MouseButton.LeftButton)
            self._down = True
        elif phase == 30 and self._down:
            self.lift()
        elif self._down:
            self._send(QEvent.Type.MouseMove, Qt.MouseButton.LeftButton)

    def lift(self) -> None:
        if self._down:
            self._send(QEvent.Type.MouseButtonRelease, Qt.MouseButton.NoButton)
            self._down = False
            self.strokes += 1


class Gaps:
    """The gaps of a 10 ms timer."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last: float | None = None
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(10)
        self.timer.timeout.connect(self._tick)

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._last is not None:
            self.gaps.append(now - self._last)
        self._last = now

    def summary(self) -> dict[str, float]:
        gaps = np.array(self.gaps) * 1000
        return {
            "median_ms": float(np.median(gaps)),
            "p95_ms": float(np.percentile(gaps, 95)),
            "p99_ms": float(np.percentile(gaps, 99)),
            "max_ms": float(gaps.max()),
            "share_above_50_ms": float(gaps[gaps > 50].sum() / gaps.sum()),
            "timer_ticks": len(gaps),
        }


def measure(scene: Scene, seconds: float, *, paint: bool) -> tuple[dict[str, float], int]:
    """Return the gaps over some seconds, and how many strokes were painted meanwhile."""
    hand, gaps = Painter(scene), Gaps()
    if paint:
        hand.timer.start()
    gaps.timer.start()
    # A nested event loop: polling with processEvents would keep a core busy and disturb what is measured.
    loop_end = QTimer()
    loop_end.setSingleShot(True)
    done: list[bool] = []
    loop_end.timeout.connect(lambda: (done.append(True), QApplication.instance().exit()))
    loop_end.start(int(seconds * 1000))
    while not done:
        QApplication.instance().exec()
    hand.timer.stop()
    gaps.timer.stop()
    hand.lift()
    return gaps.summary(), hand.strokes


def memory(scene: Scene) -> dict[str, float]:
    """Return resident memory in MB; proportional (each shared page counted once) where the system tells."""
    result: dict[str, float] = {}
    for name, pid in (("viewer", psutil.Process().pid), ("worker", scene.widget.client.pid)):
        info = psutil.Process(pid).memory_full_info()
        result[f"{name}_rss_mb"] = info.rss / 1e6
        result[f"{name}_pss_mb"] = getattr(info, "pss", info.rss) / 1e6
    result["together_rss_mb"] = result["viewer_rss_mb"] + result["worker_rss_mb"]
    result["together_pss_mb"] = result["viewer_pss_mb"] + result["worker_pss_mb"]
    return result


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--image", required=True, type=Path)
    parser.add_argument("--size", nargs=2, type=int, default=(9636, 9095), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--output", type=Path, help="write the figures here as JSON")
    parser.add_argument("--screenshot", type=Path)
    parser.add_argument("--no-pass", action="store_true", help="leave out the pass over the whole image")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="partialseg-") as name:
        figures = run(options, Path(name))
    text = json.dumps(figures, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text)
    return 0


def first_strokes(scene: Scene, seen: Any, shown: Region, seed: int) -> None:
    """Draw one stroke of each of two classes in view, through the Labels layer."""
    session = scene.widget.session
    assert session is not None
    for stroke in simulate_strokes(seen, 1, n_classes=2, seed=seed):
        region = paint_stroke(part := np.full(seen.shape, -1, np.int8), seen, stroke)
        rows, columns = np.nonzero(part[region.slices] >= 0)
        places = rows + region.top + shown.top, columns + region.left + shown.left
        session.layers.labels.data_setitem(places, stroke.label)
        QTest.qWait(5)


def until_predicted(scene: Scene, since: float) -> float:
    """Wait for the first tiles of training and return how long that took."""
    came: list[float] = []

    def note(message: Any) -> None:
        if isinstance(message, protocol.Tiles) and not came:
            came.append(time.perf_counter())

    scene.widget.client.received.connect(note)
    wait_until(lambda: came, 120, "the first prediction")
    scene.widget.client.received.disconnect(note)
    return came[0] - since


def whole_pass(scene: Scene) -> dict[str, float]:
    """Return the seconds of a pass over the whole image, and of the bare network on the same blocks and margins."""
    session = scene.widget.session
    assert session is not None
    session.worker.pause()
    saved: list[protocol.Saved] = []
    session.worker.saved.connect(saved.append)
    wait_until(lambda: saved, 60, "the network to be saved")
    saved.clear()
    peak = 0
    started = time.perf_counter()
    scene.widget.client.send(protocol.PredictAll())
    while not any(m.complete for m in saved):
        QTest.qWait(200)
        peak = max(peak, psutil.Process(scene.widget.client.pid).memory_info().rss)
    seconds = time.perf_counter() - started
    height, width = session.opened_image.ortho.shape
    block = session.worker.config.predict.block
    weights = session.opened_image.project.files.weights.best
    scene.widget.client.send(protocol.Stop())
    QTest.qWait(500)
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks._bare_network", str(weights), str(block)],
        capture_output=True,
        text=True,
        check=True,
    )
    bare = float(told.stdout) * (height * width / block**2)
    return {
        "seconds": seconds,
        "bare_network_seconds": bare,
        "ratio": seconds / bare,
        "megapixels_per_second": height * width / seconds / 1e6,
        "worker_peak_mb": peak / 1e6,
    }


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Open the viewer, measure, close it; return the figures."""
    image = mirrored(options.image, tuple(options.size), folder)
    figures: dict[str, Any] = {"image": f"{options.size[0]} x {options.size[1]}"}
    started = time.perf_counter()
    scene = open_scene(image, project=folder / "big.partialseg")
    wait_until(lambda: scene.widget.session, 120, "the orthophoto to open")
    figures["open_seconds"] = time.perf_counter() - started
    widget, session = scene.widget, scene.widget.session
    assert session is not None
    steps: list[int] = []
    session.worker.progress.connect(lambda m: steps.append(m.step))
    opened: list[Any] = []
    session.worker.opened.connect(opened.append)
    wait_until(lambda: opened, 60, "the worker to open the orthophoto")
    camera = scene.viewer.scene.camera
    camera.zoom = 1.0 / float(session.layers.labels.scale[-1])  # a screen pixel per image pixel, in the middle
    widget.board.draw.choose("brush")
    session.layers.labels.brush_size = 20
    QTest.qWait(1500)
    figures["idle"], _ = measure(scene, min(options.seconds, 10), paint=False)
    figures["painting_without_training"], _ = measure(scene, min(options.seconds, 30), paint=True)
    shown = session.watch.view.region().clipped(session.opened_image.ortho.shape)
    seen = tones(image)[shown.slices]
    session.layers.labels.data[...] = -1  # what was painted says nothing
    session.labels.settle()
    session.layers.labels.refresh()
    QTest.qWait(1000)
    widget.train()
    QTest.qWait(500)
    first_strokes(scene, seen, shown, seed=0)
    figures["first_prediction_seconds"] = until_predicted(scene, time.perf_counter())
    session.worker.pause()
    QTest.qWait(1000)
    widget.client.end()  # a cold start: the process is not there yet; it goes on from the checkpoint it left
    started = time.perf_counter()
    session.worker.train()
    figures["first_prediction_cold_seconds"] = until_predicted(scene, started)
    for seed in range(1, 4):
        first_strokes(scene, seen, shown, seed=seed)
    QTest.qWait(3000)
    latency = Latency(scene)
    before = steps[-1]
    figures["painting_while_training"], figures["strokes"] = measure(scene, options.seconds, paint=True)
    figures["steps_per_second"] = (steps[-1] - before) / options.seconds
    figures["memory"] = memory(scene)
    QTest.qWait(4000)
    figures["stroke_to_map_seconds"] = latency.summary()
    if options.screenshot:
        scene.viewer.screenshot(str(options.screenshot), canvas_only=False, flash=False)
    if not options.no_pass:
        figures["whole_image_pass"] = whole_pass(scene)
    widget.shut_down()
    scene.viewer.close()
    return figures


if __name__ == "__main__":
    sys.exit(main())
