"""The manifest and what it names: readers, the writer, the sample."""

from __future__ import annotations

import json
import pkgutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import zarr
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest
from PIL import Image as Picture
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication
from rasterio import Affine
from rasterio.crs import CRS
from viewer_helpers import FakeClient

import napari_partialseg
from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass
from annotations.errors import PartialSegError, ProjectError, ProjectVersionError, RasterError
from annotations.images.georeference import Georeference
from annotations.images.orthophoto import open_orthophoto
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.mask import SparseMask
from napari_partialseg.io import sample_data as _sample_data
from napari_partialseg.io.reader import get_reader, read
from napari_partialseg.session.guard import LabelsGuard, label_colormap
from napari_partialseg.session.writer import write_labels_layer
from napari_partialseg.widget import PartialSegWidget

MANIFEST = Path(napari_partialseg.__file__).with_name("napari.yaml")
METRES = Georeference(CRS.from_epsg(32640).to_wkt(), (0.5, 0.0, 3e5, 0.0, -0.5, 2e6))


@pytest.fixture
def project(orthophoto, tmp_path):
    """A project folder that holds the orthophoto."""
    ortho = open_orthophoto(orthophoto[0])
    with Project.create(tmp_path / "field.partialseg", LANDCOVER_AI) as held:
        held.add_image(ortho)
    ortho.close()
    return tmp_path / "field.partialseg"


# --------------------------------------------------------------------------------------------------------- manifest


def test_everything_the_manifest_names_is_there():
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    named = {c.id: c.python_name for c in manifest.contributions.commands}
    assert all(callable(pkgutil.resolve_name(str(name))) for name in named.values())
    used = [
        *manifest.contributions.widgets,
        *manifest.contributions.readers,
        *manifest.contributions.writers,
        *manifest.contributions.sample_data,
    ]
    assert {c.command for c in used} == set(named)


def test_the_names_that_the_command_line_needs_stay():
    manifest = PluginManifest.from_file(MANIFEST)
    assert manifest.name == "napari-partialseg"
    assert [w.display_name for w in manifest.contributions.widgets] == ["Partial Seg"]


# ---------------------------------------------------------------------------------------------------------- readers


def test_a_geotiff_is_an_image_with_its_scale_and_its_path(orthophoto):
    path = orthophoto[0]
    ((data, options, kind),) = get_reader(str(path))(str(path))
    with rasterio.open(path) as file:
        assert np.array_equal(data, np.moveaxis(file.read(), 0, -1))
    assert kind == "image"
    assert options["rgb"] is True
    assert options["scale"] == (0.5, 0.5)
    assert options["units"] == ("m", "m")
    assert options["metadata"]["path"] == str(path)
    assert "translate" not in options  # metres of a projected CRS would put the brush beside the cursor


def test_a_large_image_is_a_pyramid(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (1500, 900, 3), dtype=np.uint8)
    Picture.fromarray(image).save(tmp_path / "large.png", compress_level=1)
    ((levels, options, _),) = read(str(tmp_path / "large.png"))
    assert options["multiscale"] is True
    assert [level.shape for level in levels] == [(1500, 900, 3), (750, 450, 3)]
    assert np.array_equal(levels[0], image)


