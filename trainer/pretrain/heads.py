"""The heads on the features in training: least squares on an episode's labels, in closed form, and one that stays.

The features are treated as where they are used: mean 0 and deviation 1 over the image, each resolution divided by the
root of its channels. The dual form needs the products of features of pixels alone; those of several groups of maps are
added, so a head on all maps and one on the decoder's alone cost little more than one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["Heads", "colour_maps", "features_at"]

_SPAN: Final = 56  # positions along each axis that means and deviations are taken of, about


def colour_maps(images: Tensor) -> list[Tensor]:
    """Return the bands (B, 3, H, W) and their means over 5 and 13 pixels, as one map (B, 9, H, W)."""
    maps = [images]
    for width in (5, 13):
        rows = _moving_mean(images.transpose(2, 3), width).transpose(2, 3)
        maps.append(_moving_mean(rows, width))
    return [torch.cat(maps, dim=1)]


def _moving_mean(x: Tensor, width: int) -> Tensor:
    """Return the mean along the last axis; a hundred times faster than pooling with the channels last."""
    half = width // 2
    total = functional.pad(x.contiguous(), (half + 1, half, 0, 0), mode="reflect").cumsum(-1)
    return (total[..., width:] - total[..., :-width]) / width


def features_at(maps: Sequence[Tensor], places: Tensor, side: int) -> Tensor:
    """Return the features (B, N, D) of pixels (B, N, 2), rows and columns, of images `side` pixels wide.

    Between the pixels of coarse maps they are mixed bilinearly. Each map has mean 0 and deviation 1 over each image,
    and is divided by the root of its channels.
    """
    grid = ((places + 0.5) / side * 2 - 1).flip(-1).to(torch.float32)[:, None]
    parts = []
    for m in maps:
        single = m.float().contiguous()
        step = -(-m.shape[-1] // _SPAN)
        variance, mean = torch.var_mean(single[..., ::step, ::step], dim=(2, 3), correction=0)
        at = functional.grid_sample(single, grid, mode="bilinear", padding_mode="border", align_corners=False)
        at = (at[:, :, 0] - mean[..., None]) * torch.rsqrt(variance + 1e-5)[..., None]
        parts.append(at.transpose(1, 2) / math.sqrt(m.shape[1]))
    return torch.cat(parts, dim=-1)


class Heads(nn.Module):
    """What is asked of the features.

    Parameters
    ----------
    features : int
        Of the decoder, for the head that stays.
    counts : sequence of int
        Classes of each collection; the head that stays tells them all apart, within a collection.
    """

    def __init__(self, features: int, counts: Sequence[int]) -> None:
        super().__init__()
        self.log_ridge = nn.Parameter(torch.tensor([math.log(0.02)] * 2))
        self.log_sharpness = nn.Parameter(torch.tensor([math.log(8.0)] * 2))
        self.stays = nn.Linear(features, sum(counts))
        nn.init.zeros_(self.stays.weight)
        self.starts = [sum(counts[:number]) for number in range(len(counts) + 1)]

    def episodic(self, groups: Sequence[Tensor], labels: Tensor, n_classes: int, which: int) -> Tensor:
        """Return logits (B, M, n_classes) from heads fitted to the first pixels of each image.

        Parameters
        ----------
        groups : sequence of Tensor (B, N + M, D)
            Features of each group of maps; the first N are labelled.
        labels : Tensor of int64, (B, N)
            Classes, each about as often.
        n_classes : int
            The most of an image.
        which : int
            0 or 1: of whose ridge and sharpness.
        """
        number = labels.shape[1]
        kernel = torch.zeros(())
        for features in groups:
            known = features[:, :number]
            centre = known.mean(1, keepdim=True)
            kernel = kernel + (features - centre) @ (known - centre).mT / number
        targets = functional.one_hot(labels, n_classes).float()
        share = targets.mean(1, keepdim=True)
        ridge = self.log_ridge[which].exp() * torch.eye(number)
        weights = torch.linalg.solve(kernel[:, :number] + ridge, targets - share)
        logits = (share + kernel[:, number:] @ weights) * self.log_sharpness[which].exp()
        ruled_out: Tensor = logits.masked_fill(share == 0, -1e4)
        return ruled_out

    def staying(self, features: Tensor, collections: Sequence[int]) -> Tensor:
        """Return logits (B, M, all classes) of the head that stays, those of other collections ruled out."""
        logits: Tensor = self.stays(features * math.sqrt(features.shape[-1]))
        other = torch.ones(logits.shape[0], 1, logits.shape[-1], dtype=torch.bool)
        for row, collection in enumerate(collections):
            other[row, :, self.starts[collection] : self.starts[collection + 1]] = False
        return logits.masked_fill(other, -1e4)
