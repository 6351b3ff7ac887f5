"""Random changes of training crops, many at once; labels move along, and what comes in from outside is unlabelled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from annotations.classes import UNLABELLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from trainer.config import AugmentConfig

    Randomness = np.random.Generator | Sequence[np.random.Generator]

__all__ = ["augment", "dihedral", "photometric", "warp"]


def _generators(rng: Randomness, count: int) -> Sequence[np.random.Generator]:
    if isinstance(rng, np.random.Generator):
        return [rng] * count
    if len(rng) != count:
        raise ValueError(f"{len(rng)} generators for {count} samples")
    return rng


def _movable(batch: Tensor) -> Tensor:
    # torch cannot flip or assign unsigned 16-bit numbers.
    return batch.view(torch.int16) if batch.dtype == torch.uint16 else batch


def augment(images: Tensor, labels: Tensor, config: AugmentConfig, rng: Randomness) -> tuple[Tensor, Tensor]:
    """Flip, turn and warp a batch.

    Parameters
    ----------
    images : Tensor (B, C, H, W)
        uint8, uint16 or float; the result has the same type.
    labels : Tensor (B, H, W), int8
        -1 where unlabelled.
    config : AugmentConfig
        What to do, and how much.
    rng : numpy Generator, or one per sample
        One per sample makes a sample's change independent of its batch.

    Returns
    -------
    images, labels : Tensor
        New tensors; a quarter turn is made only where height equals width.
    """
    generators = _generators(rng, len(images))
    if config.dihedral:
        turns = [int(g.integers(8)) for g in generators]
        images, labels = dihedral(images, turns), dihedral(labels, turns)
    if config.warp > 0:
        matrices = np.stack([_draw_warp(config, g) for g in generators])
        chosen = np.flatnonzero(~(matrices == np.eye(2, 3)).all(axis=(1, 2)))
        if len(chosen):
            where = torch.from_numpy(chosen).to(images.device)
            moved = warp(_movable(images)[where].view(images.dtype), labels[where], matrices[chosen])
            images, labels = images.clone(), labels.clone()
            _movable(images)[where], labels[where] = _movable(moved[0]), moved[1]
    return images, labels


def dihedral(batch: Tensor, elements: Sequence[int]) -> Tensor:
    """Apply one of the eight symmetries of the square to each sample's last two axes; exact.

    Parameters
    ----------
    batch : Tensor (B, ..., H, W)
        Any type.
    elements : sequence of int, 0 to 7
        Quarter turns, plus 4 for a flip before them. Where H and W differ, 1 and 3 count as 0 and 2.
    """
    square = batch.shape[-1] == batch.shape[-2]
    out = []
    for sample, element in zip(_movable(batch), elements, strict=True):
        turns = element % 4 if square else element % 4 // 2 * 2
        flipped = sample.flip(-1) if element >= 4 else sample
        out.append(torch.rot90(flipped, turns, (-2, -1)) if turns else flipped)
    return torch.stack(out).view(batch.dtype)


def _draw_warp(config: AugmentConfig, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Draw the map from output to input pixels, (2, 3), in half sides of the crop; the identity if none is wanted."""
    happens, scale, angle, across, down = rng.uniform(-1, 1, 5)
    if (happens + 1) / 2 >= config.warp:
        return np.eye(2, 3)
    factor = 1 / (1 + config.max_scale * scale)
    turn = math.radians(config.max_rotation * angle)
    rotation = factor * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return np.concatenate([rotation, 2 * config.max_shift * np.array([[across], [down]])], axis=1)


def warp(images: Tensor, labels: Tensor, matrices: np.ndarray[Any, Any]) -> tuple[Tensor, Tensor]:
    """Warp each sample: images bilinear and reflected at the border, labels nearest and -1 outside.

    Parameters
    ----------
    images : Tensor (B, C, H, W)
        Any type; integers are rounded.
    labels : Tensor (B, H, W)
        int8.
    matrices : ndarray (B, 2, 3)
        From output to input (x, y), 1 being half of the crop's side; rotations are true also where H and W differ.
    """
    height, width = labels.shape[-2:]
    theta = np.array(matrices, np.float64)
    theta[:, 0, 1] *= height / width  # torch measures x in half widths and y in half heights
    theta[:, 1, 0] *= width / height
    grid = functional.affine_grid(
        torch.from_numpy(theta).to(images.device, torch.float32),
        [len(images), 1, height, width],
        align_corners=False,
    )
    moved = functional.grid_sample(images.float(), grid, "bilinear", "reflection", align_corners=False)
    if not images.is_floating_point():
        moved = moved.round_()
    # Labels count from 1 here, so that the zeros that torch fills in become -1: no class comes in from outside.
    shifted = (labels.float() - UNLABELLED).unsqueeze(1)
    carried = functional.grid_sample(shifted, grid, "nearest", "zeros", align_corners=False)
    return moved.to(images.dtype), (carried.squeeze(1) + UNLABELLED).round_().to(labels.dtype)


def photometric(images: Tensor, config: AugmentConfig, rng: Randomness) -> Tensor:
    """Change brightness and contrast of each sample, and add noise.

    Parameters
    ----------
    images : Tensor (B, C, H, W), float
        Normalised: the mean of the imagery is 0 and its standard deviation 1.
    config : AugmentConfig
        How much.
    rng : numpy Generator, or one per sample
        Where the random numbers come from.

    Returns
    -------
    Tensor
        Of the same shape and type.
    """
    if not (config.brightness or config.contrast or config.noise):
        return images
    generators = _generators(rng, len(images))
    draws = np.stack([g.uniform(-1, 1, 2) for g in generators])
    gain = torch.from_numpy(1 + config.contrast * draws[:, 0]).to(images).view(-1, 1, 1, 1)
    shift = torch.from_numpy(config.brightness * draws[:, 1]).to(images).view(-1, 1, 1, 1)
    result = images * gain + shift
    if config.noise:
        drawn = np.stack([g.standard_normal(images.shape[1:], np.float32) for g in generators])
        result = result + config.noise * torch.from_numpy(drawn).to(images)
    return result
