"""`partialseg info`."""

from __future__ import annotations

import numpy as np
from command_helpers import contents, make_project, run, told, write_raster


def test_info_tells_of_a_project_and_leaves_it_alone(trained, capsys):
    before = contents(trained.parent)
    times = {path: path.stat().st_mtime_ns for path in (trained, *trained.rglob("*"))}
    (about,) = told(capsys, trained)
    assert contents(trained.parent) == before
    assert {path: path.stat().st_mtime_ns for path in (trained, *trained.rglob("*"))} == times
    (image,) = about["images"]
    assert (about["kind"], image["width"], image["height"]) == ("project", 300, 200)
    assert about["classes"] == {"field": "#aa8800", "wood": "#00aa00", "lake": "#0000aa"}
    assert image["labelled_pixels"] == {"field": 1600, "wood": 1600, "lake": 1600}
    assert image["crs"].startswith("EPSG:32640")
    assert image["pixel_size"] == {"width": 0.5, "height": 0.5, "unit": "metre"}
    assert [band["role"] for band in image["bands"]] == ["learnt"] * 3
    assert image["map"] == {"complete": True, "step": 25, "predicted_pixels": 60_000}
    assert (about["network"]["network"], about["network"]["network_width"], about["network"]["step"]) == ("unet", 4, 25)


def test_info_tells_what_a_project_lacks(tmp_path, capsys):
    folder = make_project(tmp_path)
    (tmp_path / "field.tif").unlink()
    (about,) = told(capsys, folder)
    assert about["network"] is None
    assert about["images"][0]["map"] is None
    assert "The labels are safe" in about["images"][0]["error"]
    assert about["images"][0]["labelled_pixels"]["wood"] == 1600


def test_info_tells_of_rasters_masks_and_checkpoints(trained, truth, tmp_path, capsys):
    np.save(tmp_path / "mask.npy", np.array([[0, 1], [1, -1]], np.int8))
    paths = (trained.parent / "field.tif", truth, tmp_path / "mask.npy", trained / "weights" / "best_model.pth")
    raster, mask, array, network = told(capsys, *paths, trained / "images" / "1" / "labels.zarr")[:4]
    assert (raster["kind"], raster["dtype"], raster["own_mask"]) == ("raster", "uint8", False)
    assert raster["bounds"] == {"left": 3e5, "bottom": 2e6 - 100, "right": 3e5 + 150, "top": 2e6}
    assert (mask["kind"], mask["classes"]) == ("mask", {"class 0": 2300, "class 1": 0, "class 2": 2400})
    assert (mask["labelled"], mask["unlabelled"]) == (4700, 100)
    assert (array["kind"], array["crs"], array["classes"]) == ("mask", None, {"class 0": 1, "class 1": 2})
    assert (network["kind"], network["bands"], list(network["classes"])) == ("checkpoint", 3, ["field", "wood", "lake"])


def test_info_tells_of_bands_and_missing_data(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(1, 255, (4, 300, 300)).astype(np.uint8)
    pixels[3] = 255
    pixels[3, :20] = 0
    path = write_raster(tmp_path / "image.tif", pixels, photometric="RGB", alpha="YES", nodata=0)
    (about,) = told(capsys, path)
    assert [band["role"] for band in about["bands"]] == ["learnt", "learnt", "learnt", "mask"]
    assert about["nodata"] == [0]


def test_info_is_readable_and_goes_on_after_what_it_cannot_read(trained, truth, tmp_path, capsys):
    assert run("info", tmp_path / "nowhere.tif", trained, truth) == 2
    said = capsys.readouterr()
    assert "nowhere.tif: there is no such file" in said.err
    assert "  map: complete yes, step 25, predicted pixels 60,000\n" in said.out
    assert "    labelled pixels: field 1,600, wood 1,600, lake 1,600\n" in said.out
    assert f"{truth}: mask\n  width: 80\n" in said.out


def test_info_needs_a_path(capsys):
    assert run("info") == 2
    assert "give a project" in capsys.readouterr().err
