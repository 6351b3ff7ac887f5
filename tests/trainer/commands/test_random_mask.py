"""`partialseg random-mask`."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import rasterio
from command_helpers import PLACE, run, write_raster

from annotations.region import Region
from annotations.store.mask import SparseMask


def test_a_random_mask_has_its_share_and_lies_where_the_truth_does(truth, tmp_path, capsys):
    out = tmp_path / "mask.tif"
    assert run("random-mask", truth, out, "--fraction", "0.25", "--seed", "3") == 0
    with rasterio.open(out) as file:
        mask = file.read(1)
        assert (file.dtypes[0], file.nodata) == ("int16", -1)
        assert file.transform == PLACE["transform"]
    known = 60 * 80 - 100
    assert (mask >= 0).sum() == known // 4
    with rasterio.open(truth) as file:
        assert (mask[mask >= 0] == file.read(1)[mask >= 0]).all()
    assert f"{known // 4:,} of {known:,}" in capsys.readouterr().out


def test_a_random_mask_depends_on_its_seed_alone(truth, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("random-mask", truth, tmp_path / f"{name}.zarr", "--seed", seed) == 0
    masks = [SparseMask.open(tmp_path / f"{name}.zarr").read(Region(0, 0, 60, 80)) for name in "abc"]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()
    assert masks[0].dtype == np.int8


def test_a_random_mask_is_laid_onto_another_grid(truth, tmp_path):
    image = write_raster(tmp_path / "image.tif", np.ones((3, 30, 80), np.uint8))
    assert run("random-mask", truth, tmp_path / "mask.tif", "--like", image, "--fraction", "1") == 0
    with rasterio.open(tmp_path / "mask.tif") as file:
        assert file.shape == (30, 80)
        assert (file.read(1)[:, 40:] == 2).all()


def test_a_random_mask_replaces_only_what_it_may(truth, tmp_path, capsys):
    out = tmp_path / "mask.tif"
    out.write_bytes(b"mine")
    assert run("random-mask", truth, out) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    assert run("random-mask", truth, out, "--overwrite") == 0
    before = truth.read_bytes()
    assert run("random-mask", truth, truth, "--overwrite") == 2
    assert truth.read_bytes() == before


@pytest.mark.parametrize("wrong", [("--fraction", "1.5"), ("--fraction", "nan"), ("--seed", "-1")])
def test_a_random_mask_refuses_what_is_no_number_of_it(truth, tmp_path, capsys, wrong):
    assert run("random-mask", truth, tmp_path / "mask.tif", *wrong) == 2
    assert wrong[0] in capsys.readouterr().err
    assert not (tmp_path / "mask.tif").exists()


def test_classes_of_a_truth_keep_their_names(truth, tmp_path):
    assert run("random-mask", truth, tmp_path / "first.tif") == 0
    with rasterio.open(tmp_path / "first.tif", "r+") as file:
        file.update_tags(
            PARTIALSEG_CLASSES='[{"name":"a","colour":"#010203"},{"name":"b","colour":"#010204"},'
            '{"name":"c","colour":"#010205"}]'
        )
    assert run("random-mask", tmp_path / "first.tif", tmp_path / "second.zarr", "--fraction", "0.5") == 0
    assert SparseMask.open(tmp_path / "second.zarr").scheme.names == ("a", "b", "c")


def test_the_module_can_be_run():
    done = subprocess.run([sys.executable, "-m", "trainer.commands", "--version"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("partialseg ")
