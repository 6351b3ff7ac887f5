from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from filelock import FileLock

from annotations.classes import LANDCOVER_AI
from trainer.benchmark import command as benchmark
from trainer.benchmark import run_cell as cell_run
from trainer.benchmark.data import DataSet
from trainer.benchmark.events import LeftAlone, Said
from trainer.benchmark.grid import Axes
from trainer.benchmark.options import Benchmark
from trainer.benchmark.progress import GridProgress
from trainer.benchmark.results import read_result
from trainer.benchmark.run_cell import run_cell
from trainer.checkpoint import load_checkpoint
from trainer.config import FitConfig, from_plain
from trainer.fit.events import EpochEnded, Started, Stepped
from trainer.fit.patches import read_all
from trainer.fit.results import EpochResult
from trainer.landcover_ai import read_split

if TYPE_CHECKING:
    from pathlib import Path

FAST = [
    "--steps-per-epoch",
    "1",
    "--width",
    "4",
    "--input-size",
    "32",
    "--epochs",
    "2",
    "--batch-size",
    "2",
    "--device",
    "cpu",
]
ONE = ["--models", "unet", "--fractions", "0.1"]


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_grid(tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "runs"
    assert benchmark.main(["--data", str(tiny_data), "--output", str(output), *FAST, "--width", "16"]) == 0
    content = json.loads((output / "report.json").read_text())
    names = {f"{model}_frac{percent}" for model in ("unet", "unetplusplus") for percent in (10, 15, 100)}
    assert {cell["name"] for cell in content["cells"]} == names
    for cell in content["cells"]:
        folder = output / cell["name"]
        saved = load_checkpoint(folder / "best_model.pth")
        assert saved.model.name == cell["model"]
        assert saved.model.width == cell["width"] == 16
        assert saved.metrics["miou"] == cell["best_miou"] == cell["val"]["miou"]
        assert load_checkpoint(folder / "last_model.pth").metrics["miou"] == cell["final_miou"]
        assert cell["seed"] == 42
        assert cell["seconds"] > 0
        assert 0 <= cell["wait_share"] < 1
        assert 0 <= cell["final_miou"] <= cell["best_miou"] <= 1
        assert cell["steps"] == 4
        matrix = np.array(cell["val"]["confusion"])
        assert matrix.sum() == 32 * 32
        assert cell["val"]["accuracy"] == pytest.approx(matrix.trace() / matrix.sum())
        assert np.array(cell["test"]["confusion"]).sum() == 32 * 32
        assert sum(cell["labelled"]) == round(cell["fraction"] * 512 * 512) * 4
        config = from_plain(FitConfig, json.loads((folder / "config.json").read_text()))
        assert config.labels.fraction == cell["fraction"]
        history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        assert [line["epoch"] for line in history] == [1, 2]
        assert history[-1]["miou"] == cell["final_miou"]
        assert history[-1]["batch_accuracy"] == cell["final_batch_accuracy"]
        about = json.loads((folder / "environment.json").read_text())
        assert about["versions"]["torch"] == str(torch.__version__)
        with np.load(folder / "gallery.npz") as gallery:
            assert gallery["image"].shape == (1, 32, 32, 3)
            assert gallery["names"].tolist() == ["s_4"]
            labelled = gallery["labels"] >= 0
            np.testing.assert_array_equal(gallery["labels"][labelled], gallery["truth"][labelled])
        reference = next(c for c in content["cells"] if c["model"] == cell["model"] and c["fraction"] == 1)
        assert cell["percent_of_full"] == pytest.approx(100 * cell["best_miou"] / reference["best_miou"])
    printed = capsys.readouterr().out
    assert "4 training, 1 validation and 1 test patches at 32 px" in printed
    assert "epoch 2/2" in printed
    assert "ETA 0:00" in printed
    assert (output / "report.html").is_file()
    assert "unetplusplus" in (output / "report.md").read_text()


def test_a_finished_cell_is_left_alone_until_its_configuration_changes(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(tiny_data), "--output", str(tmp_path), *ONE, *FAST]
    assert benchmark.main(arguments) == 0
    first = (tmp_path / "unet_frac10_w4" / "best_model.pth").read_bytes()
    capsys.readouterr()
    assert benchmark.main([*arguments, "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("finished already") == 2
    assert "epoch" not in printed
    assert (tmp_path / "unet_frac10_w4" / "best_model.pth").read_bytes() == first
    assert benchmark.main([*arguments, "--epochs", "1", "--only", "unet_frac10_w4"]) == 0
    printed = capsys.readouterr().out
    assert "unet_frac10_w4: its configuration has changed (epochs 2 -> 1), so it is run again." in printed
    assert "epoch 1/1" in printed


def test_one_cell_at_a_time_gives_the_same_report(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(tiny_data), *ONE, *FAST, "--clicks-per-patch", "5", "--scribbles", "1"]
    assert benchmark.main([*arguments, "--list"]) == 0
    names = capsys.readouterr().out.split()
    assert names == [f"unet_{what}_w4" for what in ("clicks5", "scribbles1", "frac10", "frac100")]
    for name in reversed(names):
        assert benchmark.main([*arguments, "--output", str(tmp_path / "apart"), "--only", name]) == 0
    assert benchmark.main(["report", str(tmp_path / "apart")]) == 0
    assert benchmark.main([*arguments, "--output", str(tmp_path / "whole")]) == 0
    whole, apart = (json.loads((tmp_path / run / "report.json").read_text())["cells"] for run in ("whole", "apart"))
    for one, other in zip(whole, apart, strict=True):
        for measured in ("seconds", "wait_share"):
            del one[measured], other[measured]
        assert one == other
    clicks = next(cell for cell in whole if cell["labels"] == "clicks")
    assert clicks["amount"] == 5
    # 5 discs of 29 pixels in each of 4 patches, less where they meet or are cut off
    assert clicks["fraction"] == pytest.approx(5 * 29 / 512**2, rel=0.1)
    assert sum(clicks["labelled"]) == pytest.approx(clicks["fraction"] * 4 * 512**2)


def test_the_paper_s_cells_lie_apart(tiny_data: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(tiny_data), "--output", str(tmp_path), *ONE, *FAST, "--epochs", "1"]
    assert benchmark.main([*arguments, "--preset", "paper"]) == 0
    assert benchmark.main(arguments) == 0
    cells = json.loads((tmp_path / "report.json").read_text())["cells"]
    assert {cell["name"] for cell in cells} == {
        *("unet_frac10_w4", "unet_frac100_w4", "paper/unet_frac10_w4", "paper/unet_frac100_w4")
    }
    saved = load_checkpoint(tmp_path / "paper" / "unet_frac10_w4" / "best_model.pth")
    assert (saved.model.bottleneck, saved.model.align_corners) == ("half", True)


def test_another_process_s_cell_is_left_to_it(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "unet_frac10_w4"
    folder.mkdir()
    arguments = ["--data", str(tiny_data), "--output", str(tmp_path), *ONE, *FAST, "--epochs", "1"]
    with FileLock(folder / ".lock"):
        assert benchmark.main(arguments) == 0
    assert "unet_frac10_w4: another process is at work on it" in capsys.readouterr().out
    assert sorted(p.parent.name for p in tmp_path.rglob("result.json")) == ["unet_frac100_w4"]


def test_without_a_test_split(tiny_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("images", "masks", "train.txt", "val.txt"):
        (data / name).symlink_to(tiny_data / name)
    arguments = ["--data", str(data), "--output", str(tmp_path / "runs"), *ONE, *FAST, "--epochs", "1"]
    assert benchmark.main(arguments) == 0
    cells = json.loads((tmp_path / "runs" / "report.json").read_text())["cells"]
    assert [cell["test"] for cell in cells] == [None, None]


def test_without_data_it_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_data: Path) -> None:
    from annotations import sample

    asked: list[tuple[Path, int]] = []

    def make(folder: Path, seed: int = 0) -> Path:
        asked.append((folder, seed))
        return tiny_data

    monkeypatch.setattr(sample, "write_landcover_layout", make)
    arguments = ["--output", str(tmp_path), *ONE, *FAST, "--epochs", "1"]
    assert benchmark.main(arguments) == 0
    assert len(asked) == 1
    assert (tmp_path / "unet_frac10_w4" / "best_model.pth").is_file()


def test_what_cannot_be_used_is_said(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as where it is not installed
    runs = ["--output", str(tmp_path / "runs"), *FAST]
    for arguments, message in (
        (["--data", str(tmp_path / "none")], "none: there is no such folder"),
        (["--data", str(tmp_path)], "train.txt: is missing"),
        (["--data", str(tiny_data), "--fractions", "0"], "fraction must be a number from"),
        (["--data", str(tiny_data), "--fractions", "0.1", "0.1"], "the grid needs different cells"),
        (["--data", str(tiny_data), "--width", "5"], "must be a multiple of 4"),
        (["--data", str(tiny_data), "--clicks-per-patch", "0"], "clicks must be a whole number from 1"),
        (["--data", str(tiny_data), "--only", "unet_frac11"], "there is no cell unet_frac11"),
        (["--data", str(tiny_data), "--seeds", "-1"], "seed must be a whole number from 0"),
        (["--data", str(tiny_data), "--sync-batchnorm"], "start them with torchrun"),
        (["--data", str(tiny_data), "--tensorboard"], "event files need TensorBoard"),
        (["report", str(tmp_path / "runs")], "runs"),
    ):
        assert benchmark.main([*runs, *arguments] if arguments[0] != "report" else arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert message in error
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_keeps_what_is_finished(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = cell_run.fit
    calls: list[object] = []

    def interrupted(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(cell_run, "fit", interrupted)
    arguments = ["--data", str(tiny_data), "--output", str(tmp_path), "--models", "unet", *FAST]
    assert benchmark.main(arguments) == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    cells = json.loads((tmp_path / "report.json").read_text())["cells"]
    assert [cell["name"] for cell in cells] == ["unet_frac10_w4"]


def test_a_cell_that_is_left_early_lets_go_of_its_folder_and_goes_on(tiny_data: Path, tmp_path: Path) -> None:
    small = {"input_size": 32, "epochs": 2, "min_steps": 2, "batch_size": 2}
    cell = Benchmark(axes=Axes(("unet",), widths=(4,)), settings=small).cells()[0]
    read = {split: read_all(read_split(tiny_data, split), cell.config, 5) for split in ("train", "val")}
    data = DataSet(read["train"], read["val"], None, LANDCOVER_AI)
    events = run_cell(cell, tmp_path, data, save_seconds=0.0)
    assert [next(events), next(events)] == [Started(0), Stepped(1)]
    assert list(run_cell(cell, tmp_path, data))[-1] == LeftAlone()  # as another process would find it
    events.close()
    again = list(run_cell(cell, tmp_path, data))
    assert again[:2] == [Started(1), Stepped(2)]
    assert [event.result.epoch for event in again if isinstance(event, EpochEnded)] == [1, 2]
    assert read_result(tmp_path / cell.name) is not None
    finished = list(run_cell(cell, tmp_path, data))
    assert [type(event) for event in finished] == [Said, LeftAlone]


def test_progress_counts_what_happens_in_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = Benchmark(axes=Axes(("unet",), (0.1,))).cells()
    progress = GridProgress({first: 6, second: 6})
    assert math.isnan(progress.seconds_left())
    for event in (LeftAlone(), Said("finished already")):
        progress.show(first, event)
    for event in (Started(3), Stepped(4), Stepped(5)):
        progress.show(second, event)
    assert 0 < progress.seconds_left() < 60
    matrix = torch.tensor([[3, 1], [0, 4]])
    result = EpochResult(2, 6, 0.5, 0.7, matrix, 0.8, 0.875, 1.5, 0.0)
    for event in (Stepped(6), EpochEnded(result, None)):
        progress.show(second, event)
    progress.close()
    assert progress.seconds_left() == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "finished already"
    assert said[1].startswith("unet_frac100  epoch 2/12  loss 0.5000  mIoU 0.7750 (best nan)  accuracy 0.8750")


def test_a_cell_that_fails_does_not_end_the_grid(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(tiny_data), "--output", str(tmp_path), "--models", "unet", *FAST, "--epochs", "1"]
    assert benchmark.main([*arguments, "--fractions", "0.0000001", "0.1"]) == 2
    error = capsys.readouterr().err
    assert "1 of 3 cells failed; the first, unet_frac1e-05_w4: no pixel of the training patches is labelled" in error
    assert {p.parent.name for p in tmp_path.rglob("result.json")} == {"unet_frac10_w4", "unet_frac100_w4"}


def test_a_place_that_cannot_be_written_is_named(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").write_text("a file")
    assert benchmark.main(["--data", str(tiny_data), "--output", str(tmp_path / "runs"), *ONE, *FAST]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert str(tmp_path / "runs") in error


def test_a_correction_of_the_ground_truth_is_noticed(tiny_data: Path) -> None:
    config = Benchmark(settings={"input_size": 32}).cells()[0].config
    read = {split: read_all(read_split(tiny_data, split), config, 5) for split in ("train", "val")}
    keys = []
    for place in (None, (1, 300, 17)):
        if place is not None:
            read["train"].truth[place] = (read["train"].truth[place] + 1) % 5
        keys.append(DataSet(read["train"], read["val"], None, LANDCOVER_AI).key)
    assert keys[0] != keys[1]


def test_event_files(tiny_data: Path, tmp_path: Path) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    arguments = ["--data", str(tiny_data), "--output", str(tmp_path), *ONE, *FAST, "--tensorboard"]
    assert benchmark.main([*arguments, "--only", "unet_frac10_w4"]) == 0
    events = loading.EventAccumulator(str(tmp_path / "unet_frac10_w4"))
    events.Reload()
    points = events.Scalars("miou")
    history = [json.loads(line) for line in (tmp_path / "unet_frac10_w4" / "history.jsonl").read_text().splitlines()]
    assert [p.step for p in points] == [2, 4]
    assert [p.value for p in points] == pytest.approx([line["miou"] for line in history])


def test_without_settings_the_grid_is_the_report_s() -> None:
    assert {(c.config.model.name, c.config.labels.fraction) for c in Benchmark().cells()} == {
        (model, fraction) for model in ("unet", "unetplusplus") for fraction in (0.1, 0.15, 1.0)
    }
    assert {c.config.labels.kind for c in Benchmark(axes=Axes(clicks_per_patch=(5,))).cells()} == {"clicks", "random"}
