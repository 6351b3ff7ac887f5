"""Crops hold the image and the labels of one place, at every resolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from annotations.region import Region
from trainer.config import DeviceConfig, LiveConfig
from trainer.live.crops import LiveCrops, measure_statistics
from trainer.live.label_index import LabelIndex
from trainer.live.pixels import BlockCache, Pyramid
from trainer.normalisation import Normalisation
from trainer.precision import choose_precision

SHAPE = (150, 220)
LIVE = LiveConfig(crop=32, batch_size=6)
PLAIN = Normalisation((0.0, 0.0), (1.0, 1.0))


class Image:
    """Two bands that tell the row and the column of a pixel."""

    shape, bands = SHAPE, 2

    def __init__(self, valid_columns=SHAPE[1]):
        self._pixels = np.stack(np.mgrid[: SHAPE[0], : SHAPE[1]], axis=-1).astype(np.uint8)
        self._valid = np.zeros(SHAPE, bool)
        self._valid[:, :valid_columns] = True

    def read(self, region):
        return self._pixels[region.slices]

    def read_valid(self, region):
        return self._valid[region.slices]


def crops_of(image, normalisation=PLAIN):
    cache = BlockCache(image)
    return LiveCrops(cache, Pyramid(cache), normalisation, choose_precision(DeviceConfig(device="cpu", threads=1)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 1))
def test_image_and_labels_of_a_crop_are_of_one_place(seed, level):
    rng = np.random.default_rng(seed)
    labels = np.full(SHAPE, -1, np.int8)
    for _ in range(3):
        top, left = rng.integers(0, SHAPE[0] - 20), rng.integers(0, SHAPE[1] - 20)
        labels[top : top + 20, left : left + 20] = rng.integers(0, 3)
    index = LabelIndex(SHAPE, 3)
    index.update(Region.whole(SHAPE), labels)
    images, targets = crops_of(Image()).around_labels(index, LIVE, level, rng)
    assert images.shape == (6, 2, 32, 32)
    assert targets.shape == (6, 32, 32)
    assert targets.dtype == torch.int8
    for image, target in zip(images.numpy(), targets.numpy(), strict=True):
        assert (target >= 0).any()  # drawn around a labelled pixel, and never so far from it that it is lost
        rows, columns = np.nonzero(target >= 0)
        if level == 0:  # no label lies in the margin that is mirrored beyond the border
            assert np.array_equal(target[rows, columns], labels[image[0][rows, columns], image[1][rows, columns]])


def test_without_coarser_resolutions_every_crop_is_fine():
    index = LabelIndex(SHAPE, 1)
    index.update(Region(60, 60, 20, 20), np.zeros((20, 20), np.int8))
    alone = LiveCrops(BlockCache(Image()), None, PLAIN, choose_precision(DeviceConfig(device="cpu", threads=1)))
    images, _ = alone.around_labels(index, LIVE, 3, np.random.default_rng(0))
    assert np.array_equal(np.diff(images.numpy()[0, 0].astype(int), axis=0) % 256, np.ones((31, 32)))


def test_probes_are_the_same_for_a_seed_normalised_and_where_the_image_has_data():
    crops = crops_of(Image(valid_columns=150), Normalisation((10.0, 20.0), (2.0, 4.0)))
    first = crops.probes(7, 0)
    assert torch.equal(first, crops.probes(7, 0))
    assert not torch.equal(first, crops.probes(8, 0))
    columns = first[:, 1] * 4 + 20
    assert float(columns.max()) <= SHAPE[1] - 1
    starts = columns[:, 0, 0]
    assert (150 - starts > 64).all()  # more than half of each lies where there are data


def test_statistics_are_plain_means_over_all_batches():
    model = nn.Sequential(nn.BatchNorm2d(2, momentum=0.01))
    batches = [torch.full((2, 2, 4, 4), value) + torch.randn(2, 2, 4, 4) for value in (0.0, 6.0)]
    measure_statistics(model, batches, choose_precision(DeviceConfig(device="cpu", threads=1)))
    expected = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in batches]).mean(dim=0)
    assert not model.training
    assert model[0].running_mean.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
