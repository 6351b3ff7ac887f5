"""What the grid and its report do with cells that went wrong, damaged files, and numbers out of range."""

from __future__ import annotations

import json
import math
import pickle
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import Affine
from report_helpers import cell as make_cell

from annotations.classes import ClassScheme, LandClass
from annotations.errors import PartialSegError
from trainer import landcover_ai
from trainer.benchmark import command as benchmark
from trainer.benchmark import run_cell as cell_run
from trainer.benchmark.grid import Axes, grid
from trainer.benchmark.report.write import collect, write_report
from trainer.benchmark.results import ResultError, read_result, write_result
from trainer.benchmark.run_cell import run_cell
from trainer.benchmark.state import state_of
from trainer.landcover_ai.command import main as landcover_main
from trainer.starter import command as starter

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ("--models", "unet", "--fractions", "1", "--widths", "4", "--epochs", "1", "--steps-per-epoch", "1")
SMALL = (*QUICK, "--input-size", "64", "--batch-size", "4", "--threads", "1")


def _grid(data: Path, output: Path, *more: str) -> int:
    return benchmark.main(["--data", str(data), "--output", str(output), *SMALL, *more])


def test_a_diverged_cell_is_said_in_result_report_and_status(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _grid(tiny_data, tmp_path / "runs", "--lr", "1e9", "--steps-per-epoch", "3") == 2
    assert "diverged" in capsys.readouterr().err
    (result,) = collect(tmp_path / "runs")
    assert result.diverged
    assert not result.usable
    assert result.name in (tmp_path / "runs" / "report.md").read_text("utf-8").split("Training diverged")[1]
    assert "Training diverged" in (tmp_path / "runs" / "report.html").read_text("utf-8")
    assert json.loads((tmp_path / "runs" / "report.json").read_text("utf-8"))["cells"][0]["diverged"] is True


def test_a_finished_cell_whose_weights_are_damaged_is_made_again(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _grid(tiny_data, tmp_path) == 0
    (cell,) = {p.parent for p in tmp_path.rglob("result.json")}
    best, first = cell / "best_model.pth", read_result(cell)
    whole = best.read_bytes()
    assert _grid(tiny_data, tmp_path) == 0
    assert "finished already" in capsys.readouterr().out
    assert best.read_bytes() == whole
    content = torch.load(best)
    next(iter(content["state_dict"].values())).fill_(math.nan)
    for damage in ("missing", "truncated", "not a number"):
        if damage == "missing":
            best.unlink()
        elif damage == "truncated":
            best.write_bytes(whole[: len(whole) // 2])
        else:
            torch.save(content, best)
        assert _grid(tiny_data, tmp_path) == 0
        printed = capsys.readouterr().out
        assert "best_model.pth is missing or damaged, so it is run again" in printed, damage
        made = read_result(cell)
        assert first is not None
        assert made is not None
        assert made.best_miou == first.best_miou
        assert all(t.isfinite().all() for t in torch.load(best)["state_dict"].values())


def test_infinite_pixels_are_masked_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    truth = np.kron(rng.integers(0, 3, (8, 24)), np.ones((64, 64))).astype(np.uint8)
    image = np.stack([truth * 0.3 + 0.1] * 3).astype(np.float32)
    image[:, 5, 7], image[1, 100, 900], image[0, 300, 1300] = np.inf, -np.inf, np.nan
    for name, values in (("images", image), ("masks", truth[None])):
        (tmp_path / name).mkdir()
        profile = {"crs": "EPSG:32640", "transform": Affine(0.5, 0, 3e5, 0, -0.5, 3e6)}
        with rasterio.open(
            tmp_path / name / "s.tif", "w", "GTiff", 1536, 512, len(values), dtype=values.dtype, **profile
        ) as f:
            f.write(values)
    for split, number in (("train", 0), ("val", 1), ("test", 2)):
        (tmp_path / f"{split}.txt").write_text(f"s_{number}\n")
    assert _grid(tmp_path, tmp_path / "runs") == 0
    assert "3 pixels have no data" in capsys.readouterr().out
    (result,) = collect(tmp_path / "runs")
    assert result.usable
    assert result.test is not None
    assert math.isfinite(result.test.miou)
    assert sum(result.labelled) == 512 * 512 - 1


def test_an_output_that_is_a_file_is_named(tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs").write_text("notes")
    assert _grid(tiny_data, tmp_path / "runs") == 2
    assert f"{tmp_path / 'runs'}: is a file" in capsys.readouterr().err
    assert benchmark.main(["report", str(tmp_path / "runs")]) == 2
    assert "is a file" in capsys.readouterr().err
    assert benchmark.main(["report", str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert (tmp_path / "runs").read_text() == "notes"


@pytest.mark.parametrize(
    "wrong",
    [
        *(("--lr", v) for v in ("nan", "inf", "-1", "0")),
        *(("--fractions", v) for v in ("nan", "0", "-0.1", "1.5", "inf")),
        *((name, v) for name in ("--epochs", "--batch-size", "--input-size", "--widths") for v in ("0", "-4")),
        *(("--checkpoint-minutes", v) for v in ("nan", "-1", "inf")),
        ("--seeds", "-1"),
        ("--clicks-per-patch", "0"),
        ("--scribbles", "-2"),
        ("--steps-per-epoch", "0"),
        ("--threads", "-1"),
    ],
)
def test_a_number_out_of_range_is_a_sentence(
    wrong: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark.main(["--output", str(tmp_path / "runs"), *wrong]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--steps", "0"),
        ("--coarsest", "nan"),
        ("--scene-share", "nan"),
        ("--scene-size", "0"),
        ("--crop", "-16"),
        ("--seed", "-1"),
    ],
)
def test_the_starter_says_what_is_out_of_range(
    wrong: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:  # the reader of the command line says it, with where help is
        starter.main([str(tmp_path), str(tmp_path / "out.pth"), *wrong])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert wrong[0].removeprefix("--").replace("-", "_") in said
    assert wrong[1] in said


def test_a_data_set_that_is_not_there_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert landcover_main(["check", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert landcover_ai.DatasetError is not None


def _damaged(text: str, rng: random.Random) -> bytes:
    kind = rng.randrange(6)
    if kind == 0:
        return b"[" * 100_000 + b"]" * 100_000
    if kind == 1:
        return text[: rng.randrange(len(text))].encode()
    if kind == 2:
        raw = bytearray(text.encode())
        for _ in range(8):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        return bytes(raw)
    content = json.loads(text)
    for _ in range(1 if kind == 3 else 3):
        at = rng.choice(list(content))
        odd = [None, [], {}, "x", -1, 1e308, 10**400, True, [[1]], {"miou": 1}, "<script>", 0.5, [None] * 9]
        content[at] = rng.choice(odd)
    return json.dumps(content).encode()


def test_damaged_results_and_configurations_are_said_or_read(tmp_path: Path) -> None:
    rng = random.Random(0)
    folder = tmp_path / "cell"
    folder.mkdir()
    write_result(folder, make_cell())
    whole = (folder / "result.json").read_text("utf-8")
    (cell, *_) = grid("cpu", Axes(("unet",), (0.1,)), {})
    said = read = 0
    for _ in range(150):
        (folder / "result.json").write_bytes(_damaged(whole, rng))
        (folder / "config.json").write_bytes(_damaged('{"model": {"width": 4}, "epochs": 2, "seed": 1}', rng))
        (folder / "environment.json").write_bytes(_damaged('{"torch": "2", "cpu": 1}', rng))
        (folder / "history.jsonl").write_bytes(_damaged('{"epoch": 1, "loss": 0.5}', rng))
        try:
            state_of(folder, cell, "key")
            cells = collect(tmp_path)
        except ResultError as error:
            assert str(folder) in str(error)
            said += 1
            continue
        assert len(cells) == 1
        read += 1
    assert said > 50
    assert read >= 1


def test_a_damaged_result_ends_all_processes_of_a_run_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of them reads it; the others must not wait for what it never sends."""
    (cell, *_) = grid("cpu", Axes(("unet",), (0.1,)), {})
    (tmp_path / cell.name).mkdir()
    (tmp_path / cell.name / "result.json").write_text("{")
    sent: list[bytes] = []

    def send(value: object) -> object:
        sent.append(pickle.dumps(value))
        return value

    def begin() -> None:
        next(run_cell(cell, tmp_path, SimpleNamespace(key="")))  # type: ignore[arg-type]  # no more is read of the data

    monkeypatch.setattr(cell_run, "broadcast", send)
    with pytest.raises(ResultError, match="is damaged"):
        begin()
    monkeypatch.setattr(cell_run, "is_main", lambda: False)
    monkeypatch.setattr(cell_run, "broadcast", lambda value: pickle.loads(sent.pop(0)))
    with pytest.raises(ResultError, match="is damaged"):
        begin()
    assert not sent


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a|b", "a&lt;b & c", "[x](javascript:alert(1))", "*b*"])
def test_names_stay_text_in_the_report(name: str, tmp_path: Path) -> None:
    old = make_cell()
    classes = tuple(LandClass(name if i == 0 else c.name, c.colour) for i, c in enumerate(old.scheme.classes))
    cell = replace(old, scheme=ClassScheme(classes), diverged=True, name=name.replace("/", "_"), precision=name)
    paths = write_report(tmp_path, [cell], {"data": name})
    html, md = paths.html.read_text("utf-8"), paths.md.read_text("utf-8")
    assert "<script" not in html
    assert "<script" not in md
    assert "[x](" not in md.replace("\\[x\\](", "")
    assert "&lt;b" not in md.replace("&amp;lt;b", "")
    widths = {
        line.replace("\\|", "").count("|") for line in md.split("## All cells")[1].split("##")[0].splitlines() if line
    }
    assert len(widths) == 1


def test_a_cell_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "unet_frac10").write_text("")
    with pytest.raises(ResultError, match="is a file, where a cell's folder should be"):
        read_result(tmp_path / "unet_frac10")
    with pytest.raises(PartialSegError):
        collect(tmp_path)
