"""Features between cells: the same by places and by area, and independent of what is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from annotations.region import Region
from trainer.models.feature_maps import FeatureMap, FeatureMaps


def made(stride, channels=3, cells=12, top=0, left=0, seed=0):
    values = torch.randn(channels, cells, cells, generator=torch.Generator().manual_seed(seed))
    return FeatureMap(values.half(), stride, top, left)


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
def test_places_are_mixed_as_torch_enlarges(stride):
    one = made(stride, top=16, left=32)
    side = 12 * stride
    whole = functional.interpolate(one.values.float()[None], size=(side, side), mode="bilinear", align_corners=False)[0]
    rng = np.random.default_rng(0)
    places = rng.integers(0, side, (50, 2))
    found = one.at(torch.from_numpy(places + np.array([16, 32])))
    assert torch.allclose(found, whole[:, places[:, 0], places[:, 1]].T, atol=1e-3)


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_a_part_is_mixed_as_the_whole(stride):
    one = made(stride)
    region = Region(3 * stride + 1, 4 * stride - 1, 3 * stride, 5 * stride)
    rows, columns = np.mgrid[region.top : region.bottom, region.left : region.right]
    places = torch.from_numpy(np.stack([rows.ravel(), columns.ravel()], axis=1))
    assert torch.allclose(one.around(region).at(places), one.at(places), atol=1e-5)


def test_answers_of_an_area_are_those_of_its_places():
    region = Region(32, 32, 64, 96)
    maps = FeatureMaps.cut(region, [made(s, cells=256 // s, seed=s) for s in (1, 2, 4, 8, 16, 32)])
    weights, constants = torch.randn(4, 18), torch.randn(4)
    rows, columns = np.mgrid[region.top : region.bottom, region.left : region.right]
    places = torch.from_numpy(np.stack([rows.ravel(), columns.ravel()], axis=1))
    exact = (maps.at(places) @ weights.T + constants).T.view(4, *region.shape)
    answers = maps.answers(weights, constants)
    # Enlarged in two steps, the last of two: cheaper, and not quite the same where each cell is chance.
    assert (answers - exact).abs().mean() < 0.1 * exact.abs().mean()
    fine = FeatureMaps.cut(region, [made(s, cells=256 // s, seed=s) for s in (1, 2)])
    exact = (fine.at(places) @ weights[:, :6].T + constants).T.view(4, *region.shape)
    assert torch.allclose(fine.answers(weights[:, :6], constants), exact, atol=2e-3)


def test_maps_of_one_resolution_become_one():
    maps = FeatureMaps.cut(Region(0, 0, 32, 32), [made(4, 2), made(2, 5), made(4, 3, seed=1)])
    assert [(m.stride, len(m.values)) for m in maps.maps] == [(2, 5), (4, 5)]
    assert maps.nbytes == sum(m.values.nbytes for m in maps.maps)
