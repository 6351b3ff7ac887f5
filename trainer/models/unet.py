"""UNet: an encoder, a decoder, and skips between them at each resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from trainer.models.blocks import ConvBlock, Upsample, check_input, level_widths, receptive_reach

if TYPE_CHECKING:
    from torch import Tensor

    from trainer.config import ModelConfig

__all__ = ["UNet"]


class UNet(nn.Module):
    """UNet (Ronneberger et al. 2015) with padded convolutions and normalisation.

    Parameters
    ----------
    config : ModelConfig
        Width, levels, normalisation, upsampling and bottleneck.
    in_channels, classes : int
        Bands of the image and channels of the logits.

    Attributes
    ----------
    multiple : int
        Height and width of the input must be multiples of this.
    reach : int
        An output pixel depends on input pixels at most this far away; a multiple of `multiple`. Group normalisation
        averages over the whole input besides.
    """

    def __init__(self, config: ModelConfig, in_channels: int, classes: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.classes = classes
        self.multiple = config.multiple
        self.reach = receptive_reach(config.levels, config.upsampling)
        widths = level_widths(config)
        self.encoder = nn.ModuleList(
            ConvBlock(before, after, config.norm) for before, after in zip([in_channels, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        levels = range(config.levels - 2, -1, -1)
        # A narrow decoder gives each level the channels of the next, so that upsampling has none to reduce.
        narrow = config.bottleneck == "half"
        out = {level: widths[max(level - 1, 0) if narrow else level] for level in levels}
        below = [widths[-1], *(out[level] for level in levels)]
        self.up = nn.ModuleList(
            Upsample(deep, widths[level], config.upsampling, config.align_corners)
            for deep, level in zip(below, levels, strict=False)
        )
        self.decoder = nn.ModuleList(
            ConvBlock(2 * widths[level], out[level], config.norm, middle=widths[level]) for level in levels
        )
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor, inner: tuple[slice, slice] | None = None) -> Tensor:
        """Return logits (B, classes, H, W) for a normalised image (B, in_channels, H, W).

        Parameters
        ----------
        x : Tensor
            The image.
        inner : tuple of slice, optional
            Rows and columns that are wanted, with start and stop: the logits are of these alone, and the same as they
            would be in all. The decoder then leaves out what they do not depend on, which is most of a wide margin.
        """
        check_input(x, self.in_channels, self.multiple)
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        skips.pop()
        if inner is None:
            for up, block in zip(self.up, self.decoder, strict=True):
                x = block(torch.cat([skips.pop(), up(x)], dim=1))
            logits: Tensor = self.head(x)
            return logits
        return self._decode(x, skips, inner)

    def _decode(self, x: Tensor, skips: list[Tensor], inner: tuple[slice, slice]) -> Tensor:
        """Decode as much of each resolution as `inner` depends on."""
        needed = [_needed(side, len(skips)) for side in inner]
        origin = (0, 0)  # of x, in pixels of its resolution
        for up, block in zip(self.up, self.decoder, strict=True):
            skip, level = skips.pop(), len(skips)
            first = tuple(max(axis[level][0], 0) for axis in needed)
            last = tuple(min(axis[level][1], size) for axis, size in zip(needed, skip.shape[-2:], strict=True))
            x = _cut(up(x), (2 * origin[0], 2 * origin[1]), first, last)
            x = block(torch.cat([_cut(skip, (0, 0), first, last), x], dim=1))
            origin = first[0], first[1]
        logits: Tensor = self.head(_cut(x, origin, *zip(*((side.start, side.stop) for side in inner), strict=True)))
        return logits


def _needed(side: slice, levels: int) -> list[tuple[int, int]]:
    """Return which pixels of each resolution, the full one first, the decoder needs along an axis for `side`.

    A block's two 3x3 convolutions reach two pixels far, and bilinear upsampling mixes a pixel with its neighbour.
    """
    first, last = side.start, side.stop
    result = []
    for _ in range(levels):
        first, last = first - 2, last + 2
        result.append((first, last))
        first, last = first // 2 - 1, -(-last // 2) + 1
    return result


def _cut(x: Tensor, origin: tuple[int, ...], first: tuple[int, ...], last: tuple[int, ...]) -> Tensor:
    """Return the pixels from `first` to `last` of a tensor (B, C, H, W) whose corner is at `origin`."""
    rows, columns = (slice(a - at, b - at) for at, a, b in zip(origin, first, last, strict=True))
    return x[..., rows, columns]
