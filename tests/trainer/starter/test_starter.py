"""The command that makes starter weights, on two small orthophotos."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import torch
from rasterio import Affine

from annotations.classes import LANDCOVER_AI
from trainer.checkpoint import load_checkpoint
from trainer.starter.command import main
from trainer.starter.scenes import draw_batch, generated, label_counts, labelled_orthophotos

SMALL = ["--width", "4", "--levels", "3", "--crop", "32", "--batch-size", "2", "--scenes", "0", "--threads", "1"]


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=array.shape[1],
        width=array.shape[2],
        count=array.shape[0],
        dtype="uint8",
        crs="EPSG:32640",
        transform=Affine(0.5, 0, 3e5, 0, -0.5, 2e6),
    ) as file:
        file.write(array)


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("east", "west"):
        truth = np.zeros((1, 90, 120), np.uint8)
        truth[:, :, 60:] = 3
        truth[:, :10] = 255
        image = rng.integers(0, 40, (3, 90, 120)).astype(np.uint8)
        image[:, truth[0] == 3] += 120
        write(tmp_path / "images" / f"{name}.tif", image)
        write(tmp_path / "masks" / f"{name}.tif", truth)
    return tmp_path


def test_it_learns_and_scores_what_it_has_not_seen(data, capsys):
    path = data / "made.pth"
    arguments = [str(data), str(path), "--leave-out", "west", "--steps", "60", "--seed", "3", *SMALL]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "1 orthophotos (east)" in told
    assert "west, never seen" in told
    made = load_checkpoint(path)
    assert made.scheme.names == LANDCOVER_AI.names
    assert made.metrics["miou_of_left_out"]["west"] > 0.5
    assert made.config["leave_out"] == ["west"]
    assert str(data) not in str(made.config)  # no path of the machine that made it
    assert made.state_dict["head.weight"].dtype == torch.float16
    made.build()
    again = data / "again.pth"
    arguments[1] = str(again)
    assert main(arguments) == 0
    assert all(torch.equal(tensor, made.state_dict[name]) for name, tensor in load_checkpoint(again).state_dict.items())


def status(arguments):
    try:
        return main(arguments)
    except SystemExit as end:  # what tyro finds wrong itself
        return end.code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--leave-out", "north"], "north"),
        (["--crop", "30"], "multiple of 4"),
        (["--steps", "0"], "steps"),
        (["--coarsest", "0.5"], "coarsest"),
    ],
)
def test_bad_input_is_named(data, capsys, arguments, words):
    assert status([str(data), str(data / "made.pth"), *SMALL, *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (data / "made.pth").exists()


def test_a_missing_mask_is_named(data, capsys):
    (data / "masks" / "east.tif").unlink()
    assert main([str(data), str(data / "made.pth"), *SMALL]) == 2
    assert "east.tif" in capsys.readouterr().err


def test_crops_come_from_where_something_is_known(data):
    sceneries = labelled_orthophotos(data, len(LANDCOVER_AI))
    assert label_counts(sceneries, 5).tolist() == [2 * 80 * 60, 0, 0, 2 * 80 * 60, 0]
    rng = np.random.default_rng(0)
    for _ in range(10):
        images, labels = draw_batch(sceneries, np.array([0.5, 0.5]), 4, 24, 2.0, rng)
        assert images.shape == (4, 3, 24, 24)
        assert images.dtype == torch.float32
        assert labels.dtype == torch.int8
        assert set(labels.unique().tolist()) <= {-1, 0, 3}
        assert (labels >= 0).float().mean(dim=(1, 2)).min() > 0.2
        # Bright is water here, whatever the colours were changed to: image and labels move together.
        for image, label in zip(images, labels, strict=True):
            if (label == 0).any() and (label == 3).any():
                assert image[:, label == 3].mean() > image[:, label == 0].mean()


def test_generated_scenes_are_complete_and_differ():
    one, two = generated((1, 2), 512)
    assert one.truth.dtype == np.int8
    assert one.truth.min() >= 0
    assert (one.pixels != two.pixels).any()
    assert min(one.std) > 1
