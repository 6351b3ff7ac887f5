"""UNet++: a nested decoder whose nodes see all earlier nodes of their resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from trainer.models.blocks import ConvBlock, Upsample, check_input, level_widths, receptive_reach

if TYPE_CHECKING:
    from torch import Tensor

    from trainer.config import ModelConfig

__all__ = ["UNetPlusPlus"]


class UNetPlusPlus(nn.Module):
    """UNet++ (Zhou et al. 2018), its nodes named as in the paper: X^{i,j} is node j at resolution i, here ``x{i}{j}``.

    X^{i,0} is the encoder; X^{i,j} takes X^{i,0} ... X^{i,j-1} and the upsampled X^{i+1,j-1}.

    Parameters
    ----------
    config : ModelConfig
        Width, levels, normalisation, upsampling, and whether to train with deep supervision.
    in_channels, classes : int
        Bands of the image and channels of the logits.

    Attributes
    ----------
    multiple, reach : int
        As for `trainer.models.unet.UNet`.

    Notes
    -----
    With deep supervision each X^{0,j}, j > 0, has a head at full resolution. In training the network returns their
    logits as a list, in evaluation their mean. Without, there is the last head alone.
    """

    def __init__(self, config: ModelConfig, in_channels: int, classes: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.classes = classes
        self.multiple = config.multiple
        self.reach = receptive_reach(config.levels, config.upsampling)
        self.depth = config.levels - 1
        widths = level_widths(config)
        self.pool = nn.MaxPool2d(2)
        self.nodes = nn.ModuleDict()
        self.up = nn.ModuleDict()
        for i, (before, width) in enumerate(zip([in_channels, *widths], widths, strict=False)):
            self.nodes[f"x{i}0"] = ConvBlock(before, width, config.norm)
        for j in range(1, self.depth + 1):
            for i in range(self.depth + 1 - j):
                self.up[f"x{i}{j}"] = Upsample(widths[i + 1], widths[i], config.upsampling, config.align_corners)
                self.nodes[f"x{i}{j}"] = ConvBlock((j + 1) * widths[i], widths[i], config.norm)
        supervised = range(1 if config.deep_supervision else self.depth, self.depth + 1)
        self.heads = nn.ModuleDict({f"x0{j}": nn.Conv2d(widths[0], classes, 1) for j in supervised})

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Return logits (B, classes, H, W) for a normalised image; a list of them, one a head, in deep supervision."""
        check_input(x, self.in_channels, self.multiple)
        row: list[list[Tensor]] = []  # row[i] holds X^{i,0}, X^{i,1} ...
        for i in range(self.depth + 1):
            x = self.nodes[f"x{i}0"](x if i == 0 else self.pool(x))
            row.append([x])
        for j in range(1, self.depth + 1):
            for i in range(self.depth + 1 - j):
                name = f"x{i}{j}"
                below = self.up[name](row[i + 1][j - 1])
                row[i].append(self.nodes[name](torch.cat([*row[i], below], dim=1)))
        logits: list[Tensor] = [head(row[0][int(name[2:])]) for name, head in self.heads.items()]
        if len(logits) == 1:
            return logits[0]
        return logits if self.training else torch.stack([z.float() for z in logits]).mean(0)
