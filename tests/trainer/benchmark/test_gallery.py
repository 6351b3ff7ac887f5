from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from trainer.benchmark.environment import environment, git_state
from trainer.benchmark.gallery import show_pixels, telling_patches, write_gallery
from trainer.config import DeviceConfig, FitConfig, LabelConfig, ModelConfig
from trainer.fit.patches import Patches
from trainer.models import build_model
from trainer.normalisation import Normalisation
from trainer.precision import choose_precision

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def patches(dtype: torch.dtype = torch.uint8, bands: int = 3) -> Patches:
    truth = torch.zeros(5, 32, 32, dtype=torch.int8)
    truth[1, :16] = 1  # even halves of two classes
    truth[2, :2] = 1
    truth[3, :16, :16], truth[3, 16:, 16:], truth[3, :16, 16:] = 1, 2, 3  # even quarters of four
    truth[4] = -1
    images = torch.arange(5 * bands * 256).view(5, bands, 16, 16).remainder(200).to(dtype)
    return Patches(images, truth, ("a_0", "a_1", "a_2", "b_0", "b_1"), 4)


def test_the_patches_shown_are_mixed_and_of_different_sheets() -> None:
    assert telling_patches(patches(), 1) == [3]
    assert telling_patches(patches(), 2) == [3, 1]
    assert telling_patches(patches(), 3) == [3, 1, 2]
    assert sorted(telling_patches(patches(), 9)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("dtype", "bands"), [(torch.uint8, 3), (torch.uint16, 4), (torch.float32, 1), (torch.uint8, 2)]
)
def test_pixels_for_the_eye(dtype: torch.dtype, bands: int) -> None:
    images = patches(dtype, bands).images
    shown = show_pixels(images)
    assert shown.dtype == np.uint8
    assert shown.shape == (5, 16, 16, 3)
    if dtype == torch.uint8 and bands == 3:
        np.testing.assert_array_equal(shown, images.permute(0, 2, 3, 1).numpy())
    if dtype != torch.uint8:
        assert (shown.min(), shown.max()) == (0, 255)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_the_gallery_holds_what_the_network_says(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    config = FitConfig(
        model=ModelConfig(width=4, levels=2),
        device=DeviceConfig(device="cpu", precision="float32", threads=1),
        labels=LabelConfig(kind="clicks", clicks=3),
        input_size=16,
    )
    data = patches(dtype)
    model = build_model(config.model, 3, 4).eval()
    normalisation = Normalisation((100.0,) * 3, (50.0,) * 3)
    write_gallery(tmp_path, data, model, normalisation, choose_precision(config.device), config)
    with np.load(tmp_path / "gallery.npz") as gallery:
        assert gallery["names"].tolist() == ["b_0", "a_1"]
        with torch.inference_mode():
            index = np.array([3, 1])
            chance = model(normalisation.apply(torch.from_numpy(data.images.numpy()[index]))).softmax(1)
        np.testing.assert_array_equal(gallery["prediction"], chance.argmax(1).numpy())
        np.testing.assert_allclose(gallery["confidence"] / 255, chance.amax(1).numpy(), atol=1 / 255)
        assert gallery["labels"].max() >= 0


def test_the_environment_names_versions_and_the_state_of_the_checkout(tmp_path: Path) -> None:
    about = environment()
    assert about["versions"]["torch"] == str(torch.__version__)
    assert about["threads"] >= 1

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        run = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return run.stdout.strip()

    assert git_state(tmp_path / "none") == {}
    git("init", "-q")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    assert git_state(tmp_path) == {"commit": git("rev-parse", "HEAD"), "changed files": 0}
    (tmp_path / "file").write_text("b")
    assert git_state(tmp_path)["changed files"] == 1
