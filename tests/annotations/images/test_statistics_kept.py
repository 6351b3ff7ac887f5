"""Mean and deviation of the bands, kept beside the project while the image stays as it is."""

from __future__ import annotations

import os

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import band_statistics, kept_statistics

PLACE = Affine(0.5, 0, 10, 0, -0.5, 20)


def write(path, seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (3, 60, 80)).astype(np.uint8)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=60,
        width=80,
        count=3,
        dtype="uint8",
        transform=Affine(0.5, 0, 10, 0, -0.5, 20),
    ) as file:
        file.write(pixels)


@pytest.fixture
def image(tmp_path):
    write(tmp_path / "image.tif", 1)
    return tmp_path / "image.tif"


def test_they_are_those_of_the_image_and_come_back(image, tmp_path, monkeypatch):
    kept = tmp_path / "statistics.json"
    ortho = open_orthophoto(image)
    first = kept_statistics(ortho, kept)
    assert first == band_statistics(ortho)
    monkeypatch.setattr("annotations.images.statistics.band_statistics", lambda _: pytest.fail("measured again"))
    assert kept_statistics(open_orthophoto(image), kept) == first


def test_an_image_that_changed_is_measured_again(image, tmp_path):
    kept = tmp_path / "statistics.json"
    first = kept_statistics(open_orthophoto(image), kept)
    write(image, 2)
    os.utime(image, ns=(1, 1))
    second = kept_statistics(open_orthophoto(image), kept)
    assert second == band_statistics(open_orthophoto(image)) != first


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"of": 1, "mean": "x", "std": []}', "\x00"])
def test_what_is_damaged_is_measured_again(image, tmp_path, content):
    kept = tmp_path / "statistics.json"
    ortho = open_orthophoto(image)
    kept.write_text(content)
    assert kept_statistics(ortho, kept) == band_statistics(ortho)


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(image, tmp_path):
    ortho = open_orthophoto(image)
    assert kept_statistics(ortho, tmp_path / "nowhere" / "statistics.json") == band_statistics(ortho)
