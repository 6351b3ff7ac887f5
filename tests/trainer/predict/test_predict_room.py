"""Predicting asks for room on the disk before any of it is taken."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import rasterio
import torch

from annotations.classes import LANDCOVER_AI
from annotations.errors import PartialSegError
from trainer.checkpoint import Checkpoint, save_checkpoint
from trainer.config import ModelConfig
from trainer.models import build_model
from trainer.normalisation import Normalisation
from trainer.predict import command as predict_command
from trainer.predict.files import check_room

if TYPE_CHECKING:
    from pathlib import Path


def declared(path: Path, side: int) -> Path:
    """Write a small file that says it is large."""
    profile = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "SPARSE_OK": True, "BIGTIFF": "YES"}
    place = rasterio.Affine(1, 0, 5, 0, -1, 5)
    with rasterio.open(path, "w", "GTiff", side, side, 3, dtype="uint8", transform=place, **profile):
        pass
    return path


@pytest.mark.parametrize("confidence", [False, True])
def test_a_small_file_that_says_it_is_enormous_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, confidence: bool
) -> None:
    image = declared(tmp_path / "huge.tif", 1_000_000)
    assert image.stat().st_size < 2**20
    config = ModelConfig(width=4, levels=3)
    weights = build_model(config, 3, 5).state_dict()
    checkpoint = tmp_path / "best_model.pth"
    save_checkpoint(checkpoint, Checkpoint(config, 3, LANDCOVER_AI, Normalisation((0.0,) * 3, (1.0,) * 3), weights))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=100 * 10**9))
    before = sorted(tmp_path.iterdir())
    output = tmp_path / "map.tif"
    more = ["--confidence", str(tmp_path / "sure.tif")] if confidence else []
    with torch.no_grad():
        assert predict_command.main([str(checkpoint), str(image), str(output), *more]) == 2
    said = capsys.readouterr().err
    assert "error: " in said and "Traceback" not in said
    for part in (str(image), "1,000,000 x 1,000,000", "250.0 GB", "100.0 GB are free", "another disk", "damaged"):
        assert part in said
    assert sorted(tmp_path.iterdir()) == before


def test_the_confidence_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=100_000_000))
    output, image = tmp_path / "map.tif", tmp_path / "image.tif"
    check_room(output, None, image, (10_000, 10_000))
    with pytest.raises(PartialSegError, match=r"sure\.tif.*125 MB.*100 MB are free"):
        check_room(output, tmp_path / "sure.tif", image, (10_000, 10_000))
