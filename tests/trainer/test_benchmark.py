from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import Affine

from trainer import benchmark, report
from trainer.benchmark import Benchmark
from trainer.checkpoint import load_checkpoint
from trainer.config import ConfigError, FitConfig, from_plain
from trainer.presets import PRESETS
from trainer.report import CellResult

if TYPE_CHECKING:
    from pathlib import Path

FAST = ["--width", "4", "--input-size", "32", "--epochs", "2", "--batch-size", "2", "--device", "cpu"]


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    truth = np.kron(np.random.default_rng(0).integers(0, 5, (16, 24)), np.ones((64, 64))).astype(np.uint8)
    colours = np.array([[200, 180, 140], [230, 80, 50], [40, 150, 60], [40, 120, 210], [90, 90, 110]], np.uint8)
    for name, pixels in (("images", np.moveaxis(colours[truth], -1, 0)), ("masks", truth[None])):
        (folder / name).mkdir()
        with rasterio.open(
            folder / name / "s.tif",
            "w",
            "GTiff",
            1536,
            1024,
            len(pixels),
            dtype="uint8",
            crs="EPSG:32640",
            transform=Affine(0.5, 0, 3e5, 0, -0.5, 3e6),
        ) as target:
            target.write(pixels)
    (folder / "train.txt").write_text("s_0\ns_1\ns_2\ns_3\n")
    (folder / "val.txt").write_text("s_4\ns_5\n")
    return folder


def test_the_four_cells(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "runs"
    assert benchmark.main(["--data", str(data), "--output", str(output), *FAST]) == 0
    content = json.loads((output / "report.json").read_text())
    names = [f"{model}_frac{percent}" for model in ("unet", "unetplusplus") for percent in (10, 15)]
    assert [cell["name"] for cell in content["cells"]] == names
    for cell in content["cells"]:
        folder = output / cell["name"]
        saved = load_checkpoint(folder / "best_model.pth")
        assert saved.model.name == cell["model"]
        assert saved.model.width == cell["width"] == 4
        assert saved.metrics["miou"] == cell["best_miou"]
        assert cell["seed"] == 42
        assert cell["seconds"] > 0
        assert 0 <= cell["final_miou"] <= cell["best_miou"] <= 1
        config = from_plain(FitConfig, json.loads((folder / "config.json").read_text()))
        assert config.labels.fraction == cell["fraction"]
        history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        assert [line["epoch"] for line in history] == [1, 2]
        assert history[-1]["miou"] == cell["final_miou"]
        assert history[-1]["accuracy"] == cell["final_accuracy"]
    text = (output / "report.md").read_text()
    printed = capsys.readouterr().out
    for shown in (text, printed):
        assert "Best mIoU (batch mean)" in shown
        assert "0.5054 / 0.5054 / 0.8680" in shown
        assert f"{content['cells'][0]['best_miou']:.4f}" in shown
    assert "epoch 2/2" in printed
    assert "ETA 0:00" in printed


def test_without_data_it_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    from annotations import sample

    asked: list[tuple[Path, int]] = []

    def make(folder: Path, seed: int = 0) -> Path:
        asked.append((folder, seed))
        return data

    monkeypatch.setattr(sample, "write_landcover_layout", make)
    arguments = ["--output", str(tmp_path), "--models", "unet", "--fractions", "0.1", *FAST, "--epochs", "1"]
    assert benchmark.main(arguments) == 0
    assert len(asked) == 1
    assert (tmp_path / "unet_frac10" / "best_model.pth").is_file()


def test_what_cannot_be_used_is_said(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = ["--output", str(tmp_path / "runs"), *FAST]
    for arguments, message in (
        (["--data", str(tmp_path / "none")], "none: there is no such folder"),
        (["--data", str(tmp_path)], "train.txt: is missing"),
        (["--data", str(data), "--fractions", "0"], "fraction must be above 0"),
        (["--data", str(data), "--fractions", "0.1", "0.1"], "the grid needs different cells"),
        (["--data", str(data), "--width", "5"], "must be a multiple of 4"),
    ):
        assert benchmark.main([*runs, *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert message in error
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_keeps_what_is_finished(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = benchmark.fit
    calls: list[object] = []

    def interrupted(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(benchmark, "fit", interrupted)
    assert benchmark.main(["--data", str(data), "--output", str(tmp_path), "--models", "unet", *FAST]) == 130
    assert "Stopped" in capsys.readouterr().err
    cells = json.loads((tmp_path / "report.json").read_text())["cells"]
    assert [cell["name"] for cell in cells] == ["unet_frac10"]


def test_the_paper_s_settings() -> None:
    config = PRESETS["paper"]
    assert (config.optim.name, config.optim.lr, config.optim.weight_decay) == ("adam", 1e-5, 1e-4)
    assert (config.batch_size, config.epochs, config.input_size, config.model.width) == (32, 12, 384, 64)
    assert config.class_weights == (0.66, 1.27, 1.12, 1.03, 1.91)
    assert (config.seed, config.labels.per, config.normalise) == (42, "all", "imagenet")


def test_cells_and_their_names() -> None:
    cells = Benchmark(models=("unet",), fractions=(0.1, 0.15, 0.001, 1.0)).cells()
    assert [cell.name for cell in cells] == ["unet_frac10", "unet_frac15", "unet_frac0.1", "unet_frac100"]
    assert Benchmark(preset="paper", epochs=3).fit_config().epochs == 3
    with pytest.raises(ConfigError, match="at least one"):
        Benchmark(models=()).cells()


def test_a_cell_without_a_score_is_shown_as_such(tmp_path: Path) -> None:
    nothing = CellResult(
        "unet_frac10", "unet", 0.1, 42, 16, 2, 0, *[math.nan] * 5, best_iou=(math.nan,) * 5, seconds=3.0
    )
    report.write_report(tmp_path, [nothing], tuple("abcde"), {"data": "x", "share": math.nan})
    assert json.loads((tmp_path / "report.json").read_text())["cells"][0]["best_miou"] is None
    assert "| – " in report.table([nothing])
