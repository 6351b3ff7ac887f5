from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.augment import augment, dihedral, photometric, warp
from trainer.config import AugmentConfig

STRONG = AugmentConfig(warp=1.0, max_shift=0.3, max_scale=0.4, max_rotation=180.0)


@given(seed=st.integers(0, 10_000), height=st.integers(5, 24), width=st.integers(5, 24))
def test_nothing_is_labelled_that_was_not(seed: int, height: int, width: int) -> None:
    images = torch.zeros(3, 2, height, width, dtype=torch.uint8)
    labels = torch.full((3, height, width), -1, dtype=torch.int8)
    _, moved = augment(images, labels, STRONG, np.random.default_rng(seed))
    assert (moved == -1).all()


@given(seed=st.integers(0, 10_000))
def test_no_class_appears_in_a_sample_that_lacks_it(seed: int) -> None:
    """Fill and interpolation invent no class: -1 may come in from outside, a class may be pushed out."""
    rng = np.random.default_rng(seed)
    labels = torch.from_numpy(rng.choice([-1, 1, 4], (4, 16, 16))).to(torch.int8)
    labels[0] = 4
    _, moved = augment(torch.zeros(4, 1, 16, 16, dtype=torch.uint8), labels, STRONG, rng)
    assert moved.dtype == torch.int8
    for before, after in zip(labels, moved, strict=True):
        assert set(after.unique().tolist()) <= set(before.unique().tolist()) | {-1}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32])
def test_the_eight_symmetries_are_exact_and_different(dtype: torch.dtype) -> None:
    square = torch.arange(16).view(1, 1, 4, 4).to(dtype)
    all_eight = dihedral(square.repeat(8, 1, 1, 1), range(8))
    assert all_eight.dtype == dtype
    assert len({tuple(one.flatten().tolist()) for one in all_eight}) == 8
    for one in all_eight:
        assert sorted(one.flatten().tolist()) == list(range(16))
    oblong = dihedral(torch.arange(8).view(1, 2, 4).repeat(8, 1, 1), range(8))
    assert len({tuple(one.flatten().tolist()) for one in oblong}) == 4


@given(seed=st.integers(0, 10_000), dtype=st.sampled_from([torch.uint8, torch.uint16, torch.float32]))
def test_labels_stay_on_their_pixels(seed: int, dtype: torch.dtype) -> None:
    """Blocks of one class each: inside a block, bilinear and nearest must agree."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 5, (3, 4, 4))
    labels = torch.from_numpy(np.kron(coarse, np.ones((8, 8)))).to(torch.int8)
    images = (labels.int() * 50).to(dtype)[:, None]
    config = AugmentConfig(warp=0.7, max_shift=0.1, max_scale=0.2, max_rotation=45)
    moved, carried = augment(images, labels, config, rng)
    assert moved.dtype == dtype
    assert moved.shape == images.shape
    known = carried >= 0
    error = (moved[:, 0].float() - 50 * carried.float()).abs()[known]
    # Bilinear mixes at the blocks' borders only, where the error may reach the difference of the classes.
    assert float((error < 1).float().mean()) > 0.6
    assert known.float().mean() > 0.5


@pytest.mark.parametrize("size", [(9, 9), (8, 14)])
def test_known_warps(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 255, (1, 3, *size), dtype=np.uint8))
    labels = torch.from_numpy(rng.integers(0, 5, (1, *size))).to(torch.int8)
    same_images, same_labels = warp(images, labels, np.eye(2, 3)[None])
    assert torch.equal(same_images, images)
    assert torch.equal(same_labels, labels)
    half_turn = np.array([[[-1.0, 0, 0], [0, -1, 0]]])
    turned_images, turned_labels = warp(images, labels, half_turn)
    assert torch.equal(turned_labels, labels.flip(-1, -2))
    assert (turned_images.int() - images.flip(-1, -2).int()).abs().max() <= 1
    shift = np.array([[[1.0, 0, 2 * 2 / size[1]], [0, 1, 0]]])  # two pixels
    _, shifted = warp(images, labels, shift)
    assert torch.equal(shifted[..., :-2], labels[..., 2:])
    assert (shifted[..., -2:] == -1).all()


def test_a_rotation_of_an_oblong_crop_keeps_its_shapes() -> None:
    """A disc turned about its centre stays where it is, whatever the crop's proportions."""
    height, width = 40, 80
    rows, columns = np.ogrid[:height, :width]
    disc = (rows - height / 2 + 0.5) ** 2 + (columns - width / 2 + 0.5) ** 2 < 12**2
    labels = torch.from_numpy(np.where(disc, 1, 0)).to(torch.int8)[None]
    turn = np.deg2rad(37)
    matrix = np.array([[[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]]])
    _, moved = warp(torch.zeros(1, 1, height, width), labels, matrix)
    assert ((moved == 1) != (labels == 1)).float().mean() < 0.01


def test_a_sample_s_change_depends_on_its_own_generator_alone() -> None:
    images = torch.randint(0, 255, (4, 3, 16, 16), dtype=torch.uint8)
    labels = torch.randint(-1, 5, (4, 16, 16), dtype=torch.int8)
    config = AugmentConfig(warp=0.5, noise=0.1)

    def change(which: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        generators = [np.random.default_rng([7, i]) for i in which]
        moved, carried = augment(images[which], labels[which], config, generators)
        return photometric(moved.float(), config, generators), carried

    together = change([0, 1, 2, 3])
    for i in range(4):
        alone = change([i])
        torch.testing.assert_close(alone[0][0], together[0][i])
        assert torch.equal(alone[1][0], together[1][i])
    with pytest.raises(ValueError, match="1 generators for 4 samples"):
        augment(images, labels, config, [np.random.default_rng(0)])


def test_every_symmetry_occurs() -> None:
    rng = np.random.default_rng(0)
    images = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3).repeat(200, 1, 1, 1)
    moved, _ = augment(images, images[:, 0].to(torch.int8), AugmentConfig(), rng)
    assert len({tuple(one.flatten().tolist()) for one in moved}) == 8


def test_photometric_changes_are_bounded() -> None:
    images = torch.randn(8, 3, 16, 16)
    rng = np.random.default_rng(0)
    assert photometric(images, AugmentConfig(brightness=0, contrast=0), rng) is images
    changed = photometric(images, AugmentConfig(brightness=0.2, contrast=0), rng) - images
    for one, other in itertools.pairwise(changed):
        assert float(one.std()) < 1e-5
        assert abs(float(one.mean())) <= 0.2
        assert not torch.allclose(one, other)
    ratio = photometric(images, AugmentConfig(brightness=0, contrast=0.3), rng) / images
    assert ((ratio > 0.699) & (ratio < 1.301)).all()
    noisy = photometric(images, AugmentConfig(brightness=0, contrast=0, noise=0.5), rng) - images
    assert float(noisy.std()) == pytest.approx(0.5, rel=0.05)
