"""`partialseg export`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pyogrio
import pytest
import zarr
from command_helpers import contents, make_project, read, run

from annotations.cleaning.cleaning import Cleaning, cleaned, pixel_area
from annotations.export.provenance import file_digest
from annotations.prediction.kept_map import KeptPrediction
from annotations.project.project import Project
from trainer.opened import open_image as opening
from trainer.opened.export import Content, write
from trainer.opened.open_image import open_image


def test_all_is_exported_as_the_viewer_does_and_the_project_left_alone(trained, tmp_path, capsys):
    before = contents(trained.parent)
    names = ("map.tif", "map.gpkg", "map.geojson")
    paths = [tmp_path / name for name in names]
    assert run("export", trained, *paths, "--confidence", tmp_path / "c.tif", "--labels", tmp_path / "l.tif") == 0
    assert capsys.readouterr().out.count("Written:") == 5
    assert contents(trained.parent) == before
    opened = open_image(trained, lock="none", shown=False)
    try:
        for kind, path in (("map", "map.tif"), ("confidence", "c.tif"), ("labels", "l.tif")):
            content = Content.of(kind, opened, step=25, checkpoint=trained / "weights" / "best_model.pth")
            write(tmp_path / f"viewer_{path}", content)
            ours, theirs = read(tmp_path / path), read(tmp_path / f"viewer_{path}")
            np.testing.assert_array_equal(ours[0], theirs[0])
            dates = ("PARTIALSEG_DATE", "TIFFTAG_DATETIME")
            assert {k: v for k, v in ours[1].items() if k not in dates} == {
                k: v for k, v in theirs[1].items() if k not in dates
            }
    finally:
        opened.close()
    assert read(tmp_path / "map.tif")[1]["PARTIALSEG_STEP"] == "25"
    assert (tmp_path / "map.qml").exists()
    assert pyogrio.read_info(tmp_path / "map.gpkg")["features"] >= 3
    assert json.loads((tmp_path / "map.geojson").read_text())["metadata"]["PARTIALSEG_STEP"] == "25"


def test_a_map_with_gaps_is_predicted_by_the_projects_network(trained, tmp_path, monkeypatch, threads):
    assert run("export", trained, tmp_path / "whole.tif") == 0
    project = tmp_path / "field.partialseg"
    shutil.copytree(trained, project)
    shutil.copy(trained.parent / "field.tif", tmp_path)
    home = project / "images" / "1"
    KeptPrediction(home, (200, 300)).completed(trained / "project.json", 25)  # of another network
    zarr.open_array(home / "prediction.zarr", mode="r+")[:] = 1
    assert run("export", project, tmp_path / "again.tif") == 0
    np.testing.assert_array_equal(read(tmp_path / "again.tif")[0], read(tmp_path / "whole.tif")[0])
    assert read(tmp_path / "again.tif")[1]["PARTIALSEG_CHECKPOINT_SHA256"] == file_digest(
        project / "weights" / "best_model.pth"
    )


def test_labels_are_exported_without_torch_and_beside_an_open_viewer(tmp_path):
    folder = make_project(tmp_path)
    code = (
        "import sys; from trainer.commands.partialseg import main; "
        f"status = main(['export', {str(folder)!r}, '--labels', {str(tmp_path / 'l.tif')!r}]); "
        "print(status, 'torch' in sys.modules)"
    )
    with Project.open(folder):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr
    assert (read(tmp_path / "l.tif")[0][30, [30, 130, 230, 299]] == [0, 1, 2, -1]).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to write"),
        (["map.png"], "Add the ending"),
        (["map.tif", "--confidence", "map.tif"], "named twice"),
        (["map.tif", "--confidence", "map.tiff"], "style"),
        (["there.tif"], "--overwrite"),
        (["{image}", "--overwrite"], "in use"),
        (["{project}/map.tif"], "in use"),
    ],
)
def test_an_export_refuses_names_before_it_writes(trained, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.tif").write_bytes(b"mine")
    before = contents(trained.parent)
    given = [a.format(image=trained.parent / "field.tif", project=trained) for a in arguments]
    assert run("export", trained, *given) == 2
    assert said in capsys.readouterr().err
    assert contents(trained.parent) == before
    assert [p.name for p in tmp_path.iterdir()] == ["there.tif"]
    assert (tmp_path / "there.tif").read_bytes() == b"mine"


def test_without_a_network_there_is_no_map_to_export(tmp_path, capsys):
    assert run("export", make_project(tmp_path), tmp_path / "map.tif") == 2
    assert "Train first: partialseg train" in capsys.readouterr().err


def test_a_map_that_is_written_while_it_is_read_is_no_whole_one(trained, tmp_path, monkeypatch):
    project = tmp_path / "field.partialseg"
    shutil.copytree(trained, project)
    shutil.copy(trained.parent / "field.tif", tmp_path)
    home, real = project / "images" / "1", opening.load_prediction

    def load(*arguments, **more):
        found = real(*arguments, **more)
        KeptPrediction(home, (200, 300)).completed(project / "project.json", 26)
        return found

    with_it = open_image(project, lock="none", shown=False)
    monkeypatch.setattr(opening, "load_prediction", load)
    without = open_image(project, lock="none", shown=False)
    assert (with_it.made_by.step, without.made_by) == (25, None)
    with_it.close()
    without.close()


def test_a_map_is_smoothed_as_was_asked_for_and_says_so(trained, tmp_path, capsys):
    raw, calm = tmp_path / "raw.tif", tmp_path / "calm.tif"
    assert run("export", trained, raw) == 0
    asked = ("--smooth", "5", "--smallest", "40")
    assert run("export", trained, calm, tmp_path / "calm.gpkg", "--confidence", tmp_path / "c.tif", *asked) == 0
    (before, told), (after, says) = read(raw)[:2], read(calm)[:2]
    opened = open_image(trained, lock="none", shown=False)
    pixel = pixel_area(opened.ortho.georeference, opened.ortho.shape)
    opened.close()
    np.testing.assert_array_equal(after.squeeze(), cleaned(before.squeeze(), Cleaning(5, 40.0), pixel))
    assert (after != before).any()
    assert "PARTIALSEG_SMOOTHED" not in told
    assert "5 x 5 pixels; pieces below 40" in says["PARTIALSEG_SMOOTHED"]
    assert "PARTIALSEG_SMOOTHED" not in read(tmp_path / "c.tif")[1]
    frame = pyogrio.raw.read(tmp_path / "calm.gpkg")
    areas = dict(zip(frame[0]["fields"], frame[3], strict=True))
    assert min(next(v for k, v in areas.items() if k.startswith("area"))) >= 40 * 0.999
    capsys.readouterr()
    assert run("export", trained, tmp_path / "other.tif", "--smooth", "4") != 0
    assert "3, 5, 7" in capsys.readouterr().err
    assert not (tmp_path / "other.tif").exists()
