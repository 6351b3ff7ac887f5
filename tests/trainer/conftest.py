from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import Affine

from annotations.classes import ClassScheme, LandClass
from trainer.patches import PatchSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def scheme3() -> ClassScheme:
    return ClassScheme((LandClass("dark", "#000000"), LandClass("red", "#ff0000"), LandClass("blue", "#0000ff")))


@pytest.fixture
def make_patches() -> Callable[..., PatchSet]:
    """Patches of coloured squares that can be told by their colour."""

    def make(count: int, seed: int, labelled: float = 0.2) -> PatchSet:
        rng = np.random.default_rng(seed)
        truth = np.kron(rng.integers(0, 3, (count, 4, 4)), np.ones((1, 4, 4), np.int64))
        colours = np.array([[30, 30, 30], [200, 40, 30], [20, 50, 210]])
        images = (colours[truth] + rng.normal(0, 10, (*truth.shape, 3))).clip(0, 255).astype(np.uint8)
        labels = np.where(rng.random(truth.shape) < labelled, truth, -1).astype(np.int8)
        return PatchSet(
            torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
            torch.from_numpy(labels),
            tuple(f"p_{i}" for i in range(count)),
        )

    return make


@pytest.fixture(scope="module")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in the layout of LandCover.ai: one sheet of 2 x 3 patches, four of them for training."""
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
    (folder / "val.txt").write_text("s_4\n")
    (folder / "test.txt").write_text("s_5\n")
    return folder
