"""The command that makes the backbone's weights, on small images."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import torch

from trainer.backbone_weights import load_backbone, load_backbone_weights
from trainer.models.lite0 import Lite0, from_tensorflow_port
from trainer.pretrain.command import main

SMALL = ["--crop", "64", "--batch-size", "2", "--scenes", "0", "--threads", "1", "--steps", "3"]

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = array.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=str(array.dtype)
    ) as file:
        file.write(array)


def ground(seed, side):
    rng = np.random.default_rng(seed)
    truth = np.zeros((1, side, side), np.uint8)
    truth[:, :, side // 2 :] = 1
    truth[:, :5] = 255
    image = rng.integers(0, 60, (3, side, side)).astype(np.uint8)
    image[:, truth[0] == 1] += 120
    return image, truth


@pytest.fixture
def data(tmp_path):
    for number in range(5):
        image, truth = ground(number, 80)
        write(tmp_path / "chips" / f"town_{number}.tif", image)
        write(tmp_path / "chips" / f"town_{number}_mask.tif", truth)
    for name in ("east", "west"):
        image, truth = ground(7, 100)
        write(tmp_path / "whole" / "images" / f"{name}.tif", image)
        write(tmp_path / "whole" / "masks" / f"{name}.tif", truth)
    return tmp_path


@pytest.fixture(scope="session")
def imagenet(tmp_path_factory):
    class Names(dict):
        def __missing__(self, name):
            return name

    torch.manual_seed(2)
    state = Lite0().state_dict()
    path = tmp_path_factory.mktemp("imagenet") / "lite0.pth"
    torch.save({source: state[target] for target, source in from_tensorflow_port(Names()).items()}, path)
    return path


def arguments(data, imagenet, name="made.pth"):
    places = ["--chips", str(data / "chips"), "--mosaics", str(data / "whole"), "--leave-out", "west"]
    return [str(data / name), "--imagenet", str(imagenet), *places, *SMALL]


def test_the_same_seed_gives_the_same_weights(data, imagenet, capsys):
    more = ["--sources", "A meadow, CC0.", "--keep-every", "2"]
    assert main([*arguments(data, imagenet), *more]) == 0
    told = capsys.readouterr().out
    assert "chips (2 images, 2 classes), whole (1 images, 5 classes)" in told  # by fours, and without west
    made = load_backbone_weights(data / "made.pth")
    assert (made.steps, made.seed, made.config.decoder) == (3, 0, True)
    assert "ImageNet" in made.sources[0]
    assert made.sources[1] == "A meadow, CC0."
    assert load_backbone_weights(data / "made-00002.pth").steps == 2
    maps = load_backbone(data / "made.pth")(torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert len(maps) == 10
    assert main(arguments(data, imagenet, "again.pth")) == 0
    again = load_backbone_weights(data / "again.pth")
    assert all(torch.equal(tensor, made.state_dict[name]) for name, tensor in again.state_dict.items())


def test_both_learn_and_the_statistics_of_imagenet_stay(data, imagenet):
    before = from_tensorflow_port(torch.load(imagenet, weights_only=True))
    blends = {}
    for blend in (0, 0.5, 1):
        assert main([*arguments(data, imagenet), "--encoder-lr", "0.01", "--blend", str(blend)]) == 0
        blends[blend] = made = load_backbone_weights(data / "made.pth").state_dict
    for name in ("stem.0.weight", "stages.6.0.project.0.weight"):
        was, half, became = (blends[blend][f"encoder.{name}"].float() for blend in (0, 0.5, 1))
        assert torch.equal(was, before[name].half().float())
        assert not torch.equal(became, was)
        torch.testing.assert_close(half, (was + became) / 2, atol=1e-3, rtol=1e-3)
    assert torch.equal(made["encoder.stem.1.running_mean"], before["stem.1.running_mean"].half())
    assert made["decoder.0.mix.1.running_mean"].abs().max() > 0


def status(arguments):
    try:
        return main(arguments)
    except SystemExit as end:  # what tyro finds wrong itself
        return end.code


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--leave-out", "north"], "north"),
        (["--leave-out", "east", "west"], "every orthophoto is left out"),
        (["--crop", "100"], "multiple of 32"),
        (["--steps", "0"], "steps"),
        (["--shares", "1", "2", "3"], "2 numbers"),
        (["--encoder-lr", "-1"], "encoder_lr"),
        (["--blend", "1.5"], "blend"),
        (["--device", "cuda"], "CPU alone"),
    ],
)
def test_bad_input_is_named(data, imagenet, capsys, more, words):
    assert status([*arguments(data, imagenet), *more]) == 2
    assert words in capsys.readouterr().err
    assert not (data / "made.pth").exists()


def test_there_must_be_something_to_learn_from(tmp_path, imagenet, capsys):
    assert status([str(tmp_path / "made.pth"), "--imagenet", str(imagenet), "--scenes", "0"]) == 2
    assert "nothing to learn from" in capsys.readouterr().err


def test_files_that_do_not_fit_are_named(data, imagenet, capsys):
    (data / "chips" / "town_3_mask.tif").unlink()
    assert status(arguments(data, imagenet)) == 2
    assert "town_3_mask.tif: is missing" in capsys.readouterr().err
    write(data / "chips" / "town_3_mask.tif", ground(3, 80)[1])
    write(data / "chips" / "town_3.tif", ground(3, 80)[0].astype(np.uint16))
    assert status(arguments(data, imagenet)) == 2
    assert "town_3.tif: is uint16" in capsys.readouterr().err
    (data / "empty").mkdir()
    assert status([*arguments(data, imagenet), "--chips", str(data / "empty")]) == 2
    assert "holds no NAME.tif" in capsys.readouterr().err


def test_masks_without_a_known_pixel_are_refused(data, imagenet, capsys):
    write(data / "blank" / "a.tif", ground(0, 80)[0])
    write(data / "blank" / "a_mask.tif", np.full((1, 80, 80), 255, np.uint8))
    assert status([*arguments(data, imagenet), "--chips", str(data / "blank")]) == 2
    assert "unknown (255) everywhere" in capsys.readouterr().err


def test_weights_of_something_else_are_refused(data, imagenet, capsys):
    for content in ({"a": torch.zeros(2)}, [1, 2], {k: v[:1] for k, v in torch.load(imagenet).items() if v.dim()}):
        torch.save(content, data / "other.pth")
        assert status(arguments(data, data / "other.pth")) == 2
        assert "holds no EfficientNet-Lite0" in capsys.readouterr().err
    assert status(arguments(data, data / "nowhere.pth")) == 2
    assert "there is no such file" in capsys.readouterr().err
