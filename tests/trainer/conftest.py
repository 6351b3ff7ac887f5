from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from fit_helpers import square_patches
from rasterio.transform import Affine

from annotations.classes import ClassScheme, LandClass

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trainer.fit.patches import PatchSet


@pytest.fixture
def scheme3() -> ClassScheme:
    return ClassScheme((LandClass("dark", "#000000"), LandClass("red", "#ff0000"), LandClass("blue", "#0000ff")))


@pytest.fixture
def make_patches() -> Callable[..., PatchSet]:
    return square_patches


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
