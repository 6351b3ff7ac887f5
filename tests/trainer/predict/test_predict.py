from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import Affine
from torch import nn

from annotations.classes import LANDCOVER_AI, NOT_PREDICTED
from annotations.region import Region
from trainer.checkpoint import Checkpoint, raw_state_dict, save_checkpoint
from trainer.config import ModelConfig
from trainer.models import build_model
from trainer.normalisation import IMAGENET, Normalisation
from trainer.precision import Precision
from trainer.predict import command as predict_command
from trainer.predict.blocks import BlockPredictor, outer_region, predict_block, predict_blocks, read_with_halo

if TYPE_CHECKING:
    from pathlib import Path

CPU = Precision(torch.device("cpu"), torch.float32, channels_last=True, scaler=False, reason="")


class Echo(nn.Module):
    """Says what it sees: class k where band 0 is k."""

    in_channels, classes, multiple, reach = 1, 5, 8, 16

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not x.shape[-1] % self.multiple
        assert not x.shape[-2] % self.multiple
        return 50 * nn.functional.one_hot(x[:, 0].round().long(), 5).movedim(-1, 1).float()


def echo() -> BlockPredictor:
    return BlockPredictor(Echo(), Normalisation((0.0,), (1.0,)), CPU)


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    block=st.sampled_from([8, 24, 64]),
    batch_size=st.integers(1, 4),
    seed=st.integers(0, 100),
)
def test_every_pixel_is_predicted_once_and_in_its_place(
    height: int, width: int, block: int, batch_size: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 5, (height, width, 1), dtype=np.uint8)
    valid = np.random.default_rng(seed + 1).random((height, width)) < 0.5
    valid[: height // 2] = False
    out = np.full((height, width), 77, np.uint8)
    times = np.zeros((height, width), int)
    for region, classes, confidence in predict_blocks(
        echo(),
        lambda r: image[r.slices],
        (height, width),
        block=block,
        batch_size=batch_size,
        valid=lambda r: valid[r.slices],
    ):
        out[region.slices] = classes
        times[region.slices] += 1
        assert ((confidence == 0) == (classes == NOT_PREDICTED)).all()
    assert (times == 1).all()
    np.testing.assert_array_equal(out, np.where(valid, image[..., 0], NOT_PREDICTED))


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    top=st.integers(0, 59),
    left=st.integers(0, 59),
    halo=st.sampled_from([0, 8, 24]),
)
def test_what_lies_outside_is_reflected(shape: tuple[int, int], top: int, left: int, halo: int) -> None:
    image = np.arange(shape[0] * shape[1]).reshape(*shape, 1)
    inner = Region(min(top, shape[0] - 1), min(left, shape[1] - 1), 20, 20).clipped(shape)

    def read(region: Region) -> np.ndarray:
        assert Region.whole(shape).contains(region)
        return image[region.slices]

    outer = outer_region(inner, halo, 8)
    assert outer.contains(inner.grown(halo))
    assert not any(value % 8 for value in (outer.top, outer.left, outer.height, outer.width))
    margin = 100
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), "reflect")
    expected = padded[outer.top + margin : outer.bottom + margin, outer.left + margin : outer.right + margin]
    np.testing.assert_array_equal(read_with_halo(read, shape, inner, halo, 8), expected)


@pytest.mark.parametrize("name", ["unet", "unetplusplus"])
def test_blocks_of_any_size_give_the_same_map(name: str) -> None:
    torch.manual_seed(1)
    model = build_model(ModelConfig(name=name, width=4, levels=3), 3, 5)
    for _ in range(3):
        model.train()(torch.randn(2, 3, 32, 32))
    predictor = BlockPredictor(model, IMAGENET, CPU)
    image = np.random.default_rng(0).integers(0, 255, (60, 76, 3), dtype=np.uint8)

    def whole(block: int) -> tuple[np.ndarray, np.ndarray]:
        classes, confidence = np.zeros((2, 60, 76), np.uint8)
        for region, a, b in predict_blocks(predictor, lambda r: image[r.slices], (60, 76), block=block):
            classes[region.slices], confidence[region.slices] = a, b
        return classes, confidence

    classes, confidence = whole(512)
    assert len(np.unique(classes)) > 1
    for block in (16, 64):
        other_classes, other_confidence = whole(block)
        # Another shape of input may sum in another order: a rounding of the probability, no more.
        assert (classes == other_classes).mean() > 0.999
        assert np.abs(confidence.astype(int) - other_confidence).max() <= 1
    inner = Region(17, 33, 31, 37)  # off the grid: seen with the same pooling all the same
    part, _ = predict_block(predictor, lambda r: image[r.slices], (60, 76), inner)
    assert (part == classes[inner.slices]).mean() > 0.999


