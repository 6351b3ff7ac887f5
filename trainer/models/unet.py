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

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes, H, W) for a normalised image (B, in_channels, H, W)."""
        check_input(x, self.in_channels, self.multiple)
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        skips.pop()
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat([skips.pop(), up(x)], dim=1))
        logits: Tensor = self.head(x)
        return logits
