"""What may be written where: nothing else is lost, whatever the name; what lay beside an older file goes with it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest

from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass
from annotations.disk.files import replacing_together
from annotations.disk.leftovers import sweep_leftovers
from annotations.errors import PartialSegError
from annotations.export.geotiff import write_class_map, write_confidence, write_labels, write_polygons, write_style
from annotations.export.provenance import Provenance, file_digest
from annotations.export.targets import GEOTIFF, check_target
from annotations.images.gdal_raster import open_dataset
from annotations.project.project import Project

MAP = np.zeros((20, 30), np.uint8)


def a_map(path, **options):
    write_class_map(path, MAP, scheme=LANDCOVER_AI, georeference=None, **options)


@pytest.mark.parametrize("spelling", ["plain", "dots", "relative", "symlink", "hard link", "side file", "dangling"])
def test_a_protected_file_is_refused_however_it_is_spelt(tmp_path, monkeypatch, spelling):
    photo = tmp_path / "field.tif"
    photo.write_bytes(b"the photo")
    target = tmp_path / "link.tif"
    (tmp_path / "sub").mkdir()
    if spelling == "plain":
        target = photo
    elif spelling == "dots":
        target = tmp_path / "sub" / ".." / "field.tif"
    elif spelling == "relative":
        monkeypatch.chdir(tmp_path / "sub")
        target = "../field.tif"
    elif spelling == "symlink":
        target.symlink_to(photo)
    elif spelling == "hard link":
        os.link(photo, target)
    elif spelling == "side file":
        target = tmp_path / "field.tif.tif"
    else:
        photo.unlink()
        target.symlink_to(photo)
    with pytest.raises(PartialSegError, match=r"field\.tif.*Choose another name"):
        a_map(target, protected=[photo])
    assert not photo.exists() or photo.read_bytes() == b"the photo"
    assert not (tmp_path / "link.tif.aux.xml").exists()


def test_a_project_and_what_is_in_it_is_refused(tmp_path):
    Project.create(tmp_path / "p.partialseg", LANDCOVER_AI).close()
    (tmp_path / "door").symlink_to(tmp_path / "p.partialseg")
    for target in ("p.partialseg/map.tif", "p.partialseg/images/map.tif"):
        with pytest.raises(PartialSegError, match="lies inside"):
            a_map(tmp_path / target)
    with pytest.raises(PartialSegError, match="lies inside"):
        a_map(tmp_path / "door" / "weights" / "map.tif", protected=[tmp_path / "p.partialseg"])


def test_a_style_never_lands_beside_a_photo_of_the_same_stem(tmp_path):
    (tmp_path / "field.tif").write_bytes(b"the photo")
    with pytest.raises(PartialSegError, match=r"style field\.qml is written, which a GIS would take for"):
        a_map(tmp_path / "field.tiff", style=True, protected=[tmp_path / "field.tif"])


def test_folders_devices_and_wrong_endings_are_refused(tmp_path):
    (tmp_path / "folder.tif").mkdir()
    os.mkfifo(tmp_path / "pipe.tif")
    for name, match in (
        ("folder.tif", "is a folder"),
        ("pipe.tif", "is a device"),
        ("a.png", r"ends in \.tif or"),
        ("a", "ends in"),
        ("nowhere/a.tif", "no folder"),
        ("x" * 252 + ".tif", "256 bytes long"),
        ("é" * 122 + ".tif", r"248 bytes long, and the file beside it 8 more"),
    ):
        with pytest.raises(PartialSegError, match=match):
            a_map(tmp_path / name)
    assert {p.name for p in tmp_path.iterdir()} == {"folder.tif", "pipe.tif"}


NAMES = [
    "map.v2",
    "(x)",
    "[a]",
    ".h",
    "#3",
    "?q",
    "-d",
    "a?b",
    "50%",
    "a&b",
    "x:y",
    "m; v2",
    "a!b",
    "gpkg_m",
    "é ü",
    "x" * 239,
]


@pytest.mark.parametrize("name", [*NAMES, "x" * 239, os.fsdecode(b"caf\xe9")])
def test_any_name_works(tmp_path, name):
    place = tmp_path / "a!b;c?d#e"
    place.mkdir()
    a_map(place / f"{name}.tif", style=True)
    write_polygons(place / f"{name}.gpkg", MAP, LANDCOVER_AI, None)
    write_polygons(place / f"{name}.geojson", MAP, LANDCOVER_AI, None)
    found = set(os.listdir(place))
    assert found == {name + e for e in (".tif", ".tif.aux.xml", ".qml", ".gpkg", ".geojson")}
    (place / f"{name}.gpkg").rename(tmp_path / "plain.gpkg")  # readers have their own trouble with names
    (place / f"{name}.tif").rename(tmp_path / "plain.tif")
    assert pyogrio.read_info(tmp_path / "plain.gpkg")["features"] == 1
    with open_dataset(tmp_path / "plain.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), MAP)


def test_a_link_is_replaced_and_never_written_through(tmp_path):
    (tmp_path / "other.tif").write_bytes(b"somebody's")
    (tmp_path / "map.tif").symlink_to(tmp_path / "other.tif")
    a_map(tmp_path / "map.tif")
    assert (tmp_path / "other.tif").read_bytes() == b"somebody's"
    assert not (tmp_path / "map.tif").is_symlink()


def test_what_lay_beside_an_older_file_goes_with_it_once_the_new_one_is_complete(tmp_path):
    sides = ["m.tif.ovr", "m.tif.msk", "m.tfw", "m.tif.aux.xml", "g.gpkg-wal", "g.gpkg-shm", "g.gpkg-journal"]
    for name in ("m.tif", "g.gpkg", *sides):
        (tmp_path / name).write_bytes(b"old")

    def blocks():
        assert all((tmp_path / name).read_bytes() == b"old" for name in sides)
        yield from ()
        raise PartialSegError("cancelled")

    with pytest.raises(PartialSegError, match="cancelled"):
        write_confidence(tmp_path / "m.tif", blocks(), shape=(20, 30), georeference=None)
    with pytest.raises(PartialSegError, match="cancelled"):
        write_polygons(tmp_path / "g.gpkg", MAP, LANDCOVER_AI, None, cancelled=lambda: True)
    assert all((tmp_path / name).read_bytes() == b"old" for name in ("m.tif", "g.gpkg", *sides))
    write_confidence(tmp_path / "m.tif", MAP, georeference=None)
    write_polygons(tmp_path / "g.gpkg", MAP, LANDCOVER_AI, None)
    assert {p.name for p in tmp_path.iterdir()} == {"m.tif", "g.gpkg"}


def test_a_persons_style_is_kept_and_ours_is_replaced(tmp_path):
    style = tmp_path / "m.qml"
    a_map(tmp_path / "m.tif", style=True)
    ours = style.read_bytes()
    for number in range(2):
        style.write_text(f"<qgis>my own {number}</qgis>")
        a_map(tmp_path / "m.tif", style=True)
        assert style.read_bytes() == ours
    assert (tmp_path / "m.before.qml").read_text() == "<qgis>my own 0</qgis>"
    assert (tmp_path / "m.before-2.qml").read_text() == "<qgis>my own 1</qgis>"
    write_confidence(tmp_path / "m.tif", MAP, georeference=None)  # no map of classes any more
    assert not style.exists()


def test_several_files_are_replaced_together_or_not_at_all(tmp_path):
    (tmp_path / "a").write_text("old a")
    (tmp_path / "b").mkdir()  # cannot be replaced by a file
    (tmp_path / "stale").write_text("old side")
    paths = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(OSError), replacing_together(paths, lambda: [tmp_path / "stale"]) as names:
        for name in names:
            name.write_text("new")
    assert {p.name: p.read_text() for p in tmp_path.iterdir() if p.is_file()} == {"a": "old a", "stale": "old side"}


def test_what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path):
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom annotations.disk.files import replacing_together\n"
        "with replacing_together([Path(sys.argv[1])]) as (name,):\n"
        "    name.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "(m).tif")], check=False)
    assert done.returncode == -signal.SIGKILL
    left = list(tmp_path.iterdir())
    assert len(left) == 1
    with replacing_together([tmp_path / "(m).tif"]) as (name,):
        name.write_text("being written")
        assert sweep_leftovers(tmp_path) == left
        assert list(tmp_path.iterdir()) == [name]


def test_names_of_classes_are_text_wherever_they_are_written(tmp_path):
    evil = ClassScheme((LandClass("<b>&\"'</b>", "#112233"), LandClass("bell\x07\x00 \ud800 \uffff", "#445566")))
    expected = ["<b>&\"'</b>", "bell\ufffd\ufffd \ufffd \ufffd"]
    classes = MAP.copy()
    classes[:, 15:] = 1
    write_class_map(tmp_path / "m.tif", classes, scheme=evil, georeference=None, style=True)
    write_polygons(tmp_path / "m.gpkg", classes, evil, None)
    write_polygons(tmp_path / "m.geojson", classes, evil, None)
    entries = ElementTree.parse(tmp_path / "m.qml").findall(".//paletteEntry")
    assert [e.get("label") for e in entries] == expected
    names = ElementTree.parse(tmp_path / "m.tif.aux.xml").findall(".//Category")
    assert [n.text for n in names] == expected
    with open_dataset(tmp_path / "m.tif") as dataset:
        assert [dataset.tags(1)[f"class_{i}"] for i in range(2)] == expected
    for ending in ("gpkg", "geojson"):
        meta, _, _, columns = pyogrio.raw.read(tmp_path / f"m.{ending}")
        assert sorted(dict(zip(meta["fields"], columns, strict=True))["name"]) == sorted(expected)


def test_a_file_tells_what_made_it(tmp_path):
    (tmp_path / "best_model.pth").write_bytes(b"weights")
    digest = file_digest(tmp_path / "best_model.pth")
    assert (
        digest
        == subprocess.run(
            ["sha256sum", str(tmp_path / "best_model.pth")], capture_output=True, text=True, check=True
        ).stdout[:64]
    )
    about = Provenance(digest, 120, "field.tif", "abc", "2024-05-06T07:08:09+00:00")
    a_map(tmp_path / "m.tif", provenance=about)
    write_labels(tmp_path / "l.tif", MAP.astype(np.int8), scheme=LANDCOVER_AI, georeference=None)
    write_polygons(tmp_path / "m.gpkg", MAP, LANDCOVER_AI, None, provenance=about)
    write_polygons(tmp_path / "m.geojson", MAP, LANDCOVER_AI, None, provenance=about)
    with open_dataset(tmp_path / "m.tif") as dataset:
        tags = dataset.tags()
    with open_dataset(tmp_path / "l.tif") as dataset:
        assert dataset.tags()["TIFFTAG_SOFTWARE"].startswith("Partial Seg ")
        assert "PARTIALSEG_CHECKPOINT_SHA256" not in dataset.tags()
    assert tags["TIFFTAG_SOFTWARE"] == f"Partial Seg {tags['PARTIALSEG_VERSION']}"
    assert tags["TIFFTAG_DATETIME"] == "2024:05:06 07:08:09"
    told = {k.removeprefix("PARTIALSEG_"): v for k, v in tags.items() if k.startswith("PARTIALSEG_")}
    assert json.loads(told["CLASSES"]) == LANDCOVER_AI.to_json()
    assert (told["CHECKPOINT_SHA256"], told["STEP"], told["DATE"]) == (digest, "120", about.created)
    assert (told["IMAGE"], told["FINGERPRINT"]) == ("field.tif", "abc")
    same = {f"PARTIALSEG_{k}": v for k, v in told.items()}
    assert json.loads((tmp_path / "m.geojson").read_text("utf-8"))["metadata"] == same
    assert pyogrio.read_info(tmp_path / "m.gpkg")["layer_metadata"] == same
    with sqlite3.connect(tmp_path / "m.gpkg") as database:
        assert digest in database.execute("select metadata from gpkg_metadata").fetchone()[0]


def test_a_style_of_its_own_and_a_target_that_is_fine(tmp_path):
    write_style(tmp_path / "m.qml", LANDCOVER_AI)
    assert check_target(tmp_path / "sub" / ".." / "m.tif", endings=GEOTIFF) == tmp_path / "m.tif"
    with pytest.raises(PartialSegError, match=r"ends in \.qml"):
        write_style(tmp_path / "m.tif", LANDCOVER_AI)
