"""`partialseg` and its commands, in this process."""

from __future__ import annotations

import errno
import importlib
import itertools
import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pyogrio
import pytest
import rasterio
import torch
import zarr
from command_helpers import make_project
from rasterio.transform import Affine

from annotations.export.provenance import file_digest
from annotations.prediction.kept_map import KeptPrediction, made_by
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.mask import SparseMask
from trainer import protocol
from trainer.checkpoint import load_checkpoint
from trainer.commands import partialseg
from trainer.commands.completion import completion_script, options_of
from trainer.commands.train import Train, train
from trainer.commands.train_progress import TrainProgress
from trainer.config import WorkConfig, from_plain
from trainer.live.learner import LiveLearner
from trainer.opened.export import Content, write
from trainer.opened.message import open_message
from trainer.opened.prepare import prepare
from trainer.worker import session as live_session
from trainer.worker.session import LiveSession

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


# ----------------------------------------------------------------------------------------------------------- train


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_training_goes_on_where_it_was_and_the_viewer_after_it(tmp_path, threads, capsys):
    project = make_project(tmp_path)
    assert run("train", project, "--steps", "12") == 0
    assert "step 0 to 12" in capsys.readouterr().out
    assert run("train", tmp_path / "field.tif", "--steps", "3") == 0
    assert "step 12 to 15" in capsys.readouterr().out
    made = made_by(project / "images" / "1")
    weights = project / "weights" / "best_model.pth"
    assert (made.step, made.checkpoint) == (15, file_digest(weights))
    assert load_checkpoint(weights).step == 15
    assert not (project / "lock.json").exists()
    opened = prepare(project)
    try:
        assert opened.has_prediction
        assert (opened.prediction != 255).all()
        sent = []
        session = LiveSession(sent.append)
        session.handle(open_message(opened, from_plain(WorkConfig, opened.project.config)))
        assert [m.step for m in sent if isinstance(m, protocol.Opened)] == [15]
        session.handle(protocol.Train())
        session.work()
        session.handle(protocol.Shutdown())
        assert not [m.text for m in sent if isinstance(m, protocol.Problem)]
    finally:
        opened.close()


def test_a_project_that_is_open_elsewhere_is_not_trained(tmp_path, capsys):
    folder = make_project(tmp_path)
    with Project.open(folder):
        before = contents(folder)
        assert run("train", folder, "--steps", "1") == 2
        assert "open in another viewer" in capsys.readouterr().err
        assert contents(folder) == before


def test_a_project_without_labels_of_two_classes_is_not_trained(tmp_path, threads, capsys):
    assert run("train", make_project(tmp_path, classes=(1,)), "--steps", "1") == 2
    assert "only wood has labels" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--steps", "0"), ("--minutes", "0"), ("--minutes", "nan")])
def test_numbers_that_say_nothing_are_refused(tmp_path, capsys, wrong):
    assert run("train", tmp_path, *wrong) == 2
    assert wrong[0] in capsys.readouterr().err


def test_what_is_no_project_is_refused_and_nothing_made(truth, tmp_path, capsys):
    for path in (truth, tmp_path / "nowhere"):
        assert run("train", path) == 2
    said = capsys.readouterr().err
    assert "is no project" in said
    assert "there is no such" in said
    assert list(tmp_path.iterdir()) == [truth]


def test_ctrl_c_saves_what_is_learnt(tmp_path, threads, monkeypatch, capsys):
    project = make_project(tmp_path)
    real = LiveLearner.step

    def step(self, cancelled):
        made = real(self, cancelled)
        if self.step_count == 4:
            signal.raise_signal(signal.SIGINT)
        return made

    monkeypatch.setattr(LiveLearner, "step", step)
    assert run("train", project) == 130
    assert "step 0 to 4" in capsys.readouterr().err
    assert load_checkpoint(project / "weights" / "best_model.pth").step == 4
    assert made_by(project / "images" / "1") is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_cannot_be_saved_ends_with_the_reason(tmp_path, threads, monkeypatch, capsys):
    project = make_project(tmp_path)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(live_session, "save_work", full)
    assert run("train", project, "--steps", "2") == 2
    assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]


def test_training_ends_when_its_time_is_up(tmp_path, threads):
    ticks = itertools.count()
    result = train(Train(make_project(tmp_path), minutes=0.05), clock=lambda: next(ticks))
    assert 1 <= result.after <= 4


def report(step, done=0, total=0):
    return protocol.Progress(step, 0.5, 8.0, (), 0, done, total)


def test_progress_is_told_in_lines_where_there_is_no_terminal(capsys):
    now = [0.0]
    progress = TrainProgress(100, 7, terminal=False, clock=lambda: now[0])
    for step in (8, 9):
        progress.show(report(step), predicting=False)
    now[0] = 60.0
    progress.show(report(57), predicting=False)
    progress.show(report(107, 1, 4), predicting=True)
    assert capsys.readouterr().err.splitlines() == [
        "training: 1 of 100, loss 0.500, 8.0 steps/s",
        "training: 50 of 100, loss 0.500, 8.0 steps/s",
        "predicting: 1 of 4, loss 0.500",
    ]


def test_progress_is_a_bar_on_a_terminal(capsys):
    progress = TrainProgress(100, 0, terminal=True)
    progress.show(report(50), predicting=False)
    progress.show(report(100, 4, 4), predicting=True)
    progress.close()
    said = capsys.readouterr().err
    assert "training:" in said
    assert "4/4" in said


# ---------------------------------------------------------------------------------------------------------- export


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project that was trained for some steps; the tests may not change it."""
    threads = torch.get_num_threads()
    project = make_project(tmp_path_factory.mktemp("trained"))
    assert run("train", project, "--steps", "25") == 0
    torch.set_num_threads(threads)
    return project


def read(path):
    with rasterio.open(path) as file:
        return file.read(1), file.tags(), file.crs


def test_all_is_exported_as_the_viewer_does_and_the_project_left_alone(trained, tmp_path, capsys):
    before = contents(trained.parent)
    names = ("map.tif", "map.gpkg", "map.geojson")
    paths = [tmp_path / name for name in names]
    assert run("export", trained, *paths, "--confidence", tmp_path / "c.tif", "--labels", tmp_path / "l.tif") == 0
    assert capsys.readouterr().out.count("Written:") == 5
    assert contents(trained.parent) == before
    opened = prepare(trained, lock="none", shown=False)
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


# ------------------------------------------------------------------------------------------------------------ info


def told(capsys, *paths):
    assert run("info", *paths, "--json") == 0
    return json.loads(capsys.readouterr().out)


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


# ---------------------------------------------------------------------------------------------------- one after all


def test_from_labels_to_a_map_that_says_what_it_is(tmp_path, threads, capsys):
    project = make_project(tmp_path)
    assert run("train", project, "--steps", "2") == 0
    assert run("export", project, tmp_path / "map.tif") == 0
    capsys.readouterr()
    about, made = told(capsys, project, tmp_path / "map.tif")
    assert made["made_by"]["checkpoint_sha256"] == about["network"]["sha256"]
    assert made["made_by"]["step"] == "2"
    assert made["labelled"] == 60_000
    assert set(made["classes"]) == set(about["classes"])