def test_a_picture_without_coordinates_has_pixels_for_units(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    Picture.fromarray(image).save(tmp_path / "photo.PNG")
    ((data, options, _),) = get_reader(str(tmp_path / "photo.PNG"))(str(tmp_path / "photo.PNG"))
    assert np.array_equal(data, image)
    assert "scale" not in options
    assert "units" not in options


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zarr_array_is_an_image(tmp_path, zarr_format):
    image = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    path = tmp_path / "field.zarr"
    zarr.create_array(path, shape=image.shape, dtype="uint8", zarr_format=zarr_format)[:] = image
    ((data, _, kind),) = get_reader(str(path))(str(path))
    assert kind == "image"
    assert np.array_equal(data, image)


def test_a_project_is_its_orthophoto(project, orthophoto):
    ((data, options, kind),) = get_reader(str(project))(str(project))
    assert kind == "image"
    assert data.shape == (192, 256, 3)
    assert options["metadata"]["project"] == str(project)
    assert options["metadata"]["path"] == str(orthophoto[0])


def test_reading_a_project_leaves_it_free_and_as_it_was(project):
    before = {p: p.stat().st_mtime_ns for p in project.rglob("*")}
    read(str(project))
    assert {p: p.stat().st_mtime_ns for p in project.rglob("*")} == before
    Project.open(project).close()


def test_a_mask_is_labels_with_the_colours_of_its_classes(tmp_path):
    scheme = ClassScheme((LandClass("bare", "#102030"), LandClass("vineyard", "#405060")))
    labels = np.full((30, 20), -1, np.int8)
    labels[3:6, 4:9] = 0
    labels[10:12] = 1
    path = tmp_path / "drawn.zarr"
    SparseMask.create(path, labels.shape, scheme, georeference=METRES).write(Region.whole(labels.shape), labels)
    ((data, options, kind),) = get_reader(str(path))(str(path))
    assert kind == "labels"
    assert data.dtype == np.int8
    assert np.array_equal(data, labels)
    assert np.allclose(options["colormap"].map(1)[:3], np.array([0x40, 0x50, 0x60]) / 255, atol=1e-3)
    assert options["colormap"].map(np.int8(-1))[3] == 0
    assert options["features"]["class"] == ["unlabelled", "bare", "vineyard"]


def test_a_mask_of_a_newer_version_is_not_taken_for_an_image(tmp_path):
    path = tmp_path / "drawn.zarr"
    SparseMask.create(path, (20, 20), LANDCOVER_AI)
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["partialseg"]["format"] = 99
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(ProjectVersionError, match=r"drawn\.zarr.*99"):
        read(str(path))


@pytest.mark.parametrize("name", ["notes.txt", "table.csv", "scan.nd2", "no_ending"])
def test_files_of_others_are_left_to_them(tmp_path, name):
    (tmp_path / name).write_text("something else")
    assert get_reader(str(tmp_path / name)) is None


def test_folders_and_stacks_are_left_to_others(tmp_path, orthophoto):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.tif").write_bytes(b"")
    assert get_reader(str(tmp_path / "folder")) is None
    assert get_reader([str(orthophoto[0]), str(orthophoto[0])]) is None


def test_what_cannot_be_read_is_named_with_the_way_out(tmp_path, orthophoto):
    (tmp_path / "letter.tif").write_text("not a raster")
    with pytest.raises(RasterError, match=r"letter\.tif.*\."):
        read(str(tmp_path / "letter.tif"))
    with pytest.raises(RasterError, match=r"gone\.tif"):
        read(str(tmp_path / "gone.tif"))
    whole = orthophoto[0].read_bytes()
    (tmp_path / "half.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RasterError, match=r"half\.tif"):
        read(str(tmp_path / "half.tif"))


def test_a_folder_that_only_has_the_name_of_a_project_is_named(tmp_path):
    (tmp_path / "lost.partialseg").mkdir()
    assert get_reader(str(tmp_path / "lost.partialseg")) is not None
    with pytest.raises(ProjectError, match=r"lost\.partialseg.*project\.json"):
        read(str(tmp_path / "lost.partialseg"))


def test_a_project_without_orthophoto_says_so(tmp_path):
    Project.create(tmp_path / "empty.partialseg", LANDCOVER_AI).close()
    with pytest.raises(PartialSegError, match=r"empty\.partialseg.*no orthophoto"):
        read(str(tmp_path / "empty.partialseg"))


# ----------------------------------------------------------------------------------------------------------- writer


@pytest.fixture
def drawn():
    labels = np.full((60, 50), -1, np.int8)
    labels[5:9, 5:30] = 0
    labels[20:40, 10:12] = 4
    return labels


def test_a_geotiff_keeps_minus_one(tmp_path, drawn):
    path = tmp_path / "labels.tif"
    options = {"name": "labels", "metadata": {"georeference": METRES.to_json()}}
    assert write_labels_layer(str(path), drawn, options) == [str(path)]
    with rasterio.open(path) as file:
        assert file.dtypes == ("int16",)
        assert file.nodata == -1
        assert np.array_equal(file.read(1), drawn)
        assert file.crs.to_epsg() == 32640
        assert file.transform == Affine(*METRES.transform)


def test_a_zarr_keeps_minus_one(tmp_path, drawn):
    path = tmp_path / "labels.zarr"
    assert write_labels_layer(str(path), drawn, {"name": "labels"}) == [str(path)]
    array = zarr.open_array(path, mode="r")
    assert array.dtype == np.int8
    assert array.fill_value == -1
    assert np.array_equal(array[:], drawn)
    ((data, options, _),) = read(str(path))
    assert np.array_equal(data, drawn)
    assert options["features"]["class"][1:] == list(LANDCOVER_AI.names)


def test_a_zarr_is_never_written_over(tmp_path, drawn):
    path = tmp_path / "labels.zarr"
    write_labels_layer(str(path), drawn, {})
    with pytest.raises(PartialSegError, match=r"labels\.zarr.*exists"):
        write_labels_layer(str(path), np.full_like(drawn, 2), {})
    assert np.array_equal(zarr.open_array(path, mode="r")[:], drawn)


def test_names_and_colours_of_the_classes_go_along(tmp_path, drawn):
    from napari.layers import Labels

    scheme = LANDCOVER_AI.with_class(4, name="track", colour="#010203").added(LandClass("vineyard", "#405060"))
    layer = Labels(drawn, name="labels", colormap=label_colormap(scheme))
    guard = LabelsGuard(layer, scheme)
    data, options, _ = layer.as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "labels.zarr"), data, options)
    kept = SparseMask.open(tmp_path / "labels.zarr").scheme
    assert kept.names == scheme.names
    assert kept.colours == scheme.colours
    assert guard is not None


def test_classes_beyond_the_known_ones_get_a_name(tmp_path, drawn):
    drawn[0, 0] = 7
    write_labels_layer(str(tmp_path / "labels.zarr"), drawn, {})
    assert SparseMask.open(tmp_path / "labels.zarr").scheme.names[5:] == ("class 5", "class 6", "class 7")


