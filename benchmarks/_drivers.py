"""Two ways to the same worker for a simulated annotator: straight over the protocol, or through the open viewer."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from annotations.classes import NOT_PREDICTED, ClassScheme
from annotations.errors import PartialSegError
from annotations.images.orthophoto import open_orthophoto
from annotations.prediction.shared_array import SharedArray
from annotations.project_files import ImageFiles, SharedFiles
from annotations.region import Region
from annotations.simulation.sampling import paint_stroke
from annotations.store.mask import SparseMask
from trainer import protocol
from trainer.config import WorkConfig, to_plain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.simulation.sampling import SimulatedStroke

__all__ = ["DirectDriver", "Driver", "ViewerDriver", "open_driver"]


class Driver(Protocol):
    """What an annotator needs of the tool."""

    labels: NDArray[np.int8]
    prediction: NDArray[np.uint8]
    confidence: NDArray[np.uint8]

    @property
    def step(self) -> int:
        """Training steps made."""

    def paint(self, stroke: SimulatedStroke, truth: NDArray[np.int8]) -> Region:
        """Paint a stroke, only where the truth agrees."""

    def label_all(self, truth: NDArray[np.int8]) -> None:
        """Label every known pixel."""

    def train(self) -> None:
        """Press Train."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""

    def close(self) -> None:
        """End the worker and whatever else is open."""


class DirectDriver:
    """The worker alone, as a process, spoken to over its protocol.

    Parameters
    ----------
    image : Path
        The orthophoto.
    folder : Path
        Empty; for labels, arrays and weights.
    scheme : ClassScheme
        The classes.
    config : WorkConfig
        How it learns and predicts.
    """

    def __init__(self, image: Path, folder: Path, scheme: ClassScheme, config: WorkConfig) -> None:
        ortho = open_orthophoto(image)
        shape = ortho.shape
        ortho.close()
        self.labels = np.full(shape, -1, np.int8)
        files, shared = ImageFiles(folder), SharedFiles(folder)
        self._mask = SparseMask.create(files.labels, shape, scheme)
        self.prediction = SharedArray.create(shared.prediction, shape, NOT_PREDICTED).array
        self.confidence = SharedArray.create(shared.confidence, shape, 0).array
        self.problems: list[str] = []
        self.step = 0
        self._revision = 0
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "trainer.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._opened = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        self._send(
            protocol.Open(
                image=str(image),
                labels=str(files.labels),
                prediction=str(shared.prediction),
                confidence=str(shared.confidence),
                keep=str(folder),
                weights=str(folder / "weights"),
                classes=scheme.to_json(),
                config=to_plain(config),
            ),
            protocol.ViewChanged(Region.whole(shape)),
        )
        if not self._opened.wait(60):
            raise PartialSegError(f"{image}: the worker did not open it within a minute. {' '.join(self.problems)}")

    def _send(self, *messages: protocol.Message) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(protocol.encode(m) for m in messages))
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = protocol.decode(line)
            if isinstance(message, protocol.Opened):
                self._opened.set()
            elif isinstance(message, protocol.Progress):
                self.step = message.step
            elif isinstance(message, protocol.Problem):
                self.problems.append(message.text)

    def _changed(self, region: Region) -> None:
        self._mask.write(region, self.labels[region.slices])
        self._revision += 1
        self._send(protocol.LabelsChanged((region,), self._revision))

    def paint(self, stroke: SimulatedStroke, truth: NDArray[np.int8]) -> Region:
        """Paint a stroke, only where the truth agrees."""
        region = paint_stroke(self.labels, truth, stroke)
        self._changed(region)
        return region

    def label_all(self, truth: NDArray[np.int8]) -> None:
        """Label every known pixel."""
        self.labels[...] = truth
        self._changed(Region.whole(truth.shape))

    def train(self) -> None:
        """Press Train."""
        self._send(protocol.Train())

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(max(seconds, 0.0))

    def close(self) -> None:
        """End the worker."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


class ViewerDriver:
    """The real viewer with its widget; strokes go through the Labels layer."""

    def __init__(self, image: Path, folder: Path, scheme: ClassScheme, config: WorkConfig) -> None:
        from napari_partialseg.launch import open_scene
        from napari_partialseg.playing import wait_until

        self._wait_until = wait_until
        self._scene = open_scene(image, project=folder / "effort.partialseg")
        wait_until(lambda: self._scene.widget.session, 120, "the orthophoto to open")
        session = self._scene.widget.session
        assert session is not None
        self._session = session
        self.problems: list[str] = []
        session.problem.connect(self.problems.append)
        session.worker.died.connect(self.problems.append)
        opened: list[Any] = []
        session.worker.opened.connect(opened.append)
        self.step = 0
        session.worker.progress.connect(self._progress)
        if scheme != session.scheme:
            session.labels.set_scheme(scheme)
        session.worker.start_afresh(config)
        wait_until(lambda: opened, 60, "the worker to be ready")
        self.wait(1.0)
        self.labels = session.layers.labels.data
        self.prediction = session.opened_image.prediction
        self.confidence = session.opened_image.confidence

    def _progress(self, message: protocol.Progress) -> None:
        self.step = message.step

    def paint(self, stroke: SimulatedStroke, truth: NDArray[np.int8]) -> Region:
        """Paint a stroke through the Labels layer, only where the truth agrees."""
        self._scene.widget.board.classes.select(stroke.label)
        canvas = np.array(self.labels)
        region = paint_stroke(canvas, truth, stroke)
        rows, columns = np.nonzero(canvas[region.slices] != self.labels[region.slices])
        if len(rows):
            places = rows + region.top, columns + region.left
            self._session.layers.labels.data_setitem(places, canvas[places])
        self.wait(0.015)
        return region

    def label_all(self, truth: NDArray[np.int8]) -> None:
        """Label every known pixel."""
        self._session.labels.add(truth, "truth", "imported")

    def train(self) -> None:
        """Press Train, once all strokes are on disk."""
        self._wait_until(lambda: self._session.opened_image.store.flush(0.0), 30, "the labels to be saved")
        self._scene.widget.train()

    def wait(self, seconds: float) -> None:
        """Let the viewer run."""
        from qtpy.QtTest import QTest

        QTest.qWait(max(int(1000 * seconds), 1))

    def screenshot(self, path: Path) -> None:
        """Save a picture of the window."""
        self._scene.viewer.screenshot(str(path), canvas_only=False, flash=False)

    def close(self) -> None:
        """Close the viewer."""
        self._scene.widget.shut_down()
        self._scene.viewer.close()
        self.wait(0.2)


def open_driver(image: Path, folder: Path, scheme: ClassScheme, config: WorkConfig, *, viewer: bool) -> Driver:
    """Open an orthophoto in a new worker, or in a new viewer with its worker; ready for strokes."""
    return (ViewerDriver if viewer else DirectDriver)(image, folder, scheme, config)