def test_who_stops_early_has_one_batch_read_ahead_at_most() -> None:
    image = np.zeros((64, 64, 1), np.uint8)
    threads: list[int] = []

    def read(region: Region) -> np.ndarray:
        threads.append(threading.get_ident())
        return image[region.slices]

    blocks = predict_blocks(echo(), read, (64, 64), block=8)
    for _ in range(3):
        next(blocks)
    blocks.close()
    assert len(threads) == 4
    assert threading.get_ident() not in threads  # read ahead, while the network works


def test_an_error_while_reading_arrives() -> None:
    def read(_region: Region) -> np.ndarray:
        raise OSError("torn file")

    with pytest.raises(OSError, match="torn file"):
        list(predict_blocks(echo(), read, (64, 64), block=8))


def test_confidence_is_the_probability_of_the_class() -> None:
    class Constant(Echo):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.log(torch.tensor([0.1, 0.6, 0.3])).view(1, 3, 1, 1).expand(len(x), 3, *x.shape[-2:])

    predictor = BlockPredictor(Constant(), Normalisation((0.0,), (1.0,)), CPU)
    classes, confidence = predictor.predict(np.zeros((2, 8, 8, 1), np.float64))
    assert (classes == 1).all()
    assert (confidence == round(0.6 * 255)).all()


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    config = ModelConfig(width=4, levels=3)
    model = build_model(config, 3, 5)
    path = tmp_path / "best_model.pth"
    save_checkpoint(path, Checkpoint(config, 3, LANDCOVER_AI, IMAGENET, raw_state_dict(model)))
    return path


def write_image(path: Path, bands: int = 3, **options: object) -> Path:
    pixels = np.random.default_rng(0).integers(1, 255, (bands, 70, 90), dtype=np.uint8)
    pixels[:, :10] = 0
    with rasterio.open(path, "w", "GTiff", 90, 70, bands, dtype="uint8", **options) as target:
        target.write(pixels)
    return path


def test_the_map_lies_where_the_image_lies(tmp_path: Path, trained: Path) -> None:
    transform = Affine(0.5, 0, 300_000, 0, -0.5, 2_700_000)
    image = write_image(tmp_path / "image.tif", crs="EPSG:32640", transform=transform, nodata=0)
    sure = tmp_path / "sure.tif"
    arguments = [str(trained), str(image), str(tmp_path / "map.tif"), "--confidence", str(sure)]
    assert predict_command.main([*arguments, "--block", "64"]) == 0
    with rasterio.open(tmp_path / "map.tif") as result, rasterio.open(sure) as certain:
        assert result.crs == certain.crs == rasterio.crs.CRS.from_epsg(32640)
        assert result.transform == certain.transform == transform
        classes, confidence = result.read(1), certain.read(1)
    assert (classes[:10] == NOT_PREDICTED).all()
    assert (classes[10:] < 5).all()
    assert (confidence[:10] == 0).all()
    assert (confidence[10:] >= 255 // 5).all()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_image_without_georeference_will_do(tmp_path: Path, trained: Path) -> None:
    image = tmp_path / "image.png"
    imageio.imwrite(image, np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8))
    assert predict_command.main([str(trained), str(image), str(tmp_path / "map.tif")]) == 0
    with rasterio.open(tmp_path / "map.tif") as result:
        assert result.shape == (40, 50)
        assert result.crs is None


def test_what_does_not_fit_is_said(tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    transform = Affine(0.5, 0, 300_000, 0, -0.5, 2_700_000)
    image = write_image(tmp_path / "four.tif", 4, crs="EPSG:32640", transform=transform, photometric="MINISBLACK")
    assert predict_command.main([str(trained), str(image), str(tmp_path / "map.tif")]) == 2
    assert "four.tif: has 4 bands, but" in capsys.readouterr().err
    assert predict_command.main([str(trained), str(image), str(tmp_path / "map.png")]) == 2
    assert "ends in .tif" in capsys.readouterr().err
    assert predict_command.main([str(trained), str(image), str(image)]) == 2
    assert "is the orthophoto itself" in capsys.readouterr().err
    assert predict_command.main([str(tmp_path / "none.pth"), str(image), str(tmp_path / "map.tif")]) == 2
    assert "there is no such checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "map.tif").exists()
