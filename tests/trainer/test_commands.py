"""`partialseg` and its commands, in this process."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from annotations.region import Region
from annotations.store.mask import SparseMask
from trainer.commands import partialseg
from trainer.commands.completion import completion_script, options_of

PLACE = {"crs": "EPSG:32640", "transform": Affine(0.5, 0, 3e5, 0, -0.5, 2e6)}


def write_raster(path, pixels, **more):
    pixels = pixels if pixels.ndim == 3 else pixels[None]
    profile = {"driver": "GTiff", "count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2]}
    with rasterio.open(path, "w", dtype=pixels.dtype, **profile, **PLACE, **more) as file:
        file.write(pixels)
    return path


@pytest.fixture
def truth(tmp_path):
    values = np.zeros((60, 80), np.uint8)
    values[:, 40:] = 2
    values[:10, :10] = 255
    return write_raster(tmp_path / "truth.tif", values)


def run(*arguments):
    return partialseg.main([str(a) for a in arguments])


# ------------------------------------------------------------------------------------------------------- the entry


def test_help_names_every_command_within_80_columns(capsys):
    assert run("--help") == 0
    told = capsys.readouterr().out
    for command in partialseg.COMMANDS:
        assert f"  {command.name} " in told
    assert max(map(len, told.splitlines())) <= 80


def test_without_a_command_the_help_goes_to_the_standard_error(capsys):
    assert run() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "usage: partialseg" in said.err


def test_a_command_that_does_not_exist_is_refused_with_the_nearest(capsys):
    assert run("random_msk") == 2
    assert "Did you mean random-mask?" in capsys.readouterr().err


def test_arguments_are_passed_on(monkeypatch):
    import trainer.benchmark.command as benchmark

    monkeypatch.setattr(benchmark, "main", lambda arguments: 7 if arguments == ["--list", "--width", "8"] else 0)
    assert run("benchmark", "--list", "--width", "8") == 7


@pytest.mark.parametrize("command", partialseg.COMMANDS, ids=lambda c: c.name)
def test_each_command_has_a_main_and_a_help(command, capsys):
    assert callable(importlib.import_module(command.module).main)
    with pytest.raises(SystemExit) as ended:
        run(command.name, "--help")
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_a_viewer_that_is_not_installed_is_said(monkeypatch, capsys):
    import napari_partialseg.__main__ as viewer

    def main(arguments):
        raise ModuleNotFoundError("No module named 'napari'", name="napari")

    monkeypatch.setattr(viewer, "main", main)
    assert run("open") == 2
    assert "napari-partialseg[napari,qt]" in capsys.readouterr().err


def test_a_fault_in_an_import_is_not_taken_for_a_missing_viewer(monkeypatch):
    import napari_partialseg.__main__ as viewer

    def main(arguments):
        raise ImportError("cannot import name 'x'", name="zarr")

    monkeypatch.setattr(viewer, "main", main)
    with pytest.raises(ImportError):
        run("open")


# ------------------------------------------------------------------------------------------------------ completion


def test_completion_knows_commands_and_options(capsys):
    assert run("--print-completion", "bash") == 0
    script = capsys.readouterr().out
    for command in partialseg.COMMANDS:
        assert f"{command.name})" in script
    assert "--fraction" in script
    assert run("--print-completion=zsh") == 0
    assert "'random-mask:" in capsys.readouterr().out
    assert run("--print-completion", "fish") == 2


def _main(arguments):
    print("--steps INT, --per-class; torchrun --nproc_per_node 4")
    raise SystemExit(0)


def test_options_are_read_from_the_help():
    assert options_of(lambda: _main) == ("--per-class", "--steps")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [(["la"], ["landcover-ai"]), (["train", "--st"], ["--steps"]), (["landcover-ai", "f"], ["fetch"])],
    ids=["command", "option", "word"],
)
def test_bash_completes(typed, offered):
    commands = [("train", "trains", (), lambda: _main), ("landcover-ai", "data", ("fetch", "cut"), lambda: _main)]
    script = completion_script("bash", commands)
    words = " ".join(f"'{word}'" for word in ("partialseg", *typed))
    script += f'COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _partialseg; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.split() == offered


# ----------------------------------------------------------------------------------------------------- random-mask


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
