"""From the button to the file: names, questions, waiting for the worker, and what is never replaced."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QMessageBox

from annotations.classes import LANDCOVER_AI
from annotations.export.provenance import file_digest
from annotations.images.georeference import Georeference
from napari_partialseg.jobs.export import Exporter
from napari_partialseg.panels.export import KINDS, ExportPanel, with_ending
from napari_partialseg.session.layers import MARK
from napari_partialseg.session.worker_link import Learning
from napari_partialseg.session.writer import write_image_layer, write_labels_layer
from trainer import protocol

UTM = Georeference(rasterio.crs.CRS.from_epsg(32640).to_wkt(), (0.5, 0.0, 340000.0, 0.0, -0.5, 2780000.0))
SHAPE = (60, 70)


class Client(QObject):
    received = Signal(object)
    running = True

    def __init__(self):
        super().__init__()
        self.sent = []

    def send(self, message):
        self.sent.append(message)
        return True


class HeldWorker(QObject):
    saved = Signal(object)
    died = Signal(str)

    def __init__(self):
        super().__init__()
        self.learning = Learning(step=7)


class HeldSession(QObject):
    """What an exporter asks of a session."""

    def __init__(self, folder):
        super().__init__()
        self.client, self.worker, self.read_only = Client(), HeldWorker(), False
        self.mask_files = frozenset()
        photo = folder / "field.v2.tif"
        photo.write_bytes(b"the photo")
        (folder / "other.tif").write_bytes(b"another photo")
        entries = [SimpleNamespace(path=folder / "other.tif", locate=lambda: folder / "other.tif")]
        (folder / "field.partialseg").mkdir()
        self.opened_image = SimpleNamespace(
            ortho=SimpleNamespace(path=photo, name="field.v2", georeference=UTM, fingerprint="abc"),
            project=SimpleNamespace(folder=folder / "field.partialseg", images=entries, scheme=LANDCOVER_AI),
            prediction=np.ones(SHAPE, np.uint8),
            confidence=np.full(SHAPE, 200, np.uint8),
            labels=np.full(SHAPE, -1, np.int8),
            has_prediction=True,
        )

    def say(self, message):
        self.client.received.emit(message)
        if isinstance(message, protocol.Saved):
            self.worker.saved.emit(message)


@dataclass
class Scene:
    exporter: Exporter
    panel: ExportPanel
    session: HeldSession
    folder: Path
    written: list = field(default_factory=list)
    failed: list = field(default_factory=list)

    @property
    def asked(self):
        return sum(isinstance(m, protocol.PredictAll) for m in self.session.client.sent)


@pytest.fixture
def scene(qtbot, tmp_path):
    panel = ExportPanel()
    qtbot.addWidget(panel)
    made = Scene(Exporter(panel, panel), panel, HeldSession(tmp_path), tmp_path)
    made.exporter.written.connect(made.written.append)
    made.exporter.failed.connect(made.failed.append)
    made.exporter.set_session(made.session)
    yield made
    made.exporter.set_session(None)


def done(scene, qtbot):
    qtbot.waitUntil(lambda: bool(scene.written or scene.failed), timeout=20000)


@pytest.mark.parametrize(
    ("kind", "name", "chosen", "expected"),
    [
        ("map", "2023.06.14_site_map", "GeoTIFF (*.tif)", "2023.06.14_site_map.tif"),
        ("map", "map.tiff", "", "map.tiff"),
        ("map", "map.gpkg", "", "map.gpkg.tif"),
        ("map", "MAP.TIF", "", "MAP.TIF"),
        ("polygons", "a.v2", "GeoPackage (*.gpkg)", "a.v2.gpkg"),
        ("polygons", "a.v2", "GeoJSON (*.geojson)", "a.v2.geojson"),
        ("polygons", "a.geojson", "GeoPackage (*.gpkg)", "a.geojson"),
        ("polygons", "a.gpkg", "GeoJSON (*.geojson)", "a.geojson"),
        ("polygons", "a.tif", "", "a.tif.gpkg"),
    ],
)
def test_the_filter_decides_the_ending_and_dots_are_none(kind, name, chosen, expected):
    assert with_ending(name, KINDS[kind][1], chosen) == expected


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_a_file_is_asked_about_once_its_ending_is_there_and_no_is_the_default(scene, qtbot, monkeypatch, answer):
    (scene.folder / "mine.tif").write_bytes(b"last week's")
    questions = []

    def question(parent, title, text, buttons, default):
        questions.append((text, default))
        return getattr(QMessageBox.StandardButton, answer)

    monkeypatch.setattr(QMessageBox, "question", question)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(scene.folder / "mine"), a[3]))
    scene.panel.export.emit("labels")
    assert [default for _, default in questions] == [QMessageBox.StandardButton.No]
    assert "mine.tif" in questions[0][0]
    if answer == "Yes":
        done(scene, qtbot)
        assert scene.written == [scene.folder / "mine.tif"]
    else:
        assert (scene.folder / "mine.tif").read_bytes() == b"last week's"
        assert not (scene.written or scene.failed)


@pytest.mark.parametrize("kind", ["map", "confidence", "labels"])
@pytest.mark.parametrize("target", ["field.v2.tif", "other.tif", "truth.tif", "field.partialseg/m.tif"])
def test_no_export_replaces_what_is_in_use(scene, kind, target):
    (scene.folder / "truth.tif").write_bytes(b"the truth")
    scene.session.mask_files |= {scene.folder / "truth.tif"}
    before = {p: p.read_bytes() for p in scene.folder.iterdir() if p.is_file()}
    scene.exporter.export(kind, scene.folder / target)
    assert len(scene.failed) == 1  # at once, before anything is predicted for it
    assert Path(target).name in scene.failed[0]
    assert scene.asked == 0
    assert {p: p.read_bytes() for p in scene.folder.iterdir() if p.is_file()} == before


def test_a_complete_prediction_is_exported_at_once_with_what_made_it(scene, qtbot):
    network = scene.folder / "best_model.pth"
    network.write_bytes(b"weights")
    scene.session.say(protocol.Saved(str(network), 7, complete=True))
    scene.exporter.export("map", scene.folder / "m.tif")
    done(scene, qtbot)
    assert (scene.failed, scene.asked) == ([], 0)
    with rasterio.open(scene.folder / "m.tif") as dataset:
        tags = dataset.tags()
    assert (tags["PARTIALSEG_STEP"], tags["PARTIALSEG_IMAGE"]) == ("7", "field.v2.tif")
    assert tags["PARTIALSEG_CHECKPOINT_SHA256"] == file_digest(network)
    # The confidence does not take the map's name, asked or not.
    scene.exporter.export("confidence", scene.folder / "m.tif")
    assert "holds the map that was exported before" in scene.failed[0]


@pytest.mark.parametrize("news", ["tiles", "steps", "network"])
def test_a_prediction_that_is_old_is_made_anew(scene, qtbot, news):
    session = scene.session
    session.say(protocol.Saved("", 7, complete=True))
    if news == "steps":
        session.worker.learning = Learning(step=9)
    else:
        session.say(protocol.Tiles(()) if news == "tiles" else protocol.Opened("cpu", "float32", "", 1, "UNet", 7))
    scene.exporter.export("map", scene.folder / "m.tif")
    assert (scene.asked, scene.written) == (1, [])
    session.say(protocol.Saved("", session.worker.learning.step, complete=False))
    assert not scene.written
    session.say(protocol.Saved("", session.worker.learning.step, complete=True))
    done(scene, qtbot)
    assert scene.written == [scene.folder / "m.tif"]


@pytest.mark.parametrize("end", ["fatal", "died", "refused", "silent", "interrupted", "afresh"])
def test_a_wait_that_leads_nowhere_ends_with_the_reason(scene, qtbot, monkeypatch, end):
    monkeypatch.setattr("napari_partialseg.jobs.export._AFTER_PROBLEM_SECONDS", 0.01)
    monkeypatch.setattr("napari_partialseg.jobs.export._SILENT_SECONDS", 0.05 if end == "silent" else 60)
    (scene.folder / "m.tif").write_bytes(b"last week's")
    scene.exporter.export("map", scene.folder / "m.tif")
    assert not scene.panel._cancel.isHidden()
    session = scene.session
    if end == "fatal":
        session.say(protocol.Problem("the disk burns.", fatal=True))
    elif end == "died":
        session.worker.died.emit("the worker is gone.")
    elif end == "refused":
        session.say(protocol.Problem("there is nothing to predict with."))
    elif end == "interrupted":
        session.say(protocol.Status("predicting", "predicting the whole image"))
        session.say(protocol.Status("training", "training"))
    elif end == "afresh":
        session.say(protocol.Opened("cpu", "float32", "", 1, "UNet", 0))
    done(scene, qtbot)
    expected = {
        "fatal": "the disk burns",
        "died": "the worker is gone",
        "refused": "nothing to predict with",
        "silent": "has not answered",
        "interrupted": "went on with something else",
        "afresh": "opened anew",
    }
    assert "m.tif was not exported" in scene.failed[0]
    assert expected[end] in scene.failed[0]
    assert scene.panel._cancel.isHidden()
    assert (scene.folder / "m.tif").read_bytes() == b"last week's"


def test_a_problem_that_the_worker_gets_over_does_not_end_the_wait(scene, qtbot):
    scene.exporter.export("map", scene.folder / "m.tif")
    scene.session.say(protocol.Problem("Memory ran out; prediction goes on in smaller blocks."))
    scene.session.say(protocol.Problem("the network could not be saved."))
    scene.session.say(protocol.Saved("", 7, complete=True))
    done(scene, qtbot)
    assert scene.written == [scene.folder / "m.tif"]


def test_a_wait_can_be_given_up(scene):
    scene.exporter.export("map", scene.folder / "m.tif")
    scene.exporter.cancel()
    assert isinstance(scene.session.client.sent[-1], protocol.Pause)
    scene.session.say(protocol.Saved("", 7, complete=True))
    assert not (scene.folder / "m.tif").exists()


def test_layers_are_saved_where_they_lie_and_not_over_their_image(tmp_path):
    (tmp_path / "field.tif").write_bytes(b"the photo")
    metadata = {"georeference": UTM.to_json(), "image": str(tmp_path / "field.tif")}
    values = np.full(SHAPE, 3, np.uint8)
    for name, kind, write in (("p", "prediction", write_labels_layer), ("c", "confidence", write_image_layer)):
        attributes = {"name": kind, "metadata": {MARK: kind, **metadata}}
        path = str(tmp_path / f"{name}.tif")
        assert write(path, values, attributes) == [path]
        with rasterio.open(path) as dataset:
            assert dataset.crs.to_epsg() == 32640
            assert tuple(dataset.transform)[:6] == UTM.transform
            np.testing.assert_array_equal(dataset.read(1), values)
        with pytest.raises(Exception, match="in use and would be lost"):
            write(str(tmp_path / "field.tif"), values, attributes)
    assert (tmp_path / "field.tif").read_bytes() == b"the photo"
    picture = str(tmp_path / "any.tif")  # an image that is none of ours is written as ever
    assert write_image_layer(picture, values, {"name": "any", "metadata": {}}) == [picture]
