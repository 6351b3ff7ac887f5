"""Notes are kept with the image, survive a damaged file and a full disk, and go to others with their coordinates."""

from __future__ import annotations

import csv
import errno
import io
import json
import os

import pytest
from rasterio.crs import CRS
from rasterio.warp import transform

from annotations.errors import PartialSegError, ProjectError
from annotations.images.georeference import Georeference
from annotations.notes import notes as notes_module
from annotations.notes.note_files import notes_file
from annotations.notes.notes import Notes

SHAPE = (100, 200)
UTM = Georeference(CRS.from_epsg(32640).to_wkt(), (0.5, 0.0, 300000.0, 0.0, -0.5, 2000000.0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "notes.json"


def test_notes_are_there_again(path):
    notes = Notes(path, SHAPE)
    first = notes.add(3.0, 4.5, "what crop is this?", 5.0)
    second = notes.add(-50.0, 1e9, "beyond the edge", 6.0)
    assert (second.row, second.column) == (-0.5, 199.5)
    notes.edit(first.number, "barley ✓")
    again = Notes(path, SHAPE)
    assert [n.text for n in again.all()] == ["barley ✓", "beyond the edge"]
    gone = again.remove(first.number)
    assert [n.text for n in Notes(path, SHAPE).all()] == ["beyond the edge"]
    again.put_back(gone)
    assert [n.text for n in Notes(path, SHAPE).all()] == ["barley ✓", "beyond the edge"]
    assert not again.problem


def test_a_full_disk_changes_nothing(path, monkeypatch):
    notes = Notes(path, SHAPE)
    note = notes.add(3.0, 4.0, "here", 5.0)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(notes_module, "write_atomically", full)
    for change in (lambda: notes.add(1, 1, "x", 1), lambda: notes.edit(note.number, "y"), lambda: notes.remove(1)):
        with pytest.raises(ProjectError, match="disk is full"):
            change()
    assert notes.all() == [note] == Notes(path, SHAPE).all()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"notes": 3}', b"\xff"])
def test_a_damaged_file_is_set_aside(path, content):
    path.write_bytes(content)
    assert "reading" not in Notes(path, SHAPE, writable=False).problem
    assert path.read_bytes() == content
    notes = Notes(path, SHAPE)
    assert "damaged" in notes.problem
    assert (path.parent / "notes-set-aside.json").read_bytes() == content
    notes.add(1.0, 1.0, "afresh", 1.0)
    assert not Notes(path, SHAPE).problem


def test_good_notes_of_a_damaged_file_stay(path):
    good = {"number": 2, "row": 1, "column": 2, "text": "good", "time": 3}
    bad = [{"number": 1}, {**good, "row": 1e9}, {**good, "number": 0}, "x", {**good, "column": float("nan")}]
    path.write_text(json.dumps({"format": 1, "notes": [*bad, good]}))
    notes = Notes(path, SHAPE)
    assert [n.text for n in notes.all()] == ["good"]
    assert "5 of 6" in notes.problem
    assert not Notes(path, SHAPE).problem


def test_a_newer_file_is_left_alone(path):
    content = json.dumps({"format": 2, "notes": [{"number": 1, "row": 1, "column": 2, "text": "a", "time": 3}]})
    path.write_text(content)
    notes = Notes(path, SHAPE)
    assert len(notes) == 1
    with pytest.raises(ProjectError):
        notes.edit(1, "b")
    assert path.read_text() == content


def test_files_for_others_hold_the_centre_of_the_pixel(path):
    notes = Notes(path, SHAPE)
    notes.add(10.0, 20.0, '=1+1, "quoted"\nand two lines', 0.0)
    row = next(csv.DictReader(io.StringIO(notes_file(notes.all(), UTM, ".csv", "n").decode("utf-8-sig"))))
    x, y = 300000 + 0.5 * 20.5, 2000000 - 0.5 * 10.5
    assert (float(row["x"]), float(row["y"])) == (x, y)
    assert row["text"] == '\'=1+1, "quoted"\nand two lines'
    assert row["time"] == "1970-01-01T00:00:00Z"
    (lon,), (lat,) = transform(CRS.from_epsg(32640), CRS.from_epsg(4326), [x], [y])
    feature = json.loads(notes_file(notes.all(), UTM, ".geojson", "n"))["features"][0]
    assert feature["geometry"]["coordinates"] == pytest.approx([lon, lat], abs=1e-9)
    assert float(row["longitude"]) == pytest.approx(lon, abs=1e-9)
    assert feature["properties"]["text"] == '=1+1, "quoted"\nand two lines'


def test_an_image_that_lies_nowhere_has_rows_and_columns(path):
    notes = Notes(path, SHAPE)
    notes.add(10.0, 20.25, "here", 0.0)
    row = next(csv.DictReader(io.StringIO(notes_file(notes.all(), None, ".csv", "n").decode("utf-8-sig"))))
    assert (row["row"], row["column"], row["x"], row["longitude"]) == ("10", "20.25", "", "")
    with pytest.raises(PartialSegError, match=r"Choose CSV"):
        notes_file(notes.all(), None, ".geojson", "n")
    assert json.loads(notes_file([], UTM, ".geojson", "n"))["features"] == []
