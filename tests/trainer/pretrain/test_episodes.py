"""Episodes for pretraining: crops, labels, questions, and the heads that are fitted to them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.pretrain.colour import draw_look, worsened
from trainer.pretrain.crops import draw_crop
from trainer.pretrain.episodes import MOST_CLASSES, draw_episode, kinds_of_colour
from trainer.pretrain.ground import Place
from trainer.pretrain.heads import Heads, colour_maps, features_at


def blocks(seed, n_classes, side=96, cell=24):
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.integers(-1, n_classes, (side // cell,) * 2), np.ones((cell, cell))).astype(np.int8)
    colours = (truth[..., None] / n_classes + rng.uniform(0, 0.3, (side, side, 3))).astype(np.float32).clip(0, 1)
    return truth, colours


@pytest.mark.parametrize("n_classes", [2, 5, 9])
def test_labels_and_questions_are_of_known_pixels_and_balanced(n_classes):
    for seed in range(20):
        truth, colours = blocks(seed, n_classes)
        episode = draw_episode(truth, colours, 100, 400, np.random.default_rng(seed))
        assert (truth[tuple(episode.places.T)] >= 0).all()
        assert (truth[tuple(episode.asked.T)] >= 0).all()
        counts = np.bincount(episode.labels)
        assert 2 <= len(counts) <= MOST_CLASSES
        assert counts.max() - counts.min() <= 1
        assert set(episode.answers) == set(episode.labels)
        for kind in range(len(counts)):  # a class of an episode is one, a part or two of the truth's
            of = [set(truth[tuple(p[c == kind].T)]) for p, c in ((episode.places, episode.labels),)]
            assert 1 <= len(of[0]) <= 2


def test_where_there_is_one_class_or_none_colours_make_some():
    colours = blocks(0, 3)[1]
    for value in (-1, 2):
        truth = np.full(colours.shape[:2], value, np.int8)
        assert draw_episode(truth, colours, 40, 100, np.random.default_rng(1)) is not None


def test_nothing_can_be_told_apart_in_a_crop_of_one_colour():
    flat = np.full((64, 64, 3), 0.5, np.float32)
    assert draw_episode(np.zeros((64, 64), np.int8), flat, 40, 100, np.random.default_rng(0)) is None


def test_kinds_of_colour_are_those_that_differ():
    colours = np.zeros((40, 60, 3), np.float32)
    colours[:, 30:] = 0.8
    inside = np.ones((40, 60), bool)
    inside[:5] = False
    kinds = kinds_of_colour(colours, inside, 2, np.random.default_rng(0))
    assert (kinds[:5] == -1).all()
    assert kinds[20, 5] != kinds[20, 55]
    assert len(np.unique(kinds[5:, :20])) == 1


def test_a_look_changes_all_pixels_alike():
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 1, (50, 3)).astype(np.float32)
    for seed in range(30):
        look = draw_look(np.random.default_rng(seed))
        changed = look(pixels)
        assert changed.dtype == np.float32
        assert changed.min() >= 0
        assert changed.max() <= 1
        np.testing.assert_array_equal(look(pixels[::-1]), changed[::-1])
        crop = worsened(pixels[:48].reshape(6, 8, 3), np.random.default_rng(seed))
        assert crop.shape == (6, 8, 3)
        assert crop.dtype == np.float32


def test_a_crop_is_of_the_size_asked_for_and_its_truth_moves_along():
    truth = np.zeros((150, 130), np.int8)
    truth[:, 60:] = 1
    pixels = np.where(truth[..., None] == 1, 200, 40).astype(np.uint8).repeat(3, axis=-1)
    place = Place(pixels, truth, pixels.reshape(-1, 3)[::7])
    for seed in range(10):
        image, colours, seen = draw_crop(place, 64, np.random.default_rng(seed))
        assert image.shape == colours.shape == (64, 64, 3)
        assert seen.shape == (64, 64)
        if 0.2 < seen.mean() < 0.8:
            assert colours[seen == 1].mean() > colours[seen == 0].mean()


def test_features_have_no_mean_and_each_map_counts_as_one():
    maps = [torch.randn(2, c, s, s) * 3 + 5 for c, s in ((4, 32), (9, 16))]
    places = torch.cartesian_prod(torch.arange(0, 32), torch.arange(0, 32))[None].expand(2, -1, -1)
    at = features_at(maps, places, 32)
    assert at.shape == (2, 1024, 13)
    assert at[..., :4].mean(1).abs().max() < 1e-3
    assert torch.allclose((at[..., :4] ** 2).mean(1).sum(-1), torch.ones(2), atol=1e-3)


def test_colours_are_smoothed_over_5_and_13_pixels():
    image = torch.rand(1, 3, 40, 30)
    smoothed = colour_maps(image)[0]
    assert torch.equal(smoothed[:, :3], image)
    assert torch.allclose(smoothed[0, 3:6, 20, 15], image[0, :, 18:23, 13:18].mean((1, 2)), atol=1e-5)
    assert torch.allclose(smoothed[0, 6:, 20, 15], image[0, :, 14:27, 9:22].mean((1, 2)), atol=1e-5)


def test_the_head_is_that_of_least_squares():
    torch.manual_seed(0)
    heads = Heads(4, (2, 3))
    groups = [torch.randn(2, 30, 5), torch.randn(2, 30, 3)]
    labels = torch.arange(20).remainder(3).repeat(2, 1)
    logits = heads.episodic(groups, labels, 4, 0)
    both = torch.cat(groups, dim=-1)[0].double()
    known = both[:20] - both[:20].mean(0)
    targets = torch.eye(4, dtype=torch.float64)[labels[0]]
    share = targets.mean(0)
    ridge = heads.log_ridge[0].exp().double() * torch.eye(8, dtype=torch.float64)
    weights = torch.linalg.solve(known.T @ known / 20 + ridge, known.T @ (targets - share) / 20)
    wanted = (share + (both[20:] - both[:20].mean(0)) @ weights) * heads.log_sharpness[0].exp()
    assert torch.allclose(logits[0, :, :3], wanted[:, :3].float(), atol=1e-4)
    assert (logits[..., 3] < -1000).all()  # a class without labels is never answered


def test_the_head_that_stays_knows_which_classes_there_are():
    heads = Heads(4, (2, 3))
    logits = heads.staying(torch.randn(2, 6, 4), (0, 1))
    assert heads.starts == [0, 2, 5]
    assert (logits[0, :, 2:] < -1000).all()
    assert (logits[1, :, :2] < -1000).all()
    assert (logits[1, :, 2:] > -1000).all()