def test_a_prediction_is_unlabelled_where_nothing_was_predicted(tmp_path):
    prediction = np.full((20, 20), 255, np.uint8)
    prediction[:10] = 3
    write_labels_layer(str(tmp_path / "p.tif"), prediction, {"metadata": {"georeference": METRES.to_json()}})
    with rasterio.open(tmp_path / "p.tif") as file:
        written = file.read(1)
    assert (written[:10] == 3).all()
    assert (written[10:] == -1).all()


@pytest.mark.parametrize("ending", ["tif", "zarr"])
@pytest.mark.parametrize("value", [-2, 127, 70000])
def test_a_value_that_is_no_label_is_refused(tmp_path, ending, value):
    labels = np.full((20, 20), -1, np.int32)
    labels[2, 3] = value
    with pytest.raises(PartialSegError, match=rf"cells.*{value}.*\(2, 3\)") as caught:
        write_labels_layer(str(tmp_path / f"l.{ending}"), labels, {"name": "cells"})
    # napari takes a ValueError of a writer for "no writer found" and keeps silent.
    assert not isinstance(caught.value, ValueError)
    assert list(tmp_path.iterdir()) == []


def test_a_stack_of_labels_is_refused(tmp_path):
    with pytest.raises(PartialSegError, match=r"cells.*\(3, 20, 20\)"):
        write_labels_layer(str(tmp_path / "l.tif"), np.zeros((3, 20, 20), np.int8), {"name": "cells"})


# ----------------------------------------------------------------------------------------------------------- sample


def test_the_sample_names_its_truth(monkeypatch, orthophoto):
    monkeypatch.setattr(_sample_data, "sample_paths", lambda: orthophoto)
    ((data, options, kind),) = _sample_data.sample_orthophoto()
    assert kind == "image"
    assert data.shape == (192, 256, 3)
    assert options["metadata"]["path"] == str(orthophoto[0])
    assert options["metadata"]["truth"] == str(orthophoto[1])


# ------------------------------------------------------------------------------------------------------- in napari


def test_napari_saves_the_labels_with_the_plugin(make_napari_viewer, display, tmp_path, drawn):
    viewer = make_napari_viewer()
    where = {"georeference": METRES.to_json()}
    viewer.add_labels(drawn, name="labels", colormap=label_colormap(LANDCOVER_AI), metadata=where)
    assert viewer.layers.save(str(tmp_path / "l.tif"), plugin="napari-partialseg") == [str(tmp_path / "l.tif")]
    with rasterio.open(tmp_path / "l.tif") as file:
        assert np.array_equal(file.read(1), drawn)


def test_napari_says_which_file_cannot_be_read_and_goes_on(make_napari_viewer, display, tmp_path, qtbot):
    (tmp_path / "letter.tif").write_text("not a raster")
    viewer = make_napari_viewer()
    told = []
    notification_manager.notification_ready.connect(told.append)
    try:
        assert viewer.open(str(tmp_path / "letter.tif"), plugin="napari-partialseg") == []
        qtbot.waitUntil(lambda: bool(told))
    finally:
        notification_manager.notification_ready.disconnect(told.append)
    assert "letter.tif" in told[0].message
    assert "Traceback" not in told[0].message
    assert len(viewer.layers) == 0


@pytest.fixture
def dock(make_napari_viewer, display):
    """Return a viewer, and a function that docks the widget in it."""
    viewer = make_napari_viewer()
    widgets = []

    def make():
        widget = PartialSegWidget(viewer, FakeClient())
        widgets.append(widget)
        viewer.window.add_dock_widget(widget, name="Partial Seg")
        return widget

    yield viewer, make
    for widget in widgets:
        widget.shut_down()
        viewer.window.remove_dock_widget(widget)
        widget.viewer = None
        widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_an_orthophoto_opened_before_the_widget_is_taken_over(dock, orthophoto, qtbot):
    viewer, make = dock
    (image,) = viewer.open(str(orthophoto[0]), plugin="napari-partialseg")
    widget = make()
    qtbot.waitUntil(lambda: widget.session is not None)
    assert widget.session.layers.image is image
    assert [layer.name for layer in viewer.layers] == [
        *("field", "prediction", "confidence", "uncertainty", "labels", "points", "place")
    ]


def test_a_project_opened_before_the_widget_is_taken_over(dock, project, qtbot):
    viewer, make = dock
    (image,) = viewer.open(str(project), plugin="napari-partialseg")
    widget = make()
    qtbot.waitUntil(lambda: widget.session is not None)
    assert widget.session.layers.image is image
    assert widget.session.opened_image.project.folder == project
    assert len(viewer.layers) == 7


def test_the_sample_of_the_menu_is_taken_over(dock, orthophoto, qtbot, monkeypatch):
    monkeypatch.setattr(_sample_data, "sample_paths", lambda: orthophoto)
    viewer, make = dock
    (image,) = viewer.open_sample("napari-partialseg", "orthophoto")
    widget = make()
    qtbot.waitUntil(lambda: widget.session is not None)
    assert widget.session.layers.image is image
